// deskpod base: the system images that pods start from.
import type { Command } from 'commander';
import { basesDir, buildBase, importBase, listBases } from '../../session/base/base.ts';
import { contextOf } from '../context.ts';
import { formatBytes } from '../units.ts';

/** Adds `deskpod base build|list|import`. */
export function registerBase(program: Command): void {
  const base = program.command('base').description('the system images that pods start from');

  base
    .command('build')
    .argument('[name]', 'what to call it', 'desktop')
    .option('--package <name...>', 'Debian packages to have in it besides the desktop itself')
    .description('build one from Debian packages (root)')
    .action(async (name: string, options: { package?: string[] }, command: Command) => {
      const { output } = contextOf(command);
      const built = await buildBase({
        name,
        extraPackages: options.package ?? [],
        onProgress: output.progress,
      });
      output.result(built, `base ${built.name}: ${formatBytes(built.sizeBytes)}, sha256 ${built.sha256}`);
    });

  base
    .command('list')
    .description('the bases on this host')
    .action(async (_options: unknown, command: Command) => {
      const bases = await listBases(basesDir());
      const lines = bases.map(
        (each) => `${each.name.padEnd(16)} ${formatBytes(each.sizeBytes).padStart(9)}  ${each.sha256}`,
      );
      contextOf(command).output.result(
        { bases },
        lines.length === 0 ? 'none; deskpod base build makes one' : lines.join('\n'),
      );
    });

  base
    .command('import')
    .argument('<file>', 'an EROFS image that deskpod base build made')
    .argument('<name>', 'what to call it here')
    .description('take over a base from elsewhere')
    .action(async (file: string, name: string, _options: unknown, command: Command) => {
      const imported = await importBase(file, basesDir(), name);
      contextOf(command).output.result(imported, `base ${imported.name}: sha256 ${imported.sha256}`);
    });
}

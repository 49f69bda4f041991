// deskpod install: Debian packages into the pod, running or suspended.
import type { Command } from 'commander';
import { contextOf, operateOn, withPodOptions } from '../context.ts';

/** Adds `deskpod install`. */
export function registerInstall(program: Command): void {
  withPodOptions(program.command('install'))
    .argument('<packages...>', 'names of Debian packages')
    .description(
      'install Debian packages into the pod; a suspended session is resumed for it and suspended again',
    )
    .action(async (packages: string[], _options: unknown, command: Command) => {
      const answer = await operateOn(command, 'install', { packages });
      const lines = [`installed: ${answer.packages.join(' ')}`, ...answer.warnings];
      contextOf(command).output.result(answer, lines.join('\n'));
    });
}

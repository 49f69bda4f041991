// deskpod find: in which checkpoints a path lies, and where its content changed.
import type { Command } from 'commander';
import type { FoundPath } from '../../sync/browse/find-paths.ts';
import { formatEntry, formatFacts, formatRange } from '../listing.ts';
import { printableLine } from '../printable.ts';
import { PATTERN_HELP, parseCheckpoint, printRead, withSourceOptions } from '../read-pod.ts';

/** Adds `deskpod find`. */
export function registerFind(program: Command): void {
  withSourceOptions(program.command('find'))
    .argument('<pattern>', 'such as *.odt or /home/**/notes')
    .option('--checkpoint <number>', 'a number, latest, or all', 'all')
    .description('look for paths: in which checkpoints they lie, and where their content changed')
    .addHelpText('after', PATTERN_HELP)
    .action(async (pattern: string, { checkpoint }: { checkpoint: string }, command: Command) => {
      const isAll = checkpoint === 'all';
      const request = { pattern, checkpoint: isAll ? ('all' as const) : parseCheckpoint(checkpoint) };
      await printRead(command, 'find', request, {
        list: 'paths',
        describe: isAll ? describePath : describeLine,
        conclude: ({ pathCount, checkpoints }) =>
          pathCount === 0 ? `nothing found in ${checkpoints.length} checkpoints` : '',
      });
    });
}

function describeLine({ versions }: FoundPath): string {
  return versions.map(({ entry }) => formatEntry(entry)).join('\n');
}

function describePath({ path, versions }: FoundPath): string {
  const lines = versions.map(
    ({ firstCheckpoint, lastCheckpoint, entry }) =>
      `  ${formatRange(firstCheckpoint, lastCheckpoint).padEnd(12)} ${formatFacts(entry)}`,
  );
  return [printableLine(path), ...lines].join('\n');
}

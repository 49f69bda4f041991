// deskpod ls: what a checkpoint holds.
import type { Command } from 'commander';
import { formatCheckpoint, formatEntry } from '../listing.ts';
import { PATH_HELP, parseCheckpoint, pathArgument, printRead, withSourceOptions } from '../read-pod.ts';

interface ListOptions {
  readonly recursive?: boolean;
  readonly base64?: boolean;
}

/** Adds `deskpod ls`. */
export function registerList(program: Command): void {
  withSourceOptions(program.command('ls'))
    .argument('[checkpoint]', 'a number, or latest (the default)')
    .argument('[path]', 'a folder or file in it (default: the top)')
    .option('-R, --recursive', 'everything below, not only what lies directly in the folder')
    .option('--base64', 'the path is given in base64')
    .description('what a checkpoint holds: mode, owner, size, time and path')
    .addHelpText(
      'after',
      `${PATH_HELP}\nA desktop’s checkpoint holds what differs from its base; ids are those on the device.`,
    )
    .action(
      async (
        first: string | undefined,
        second: string | undefined,
        options: ListOptions,
        command: Command,
      ) => {
        // `ls folder` is what one types first
        const isPath = first !== undefined && second === undefined && !/^(\d+|latest)$/.test(first);
        const [checkpoint, path] = isPath ? ['latest', first] : [first ?? 'latest', second ?? ''];
        const request = {
          checkpoint: parseCheckpoint(checkpoint),
          at: pathArgument(path, options.base64),
          isRecursive: options.recursive === true,
        };
        await printRead(command, 'ls', request, {
          list: 'entries',
          describe: formatEntry,
          conclude: ({ entryCount, checkpoint: shown }) =>
            entryCount === 0 ? `nothing there in ${formatCheckpoint(shown)}` : '',
        });
      },
    );
}

// deskpod cat: the bytes of one file of a checkpoint.
import type { Command } from 'commander';
import { DeskPodError } from '../../core/errors.ts';
import { contextOf } from '../context.ts';
import { PATH_HELP, parseCheckpoint, pathArgument, readPod, withSourceOptions } from '../read-pod.ts';
import { write } from '../result-list.ts';

/** Adds `deskpod cat`. */
export function registerCat(program: Command): void {
  withSourceOptions(program.command('cat'))
    .argument('<checkpoint>', 'a number, or latest')
    .argument('<path>', 'the file')
    .option('--base64', 'the path is given in base64')
    .description('write the bytes of a file of a checkpoint to stdout')
    .addHelpText(
      'after',
      `${PATH_HELP}\nEach piece is proven before it is written; if one is damaged, what came before it was written.`,
    )
    .action(async (checkpoint: string, path: string, options: { base64?: boolean }, command: Command) => {
      if (contextOf(command).output.isMachine) {
        throw new DeskPodError('USAGE', 'cat writes the bytes of a file: they fit into no JSON object', {
          hint: 'Leave --json out; `deskpod ls --json` tells about a file.',
        });
      }
      const request = { checkpoint: parseCheckpoint(checkpoint), at: pathArgument(path, options.base64) };
      await readPod(command, 'cat', request, write);
    });
}

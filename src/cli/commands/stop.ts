// deskpod stop: end the session without a checkpoint of its processes.
import type { Command } from 'commander';
import { contextOf, operateOn, withPodOptions } from '../context.ts';

/** Adds `deskpod stop`. */
export function registerStop(program: Command): void {
  withPodOptions(program.command('stop'))
    .description('end the session as a shutdown does: files stay, unsaved work in its programs is gone')
    .action(async (_options: unknown, command: Command) => {
      const answer = await operateOn(command, 'stop', {});
      contextOf(command).output.result(answer, 'the session has ended; safe to unplug');
    });
}

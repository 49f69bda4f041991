// deskpod suspend: checkpoint the session, end it, lock the vault; then the device can be unplugged.
import type { Command } from 'commander';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { describeCheckpoint } from './checkpoint.ts';

/** Adds `deskpod suspend`. */
export function registerSuspend(program: Command): void {
  withPodOptions(program.command('suspend'))
    .description('checkpoint the session, end it and lock the vault; then it is safe to unplug')
    .action(async (_options: unknown, command: Command) => {
      const report = await operateOn(command, 'suspend', {});
      contextOf(command).output.result(report, `${describeCheckpoint(report)}\nsafe to unplug`);
    });
}

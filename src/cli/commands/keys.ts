// deskpod keys: what opens the pod.
import type { Command } from 'commander';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { formatMoment } from '../units.ts';

/** Adds `deskpod keys`. */
export function registerKeys(program: Command): void {
  const keys = program.command('keys').description('what opens the pod');
  withPodOptions(keys.command('list'))
    .description('the slots of the keyring')
    .action(async (_options: unknown, command: Command) => {
      const answer = await operateOn(command, 'key-list', {});
      const lines = answer.slots.map(
        (slot) => `${slot.kind.padEnd(11)} ${slot.label}  since ${formatMoment(slot.createdAtMs)}`,
      );
      contextOf(command).output.result(answer, lines.join('\n'));
    });
}

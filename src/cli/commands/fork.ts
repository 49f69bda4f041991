// deskpod fork: a copy of a device goes its own way.
import type { Command } from 'commander';
import { contextOf, operateOn, withPodOptions } from '../context.ts';

/** Adds `deskpod fork`. */
export function registerFork(program: Command): void {
  withPodOptions(program.command('fork'))
    .description(
      'make a copied device one of its own: its homes stay with the other, and keep this as a branch',
    )
    .action(async (_options: unknown, command: Command) => {
      const answer = await operateOn(command, 'fork', {});
      const name = answer.deviceId.slice(0, 8);
      contextOf(command).output.result(
        answer,
        `this device is one of its own now: ${name}. What is done on it from here on goes home as the branch ${name}`,
      );
    });
}

// deskpod checkpoints: the timeline.
import type { Command } from 'commander';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { formatBytes, formatMoment } from '../units.ts';

/** Adds `deskpod checkpoints`. */
export function registerCheckpoints(program: Command): void {
  withPodOptions(program.command('checkpoints'))
    .description('every checkpoint, oldest first')
    .action(async (_options: unknown, command: Command) => {
      const answer = await operateOn(command, 'checkpoints', {});
      const lines = answer.checkpoints.map(({ number, atMs, reason, images, stats }) => {
        const content = images === undefined ? 'files' : 'files and processes';
        const size = `${stats.fileCount} files, ${formatBytes(stats.fileBytes + stats.imageBytes)}, ${formatBytes(stats.storedBytes)} new`;
        return `${String(number).padStart(5)}  ${formatMoment(atMs)}  ${reason.padEnd(8)}  ${content.padEnd(19)}  ${size}`;
      });
      contextOf(command).output.result(answer, lines.length === 0 ? 'no checkpoint yet' : lines.join('\n'));
    });
}

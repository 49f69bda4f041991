// deskpod checkpoint: seal the pod as it is now; a session goes on running.
import type { Command } from 'commander';
import type { CheckpointReport } from '../../sync/pod/seal-checkpoint.ts';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { formatBytes, formatDuration } from '../units.ts';

/** Adds `deskpod checkpoint`. */
export function registerCheckpoint(program: Command): void {
  withPodOptions(program.command('checkpoint'))
    .description('seal the pod as it is now; a running session goes on')
    .action(async (_options: unknown, command: Command) => {
      const report = await operateOn(command, 'checkpoint', {});
      contextOf(command).output.result(report, describeCheckpoint(report));
    });
}

/** What a checkpoint cost, for people. */
export function describeCheckpoint(report: CheckpointReport): string {
  const lines = [
    `checkpoint ${report.number}: ${report.fileCount} files (${formatBytes(report.fileBytes)}), processes ${formatBytes(report.imageBytes)}, ${formatBytes(report.storedBytes)} new`,
  ];
  if (report.imageBytes > 0) {
    lines.push(
      `the session stood still for ${formatDuration(report.pauseMs)}; all on the device after ${formatDuration(report.durableMs)}`,
    );
  }
  if (report.changedWhileRead.length > 0) {
    lines.push(`changed while they were read: ${report.changedWhileRead.join(', ')}`);
  }
  return lines.join('\n');
}

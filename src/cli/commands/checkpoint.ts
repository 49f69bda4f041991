// deskpod checkpoint: seal the pod as it is now; a session goes on running.
import type { Command } from 'commander';
import { type Doubt, describeDoubt } from '../../core/checkpoint-doubt.ts';
import { isDeskPodError } from '../../core/errors.ts';
import type { CheckpointReport } from '../../sync/pod/seal-checkpoint.ts';
import { confirmWithYes } from '../confirm.ts';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { formatBytes, formatDuration } from '../units.ts';

const DOUBT_HELP = `
A checkpoint that would hold no file, less than half of the files that the last one holds, or noise in their place (as
encryption by a stranger leaves it), or that lacks what a mount hides or held, is not sealed but asked about.`;

/** Adds `deskpod checkpoint`. */
export function registerCheckpoint(program: Command): void {
  withPodOptions(program.command('checkpoint'))
    .description('seal the pod as it is now; a running session goes on')
    .option('--accept-changes', 'seal it also if most files are gone or became noise')
    .addHelpText('after', DOUBT_HELP)
    .action(async (options: { acceptChanges?: true }, command: Command) => {
      const report = await sealAsAsked(command, options.acceptChanges === true);
      contextOf(command).output.result(report, describeCheckpoint(report));
    });
}

/** What looks like a loss is asked about at a terminal; elsewhere it is the error that says how to answer. */
async function sealAsAsked(command: Command, acceptsChanges: boolean): Promise<CheckpointReport> {
  const { output } = contextOf(command);
  try {
    return await operateOn(command, 'checkpoint', { acceptsChanges });
  } catch (error) {
    if (!isDeskPodError(error, 'CHECKPOINT_DOUBTFUL') || output.isMachine || !process.stdin.isTTY)
      throw error;
    output.complain(error);
    await confirmWithYes('Seal it as it is, so that this is what the pod holds from now on?');
    return operateOn(command, 'checkpoint', { acceptsChanges: true });
  }
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
  lines.push(...report.warnings);
  if (report.doubt !== undefined) lines.push(describeOpenDoubt(report.doubt));
  return lines.join('\n');
}

/** One sentence about a checkpoint that was sealed though it is doubtful. */
export function describeOpenDoubt(doubt: Doubt): string {
  return `doubtful: ${describeDoubt(doubt)}; checkpoint ${doubt.against} stays until you answer with deskpod checkpoint --accept-changes, or go back to it`;
}

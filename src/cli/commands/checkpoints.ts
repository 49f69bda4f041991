// deskpod checkpoints: the timeline, and what a policy would keep of it.
import type { Command } from 'commander';
import type { RetentionPolicy } from '../../core/retention.ts';
import type { Operations } from '../../session/operation/operations.ts';
import { checkpointsAtHome } from '../../sync/retention/list-checkpoints.ts';
import { contextOf, operateOn } from '../context.ts';
import { homeAccess, withSourceOptions } from '../read-pod.ts';
import {
  describeReasons,
  policyOf,
  type RetentionOptions,
  withRetentionOptions,
} from '../retention-options.ts';
import { formatBytes, formatMoment } from '../units.ts';

/** Adds `deskpod checkpoints`. */
export function registerCheckpoints(program: Command): void {
  withRetentionOptions(withSourceOptions(program.command('checkpoints')))
    .description('every checkpoint, oldest first; with a policy, what a prune would keep of them and why')
    .action(async (options: RetentionOptions, command: Command) => {
      const policy = policyOf(options);
      const isAsked = Object.keys(policy).length > 0;
      const answer = await listOf(command, isAsked ? policy : undefined);
      const doubtedOf = new Map(answer.doubted.map((each) => [each.number, each]));
      const keptOf = new Map(answer.kept?.map((each) => [each.number, each]));
      const isSynced = answer.checkpoints.some(({ homes }) => homes.length > 0);
      const lines = answer.checkpoints.flatMap(({ number, atMs, reason, images, stats, homes }) => {
        const content = images === undefined ? 'files' : 'files and processes';
        const size = `${stats.fileCount} files, ${formatBytes(stats.fileBytes + stats.imageBytes)}, ${formatBytes(stats.storedBytes)} new`;
        const doubted = doubtedOf.get(number);
        const doubt = doubted === undefined ? '' : `; doubtful, compared with ${doubted.against}`;
        const line = `${String(number).padStart(5)}  ${formatMoment(atMs)}  ${reason.padEnd(8)}  ${content.padEnd(19)}  ${size}${doubt}${isSynced && homes.length === 0 ? '; at no home yet' : ''}`;
        const kept = keptOf.get(number)?.reasons;
        if (kept === undefined) return [line];
        return [line, `       ${kept.length > 0 ? `keep: ${describeReasons(kept)}` : 'forget'}`];
      });
      contextOf(command).output.result(answer, lines.length === 0 ? 'no checkpoint yet' : lines.join('\n'));
    });
}

/** Of the pod that the command was pointed at: on a device, or at home. */
async function listOf(
  command: Command,
  policy: RetentionPolicy | undefined,
): Promise<Operations['checkpoints']['answer']> {
  const access = await homeAccess(command);
  if (access === undefined) return operateOn(command, 'checkpoints', policy === undefined ? {} : { policy });
  return checkpointsAtHome(access, policy);
}

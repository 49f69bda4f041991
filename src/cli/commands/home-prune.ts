// deskpod home prune: on the computer that is home, forget heads that it received long ago, and free their space.
import type { Command } from 'commander';
import { DeskPodError } from '../../core/errors.ts';
import { requirePolicy } from '../../core/retention.ts';
import type { HomePruneReport } from '../../sync/retention/prune-home.ts';
import { type HomePruneFailure, pruneHomePods } from '../../sync/retention/prune-home-pods.ts';
import { contextOf } from '../context.ts';
import { EXIT_STATUS, exitStatusOf } from '../exit-codes.ts';
import { ExitStatus } from '../exit-status.ts';
import { describeFailure, type Output } from '../output.ts';
import {
  describeReasons,
  policyOf,
  type RetentionOptions,
  withRetentionOptions,
} from '../retention-options.ts';
import { formatBytes, formatMoment, parseDuration } from '../units.ts';
import { absoluteUrl } from './home.ts';

const GRACE_MS = 48 * 3_600_000;

interface HomePruneOptions extends RetentionOptions {
  readonly pod?: string;
  readonly grace: number;
  readonly forgetBranch?: string;
  readonly dryRun?: boolean;
}

/** Adds `deskpod home prune`, for the computer that is home itself. */
export function registerHomePrune(home: Command): void {
  withRetentionOptions(home.command('prune'))
    .argument('<folder>', 'the home: a folder of this computer')
    .option('--pod <id>', 'only this pod')
    .option('--grace <time>', 'keep whatever came less than this ago (default: 48h)', parseDuration, GRACE_MS)
    .option('--forget-branch <name>', 'give this branch up altogether, by how its name begins')
    .option('--dry-run', 'say what would be done, and do nothing')
    .description('forget heads by when they were received here, and free their space; needs no key')
    .action(async (folder: string, options: HomePruneOptions, command: Command) => {
      const policy = policyOf(options);
      requirePolicy(policy);
      const { output } = contextOf(command);
      const outcomes = await pruneHomePods(absoluteUrl(folder), options.pod, {
        ...{ policy, graceMs: options.grace, nowMs: Date.now() },
        ...(options.forgetBranch === undefined ? {} : { forgottenBranch: options.forgetBranch }),
        isDryRun: options.dryRun === true,
        onProgress: output.progress,
      });
      tell(output, outcomes);
    });
}

function tell(output: Output, outcomes: readonly (HomePruneReport | HomePruneFailure)[]): void {
  const reports: HomePruneReport[] = [];
  const failures: HomePruneFailure[] = [];
  for (const outcome of outcomes) {
    if ('error' in outcome) failures.push(outcome);
    else reports.push(outcome);
  }
  const pods = outcomes.map((outcome) =>
    'error' in outcome ? { podId: outcome.podId, error: describeFailure(outcome.error) } : outcome,
  );
  const [first] = failures;
  if (first !== undefined && reports.length === 0) output.failure(first.error, { pods });
  else output.result({ pods }, reports.map(describe).join('\n'));
  for (const { error } of reports.length === 0 ? failures.slice(1) : failures) output.complain(error);
  if (first === undefined) return;
  const status = first.error instanceof DeskPodError ? exitStatusOf(first.error.code) : EXIT_STATUS.failed;
  throw new ExitStatus(reports.length === 0 ? status : EXIT_STATUS.partlyDone);
}

function describe({
  podId,
  heads,
  isDryRun,
  forgottenCount,
  removedObjects,
  freedBytes,
}: HomePruneReport): string {
  const lines = heads.map(({ seq, receivedAtMs, lacks, reasons, branch }) => {
    const verdict = reasons.length > 0 ? `keep    ${describeReasons(reasons)}` : 'forget';
    const lack = lacks.length === 0 ? '' : `  (LACKS ${lacks.length} objects, see deskpod verify)`;
    const line = branch === undefined ? '' : `  (branch ${branch.slice(0, 8)})`;
    return `  position ${String(seq).padStart(6)}  received ${formatMoment(receivedAtMs)}  ${verdict}${line}${lack}`;
  });
  const [forgot, freed] = isDryRun ? ['would forget', 'free'] : ['forgot', 'freed'];
  return [
    `pod ${podId}: ${forgot} ${forgottenCount} of ${heads.length} heads, and ${freed} ${formatBytes(freedBytes)} in ${removedObjects} objects`,
    ...lines,
  ].join('\n');
}

// deskpod prune: forget checkpoints that a policy does not keep, and free the space that only they needed.
import type { Command } from 'commander';
import type { MaxUnused } from '../../core/pack-plan.ts';
import { requirePolicy } from '../../core/retention.ts';
import type { PruneReport } from '../../sync/retention/prune-report.ts';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { EXIT_STATUS } from '../exit-codes.ts';
import { ExitStatus } from '../exit-status.ts';
import {
  describeReasons,
  parseMaxUnused,
  policyOf,
  type RetentionOptions,
  withRetentionOptions,
} from '../retention-options.ts';
import { formatBytes, formatMoment } from '../units.ts';

interface PruneOptions extends RetentionOptions {
  readonly maxUnused: MaxUnused;
  readonly dryRun?: boolean;
}

/** Adds `deskpod prune`. */
export function registerPrune(program: Command): void {
  withRetentionOptions(withPodOptions(program.command('prune')))
    .option('--max-unused <size>', 'how much waste may stay: 5%, 500M, 0 or unlimited', parseMaxUnused, {
      share: 0.05,
    })
    .option('--dry-run', 'say what would be done, and do nothing')
    .description(
      'forget checkpoints that the policy does not keep, and free their space on the device; homes keep theirs',
    )
    .action(async (options: PruneOptions, command: Command) => {
      const policy = policyOf(options);
      requirePolicy(policy);
      const report = await operateOn(command, 'prune', {
        policy,
        maxUnused: options.maxUnused,
        isDryRun: options.dryRun === true,
      });
      contextOf(command).output.result(report, describeReport(report));
      if (report.damagedPacks.length > 0 || report.stoppedFor !== undefined)
        throw new ExitStatus(EXIT_STATUS.partlyDone);
    });
}

function describeReport(report: PruneReport): string {
  const lines = report.checkpoints.map(({ number, atMs, reasons }) => {
    const verdict = reasons.length > 0 ? `keep    ${describeReasons(reasons)}` : 'forget';
    return `${String(number).padStart(5)}  ${formatMoment(atMs)}  ${verdict}`;
  });
  const { isDryRun, forgotten, checkpoints, freedBytes, droppedPacks, repackedPacks, leftUnusedBytes } =
    report;
  lines.push(
    `${isDryRun ? 'would forget' : 'forgot'} ${forgotten.length} of ${checkpoints.length} checkpoints, and ${isDryRun ? 'free about' : 'freed'} ${formatBytes(freedBytes)}: ` +
      `${droppedPacks} packs removed, ${repackedPacks} copied in part, ${formatBytes(leftUnusedBytes)} of waste left`,
  );
  if (report.stoppedFor !== undefined)
    lines.push(`stopped early, as ${report.stoppedFor} was asked for; run it again: it goes on from there`);
  if (report.damagedPacks.length > 0) {
    lines.push(
      `${report.damagedPacks.length} packs are damaged or missing and were left as they are; see deskpod verify:`,
      ...report.damagedPacks.map((name) => `  packs/${name}`),
    );
  }
  return lines.join('\n');
}

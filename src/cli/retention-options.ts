// The options that say what to keep, for every command that takes a policy, and its reasons in words.
import type { Command } from 'commander';
import { DeskPodError } from '../core/errors.ts';
import type { MaxUnused } from '../core/pack-plan.ts';
import type { KeepReason, RetentionPolicy } from '../core/retention.ts';
import { parseDuration, parseShare, parseSize } from './units.ts';

/** The options of a policy as commander gives them. */
export interface RetentionOptions {
  readonly keepLast?: number;
  readonly keepHourly?: number;
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
  readonly keepYearly?: number;
  readonly keepWithin?: number;
}

/** Adds the options of a policy. Days, weeks and months are those of UTC. */
export function withRetentionOptions(command: Command): Command {
  return command
    .option('--keep-last <count>', 'keep the newest so many', parseCount)
    .option(
      '--keep-hourly <count>',
      'keep the newest of each of the last so many hours that have one',
      parseCount,
    )
    .option('--keep-daily <count>', 'the same by days, in UTC', parseCount)
    .option('--keep-weekly <count>', 'by weeks, from Monday', parseCount)
    .option('--keep-monthly <count>', 'by months', parseCount)
    .option('--keep-yearly <count>', 'by years', parseCount)
    .option(
      '--keep-within <time>',
      'keep all that are so much older than the newest, such as 30d',
      parseDuration,
    );
}

/** The policy that was asked for; it may ask for nothing. */
export function policyOf(options: RetentionOptions): RetentionPolicy {
  const { keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly, keepWithin } = options;
  return {
    ...(keepLast === undefined ? {} : { last: keepLast }),
    ...(keepHourly === undefined ? {} : { hourly: keepHourly }),
    ...(keepDaily === undefined ? {} : { daily: keepDaily }),
    ...(keepWeekly === undefined ? {} : { weekly: keepWeekly }),
    ...(keepMonthly === undefined ? {} : { monthly: keepMonthly }),
    ...(keepYearly === undefined ? {} : { yearly: keepYearly }),
    ...(keepWithin === undefined ? {} : { withinMs: keepWithin }),
  };
}

/**
 * How much waste may stay: `5%` of the repository, `500M`, `0`, or `unlimited`.
 *
 * @throws DeskPodError USAGE for anything else
 */
export function parseMaxUnused(text: string): MaxUnused {
  if (text === 'unlimited') return { share: 1 };
  if (/^0+%?$/.test(text)) return { bytes: 0 };
  return text.endsWith('%') ? { share: parseShare(text) } : { bytes: parseSize(text) };
}

const REASONS: Readonly<Record<KeepReason['rule'], string>> = {
  newest: 'the newest',
  suspended: 'the pod is suspended in it',
  images: 'the newest with processes',
  reference: 'the files come from it',
  head: 'home’s present head',
  arriving: 'a sync that is not finished',
  grace: 'received just now',
  last: 'last',
  within: 'within',
  hourly: 'hour',
  daily: 'day',
  weekly: 'week',
  monthly: 'month',
  yearly: 'year',
  clock: 'a clock was wrong, so its time says nothing',
  incomplete: 'something of it is missing',
  doubted: 'it is doubtful, so it stands for no other',
};

/** Why one is kept, for people: `last 2, day 2026-05-03`. */
export function describeReasons(reasons: readonly KeepReason[]): string {
  return reasons.map(({ rule, slot }) => REASONS[rule] + (slot === undefined ? '' : ` ${slot}`)).join(', ');
}

function parseCount(text: string): number {
  if (!/^\d{1,7}$/.test(text)) {
    throw new DeskPodError('USAGE', `"${text}" is not a number of checkpoints to keep`);
  }
  return Number(text);
}

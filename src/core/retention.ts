// Retention: which checkpoints a policy keeps, and why. Nothing is kept or forgotten because one clock was wrong.
import { SLOT_LENGTHS, type SlotLength, slotOf } from './calendar.ts';
import { credibleTimes } from './credible-times.ts';
import { DeskPodError } from './errors.ts';

/** How many to keep of each sort; what is left out keeps none. */
export interface RetentionPolicy extends Readonly<Partial<Record<SlotLength, number>>> {
  /** The newest so many. */
  readonly last?: number;
  /** All that are at most so much older than the newest one whose time can be believed. */
  readonly withinMs?: number;
}

/** Why one is kept whatever the policy says. */
export type Pin = 'suspended' | 'images' | 'reference' | 'head' | 'arriving' | 'grace';

/** What the policy is applied to: a checkpoint, or a head that home received. */
export interface Candidate {
  readonly atMs: number;
  readonly pins?: readonly Pin[];
  /** False for one that cannot stand for others, as home lacks a part of it: it is only ever kept besides them. */
  readonly isWhole?: boolean;
  /** True for one that looks like a loss and that nobody has accepted: it does not stand for others either. */
  readonly isDoubted?: boolean;
}

/** Why one is kept: a rule of the policy with the slot that it fills, a pin, or that nothing certain is known of it. */
export interface KeepReason {
  readonly rule: 'newest' | Pin | 'last' | 'within' | SlotLength | 'clock' | 'incomplete' | 'doubted';
  readonly slot?: string;
}

/** What becomes of one: forgotten if there is no reason to keep it. */
export type Verdict = readonly KeepReason[];

const LARGEST_COUNT = 1_000_000;

/** @throws DeskPodError USAGE for a policy that asks for nothing, or for less than nothing. */
export function requirePolicy(policy: RetentionPolicy): void {
  const { withinMs, ...counts } = policy;
  const asked = Object.values(counts).filter((count) => count !== undefined);
  const isValid =
    asked.every((count) => Number.isInteger(count) && count >= 0 && count <= LARGEST_COUNT) &&
    (withinMs === undefined || (Number.isSafeInteger(withinMs) && withinMs >= 0));
  if (!isValid) {
    throw new DeskPodError(
      'USAGE',
      'expected whole numbers from 0 to 1000000 of checkpoints to keep, got others',
    );
  }
  if (asked.some((count) => count > 0) || (withinMs ?? 0) > 0) return;
  throw new DeskPodError('USAGE', 'expected a policy that keeps something, got none', {
    hint: 'Say what to keep, such as --keep-last 3 --keep-daily 7 --keep-monthly 12.',
  });
}

/** The policy in words, as the log keeps it: `last 3, daily 7, within 30d`. */
export function describePolicy(policy: RetentionPolicy): string {
  const counts = (['last', ...SLOT_LENGTHS] as const).flatMap((rule) =>
    (policy[rule] ?? 0) > 0 ? [`${rule} ${policy[rule]}`] : [],
  );
  const hours = (policy.withinMs ?? 0) / 3_600_000;
  if (hours > 0) counts.push(`within ${hours % 24 === 0 ? `${hours / 24}d` : `${hours}h`}`);
  return counts.join(', ');
}

/**
 * The verdict on each of `candidates`, which come in the order of the log, oldest first.
 *
 * A rule takes the newest of each slot, from the newest slot back. Only times that can be believed
 * ({@link credibleTimes}) fill slots. One whose time cannot, takes no slot from any other; it is kept as long as some
 * rule of time may still reach back to where it stands in the log.
 *
 * @param nowMs the time of this host's clock; only for telling which times lie in the future
 * @throws DeskPodError USAGE as {@link requirePolicy}
 */
export function applyRetention(
  candidates: readonly Candidate[],
  policy: RetentionPolicy,
  nowMs: number,
): Verdict[] {
  requirePolicy(policy);
  const newest = candidates.length - 1;
  const verdicts: KeepReason[][] = candidates.map(({ pins = [] }, index) =>
    [...(index === newest ? ['newest' as const] : []), ...pins].map((rule) => ({ rule })),
  );
  const isWhole = candidates.map(({ isWhole, isDoubted }) => isWhole !== false && isDoubted !== true);
  const times = candidates.map(({ atMs }) => atMs);
  const isCredible = credibleAmong(times, isWhole, nowMs);
  const places = [...candidates.keys()].reverse();
  const fillers = places.filter((index) => isCredible[index] === true);
  const keep = (index: number, reason: KeepReason): unknown => verdicts[index]?.push(reason);
  /** From these places on, what no rule can judge may be what a rule of time, or any rule, would keep. */
  const timeReaches: number[] = [];
  let orderReach = candidates.length;
  if ((policy.last ?? 0) > 0) {
    const last = places.filter((index) => isWhole[index] === true).slice(0, policy.last);
    for (const [nth, index] of last.entries()) keep(index, { rule: 'last', slot: String(nth + 1) });
    orderReach = last.length === policy.last ? (last.at(-1) ?? 0) : 0;
  }
  for (const length of SLOT_LENGTHS) {
    const count = policy[length] ?? 0;
    if (count > 0) timeReaches.push(fillSlots(length, count, times, fillers, keep));
  }
  const { withinMs = 0 } = policy;
  if (withinMs > 0) timeReaches.push(takeWithin(withinMs, times, fillers, keep));
  const timeReach = Math.min(...timeReaches, candidates.length);
  for (const index of places) {
    if (isWhole[index] === false) {
      if (index >= Math.min(timeReach, orderReach))
        keep(index, { rule: candidates[index]?.isDoubted === true ? 'doubted' : 'incomplete' });
    } else if (isCredible[index] === false && index >= timeReach) keep(index, { rule: 'clock' });
  }
  return verdicts;
}

function credibleAmong(times: readonly number[], isWhole: readonly boolean[], nowMs: number): boolean[] {
  const places = [...times.keys()].filter((index) => isWhole[index] === true);
  const among = credibleTimes(
    places.map((index) => times[index] ?? 0),
    nowMs,
  );
  const isCredible = times.map(() => false);
  for (const [nth, index] of places.entries()) isCredible[index] = among[nth] === true;
  return isCredible;
}

/**
 * Keeps the newest filler of each of the newest `count` slots; `fillers` come newest first. Answers with the first index
 * whose time may lie in a slot that was filled or could still be.
 */
function fillSlots(
  length: SlotLength,
  count: number,
  times: readonly number[],
  fillers: readonly number[],
  keep: (index: number, reason: KeepReason) => unknown,
): number {
  let filled = 0;
  let lastKey: number | undefined;
  for (const index of fillers) {
    const { key, label } = slotOf(length, times[index] ?? 0);
    if (key === lastKey) continue;
    // what stands behind this one is no newer than it, and so in none of the slots
    if (filled === count) return index + 1;
    keep(index, { rule: length, slot: label });
    lastKey = key;
    filled++;
  }
  return 0;
}

function takeWithin(
  withinMs: number,
  times: readonly number[],
  fillers: readonly number[],
  keep: (index: number, reason: KeepReason) => unknown,
): number {
  const newestMs = times[fillers[0] ?? -1] ?? 0;
  for (const index of fillers) {
    if ((times[index] ?? 0) < newestMs - withinMs) return index + 1;
    keep(index, { rule: 'within' });
  }
  return 0;
}

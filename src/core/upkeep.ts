// What home does for itself, and when: pruning, a sampled verification, restore drills. Pure: the journal tells what was done.

/** A kind of work. */
export type UpkeepKind = 'prune' | 'check' | 'drill';

/** How often each is done; one that is left out is not. */
export type UpkeepPlan = { readonly [Kind in UpkeepKind]?: { readonly everyMs: number } };

/** A line of the journal that says that something was done, or that it failed. */
export interface UpkeepRecord {
  readonly kind: UpkeepKind;
  readonly atMs: number;
  /** Of a drill: one for each pod. */
  readonly podId?: string;
  readonly isDone: boolean;
}

/** What failed is tried again, and not at once. */
const RETRY_MS = 3_600_000;

/**
 * What is due of a kind: it was never done, or too long ago, be it because the computer slept or was off. What was done at a
 * time that has not come yet was written by a clock that was wrong, and is not believed.
 */
export function isDue(
  plan: UpkeepPlan,
  kind: UpkeepKind,
  records: readonly UpkeepRecord[],
  nowMs: number,
  podId?: string,
): boolean {
  const every = plan[kind];
  if (every === undefined) return false;
  const past = records.filter(
    (record) => record.kind === kind && record.podId === podId && record.atMs <= nowMs,
  );
  const done = past.findLast(({ isDone }) => isDone);
  if (done !== undefined && nowMs - done.atMs < every.everyMs) return false;
  const failed = past.findLast(({ isDone }) => !isDone);
  return failed === undefined || nowMs - failed.atMs >= Math.min(RETRY_MS, every.everyMs);
}

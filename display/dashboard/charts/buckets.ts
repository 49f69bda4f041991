// Checkpoints gathered into spans of equal length, as many as a chart has room for.
import type { TimelineCheckpoint } from '../../../src/session/dashboard/contract.ts';
import { steadyTimes } from '../steady-times.ts';

/** What the checkpoints of one span come to. */
export interface Bucket {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly count: number;
  /** What they added to the repository. */
  readonly storedBytes: number;
  /** What had been added up to the end of the span. */
  readonly totalBytes: number;
  /** Files and session of the last of them. */
  readonly contentBytes: number;
  readonly fileCount: number;
  /** The longest that a session stood still. */
  readonly pauseMs: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Lengths that people count in. */
const LENGTHS_MS = [
  MINUTE_MS,
  5 * MINUTE_MS,
  15 * MINUTE_MS,
  HOUR_MS,
  3 * HOUR_MS,
  6 * HOUR_MS,
  DAY_MS,
  2 * DAY_MS,
  7 * DAY_MS,
  14 * DAY_MS,
  28 * DAY_MS,
  91 * DAY_MS,
  364 * DAY_MS,
];

/** `checkpoints` are in the order of the log; spans without any are left out. */
export function gather(
  checkpoints: readonly TimelineCheckpoint[],
  spansMax: number,
  nowMs: number,
): readonly Bucket[] {
  const times = steadyTimes(
    checkpoints.map(({ atMs }) => atMs),
    nowMs,
  );
  const [first, last] = [times[0], times.at(-1)];
  if (first === undefined || last === undefined) return [];
  const lengthMs =
    LENGTHS_MS.find((length) => (last - first) / length < spansMax) ?? (last - first) / spansMax + 1;
  const offsetMs = new Date(first).getTimezoneOffset() * MINUTE_MS;
  const start = (atMs: number): number => Math.floor((atMs - offsetMs) / lengthMs) * lengthMs + offsetMs;
  const buckets: Bucket[] = [];
  let totalBytes = 0;
  checkpoints.forEach((checkpoint, index) => {
    const { storedBytes, fileBytes, imageBytes, fileCount, pauseMs } = checkpoint;
    totalBytes += storedBytes;
    const fromMs = start(times[index] ?? first);
    const former = buckets.at(-1)?.fromMs === fromMs ? buckets.pop() : undefined;
    buckets.push({
      fromMs,
      untilMs: fromMs + lengthMs,
      count: (former?.count ?? 0) + 1,
      storedBytes: (former?.storedBytes ?? 0) + storedBytes,
      totalBytes,
      contentBytes: fileBytes + imageBytes,
      fileCount,
      pauseMs: Math.max(former?.pauseMs ?? 0, pauseMs),
    });
  });
  return buckets;
}

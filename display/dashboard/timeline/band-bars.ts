// Bars for the days of a pod: at the place of their time, as tall as what changed, joined where they would overlap.
import { steadyTimes } from '../steady-times.ts';
import type { Day } from './tile-rows.ts';

/** One bar of the band. */
export interface Bar {
  readonly xPx: number;
  readonly widthPx: number;
  /** Of the tallest bar, 0 to 1: by the root of the bytes, so that small days can be seen beside large ones. */
  readonly share: number;
  /** Of its checkpoints, how many are at no home. */
  readonly hereShare: number;
  /** The newest of its days, by its place. */
  readonly place: number;
  /** After the oldest of its days. */
  readonly until: number;
  /** When its newest day was, as far as clocks can be believed. */
  readonly atMs: number;
}

const WIDEST_PX = 14;
const NARROWEST_PX = 3;
const GAP_PX = 1;

/** `days` are newest first; bars are, too. */
export function bandBars(days: readonly Day[], widthPx: number, nowMs: number): readonly Bar[] {
  const oldestFirst = days.map(({ atMs }) => atMs).toReversed();
  const times = steadyTimes(oldestFirst, nowMs).toReversed();
  const [newestMs, oldestMs] = [times[0], times.at(-1)];
  if (newestMs === undefined || oldestMs === undefined) return [];
  const spanMs = Math.max(1, newestMs - oldestMs);
  const barPx = Math.max(NARROWEST_PX, Math.min(WIDEST_PX, widthPx / days.length - GAP_PX));
  const bars: Bar[] = [];
  let highest = widthPx - barPx;
  let joined:
    | { place: number; until: number; bytes: number; count: number; here: number; xPx: number }
    | undefined;
  const heights: number[] = [];
  const close = (): void => {
    if (joined === undefined) return;
    const { xPx, place, until, bytes, count, here } = joined;
    heights.push(Math.sqrt(bytes));
    bars.push({
      ...{ xPx, widthPx: barPx, share: 0, hereShare: here / count, place, until },
      atMs: times[place] ?? newestMs,
    });
  };
  days.forEach((day, place) => {
    const wanted = widthPx - barPx - ((newestMs - (times[place] ?? oldestMs)) / spanMs) * (widthPx - barPx);
    const xPx = Math.max(0, Math.min(highest, wanted));
    highest = xPx;
    const { count, storedBytes, onlyHereCount } = day;
    if (joined !== undefined && joined.xPx - xPx < barPx + GAP_PX) {
      joined.until = place + 1;
      joined.bytes += storedBytes;
      joined.count += count;
      joined.here += onlyHereCount;
      return;
    }
    close();
    joined = { place, until: place + 1, bytes: storedBytes, count, here: onlyHereCount, xPx };
  });
  close();
  const tallest = Math.max(1, ...heights);
  return bars.map((bar, index) => ({ ...bar, share: (heights[index] ?? 0) / tallest }));
}

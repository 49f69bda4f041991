// Times of a log for drawings: what a wrong clock wrote is moved to where its neighbours are.
import { credibleTimes } from '../../src/core/credible-times.ts';

/** The times, which come in the order of the log, none before the one before it: none could show 1970 beside today. */
export function steadyTimes(timesMs: readonly number[], nowMs: number): readonly number[] {
  const isCredible = credibleTimes(timesMs, nowMs);
  let latestMs = timesMs.find((_, place) => isCredible[place]) ?? nowMs;
  return timesMs.map((atMs, place) => {
    // within an hour all are credible, also one that goes back
    if (isCredible[place]) latestMs = Math.max(latestMs, atMs);
    return latestMs;
  });
}

// Which times of a log can be believed, where the clocks of some hosts were wrong.

const HOUR_MS = 3_600_000;

/**
 * For each of `timesMs`, which come in the order of the log, whether it can be believed: the most of them that never
 * go back, and none that is later than `nowMs`. Differences below an hour count for nothing. One host whose clock is a
 * year ahead, or stands at 1970, so makes its own times incredible, and not those of all that follow.
 */
export function credibleTimes(timesMs: readonly number[], nowMs: number): boolean[] {
  const latestHour = Math.floor(nowMs / HOUR_MS) + 1;
  const hours = timesMs.map((atMs) => Math.floor(atMs / HOUR_MS));
  // patience sorting: the places in piles[n] end a longest run of n + 1; their hours descend within a pile
  const piles: number[][] = [];
  for (const [place, hour] of hours.entries()) {
    if (hour > latestHour) continue;
    let [low, high] = [0, piles.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((hours[piles[middle]?.at(-1) ?? 0] ?? 0) <= hour) low = middle + 1;
      else high = middle;
    }
    const pile = piles[low];
    if (pile === undefined) piles.push([place]);
    else pile.push(place);
  }
  const isCredible = hours.map(() => false);
  let [nextPlace, nextHour] = [hours.length, latestHour];
  // of equally long runs the one with the later times: clocks that stopped are more common than clocks that run ahead
  for (const pile of piles.reverse()) {
    const place = pile.find((each) => each < nextPlace && (hours[each] ?? 0) <= nextHour);
    if (place === undefined) throw new TypeError('a run without its beginning');
    isCredible[place] = true;
    [nextPlace, nextHour] = [place, hours[place] ?? 0];
  }
  return isCredible;
}

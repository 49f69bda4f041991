// Local clocks of real places for tests, whatever the computer's own time zone is.
import type { LocalOffset } from '../../../src/core/next-time.ts';

/** The offset from UTC of the clocks in a place such as `Europe/Berlin`, by the tables of the JavaScript engine. */
export function clockOf(timeZone: string): LocalOffset {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (atMs) => {
    const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]));
    const of = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? 0;
    const localMs = Date.UTC(
      ...([of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second')] as const),
    );
    return localMs - Math.floor(atMs / 1000) * 1000;
  };
}

/** A moment as that clock shows it: `2026-03-29 03:30`. */
export function shownBy(offsetAt: LocalOffset, atMs: number): string {
  return new Date(atMs + offsetAt(atMs)).toISOString().slice(0, 16).replace('T', ' ');
}

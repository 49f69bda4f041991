// Sizes and times as people write them, and moments as their clock shows them.
import { DeskPodError } from '../core/errors.ts';

// what commands print and take is all to be had here
export { formatAge, formatBytes, formatDuration, parseSize } from '../core/quantities.ts';

/** The last moment that a Date can hold, less a day for the difference of clocks. */
const LAST_MOMENT_MS = 8_640_000_000_000_000 - 86_400_000;

/** A moment as the user's own clock shows it, to the second. A clock that was far off gives the number alone. */
export function formatMoment(atMs: number): string {
  if (!(Math.abs(atMs) <= LAST_MOMENT_MS)) return `${atMs} ms`;
  const local = new Date(atMs - new Date(atMs).getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace('T', ' ');
}

/**
 * Milliseconds from `90s`, `10m`, `2h` or `1d`.
 *
 * @throws DeskPodError USAGE for anything else.
 */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text.trim());
  const seconds = { s: 1, m: 60, h: 3600, d: 86_400 }[match?.[2] ?? ''];
  if (match?.[1] === undefined || seconds === undefined) {
    throw new DeskPodError('USAGE', `"${text}" is not a time`, { hint: 'Write it as 90s, 10m, 2h or 1d.' });
  }
  const durationMs = Math.round(Number(match[1]) * seconds * 1000);
  if (Number.isSafeInteger(durationMs)) return durationMs;
  throw new DeskPodError('USAGE', `"${text}" is too long a time`);
}

/**
 * A share from 0 to 1, from `5%`.
 *
 * @throws DeskPodError USAGE for anything else, and for nothing or more than all.
 */
export function parseShare(text: string): number {
  const percent = Number(/^(\d+(?:\.\d+)?)%$/.exec(text.trim())?.[1] ?? Number.NaN);
  if (percent > 0 && percent <= 100) return percent / 100;
  throw new DeskPodError('USAGE', `"${text}" is not a share`, { hint: 'Write it as 5%, up to 100%.' });
}

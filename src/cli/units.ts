// Sizes and times in the words of people, and back.
import { DeskPodError } from '../core/errors.ts';

const FACTORS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** `12.3 MB`; powers of 1000, as drives are sold. */
export function formatBytes(sizeBytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = sizeBytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`;
}

/** `850 ms`, `12.4 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1000) return `${Math.round(durationMs)} ms`;
  const seconds = durationMs / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

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

/**
 * Bytes from `8G`, `512M`, `1048576`: factors are powers of 1024, as in truncate(1).
 *
 * @throws DeskPodError USAGE for anything else.
 */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?$/i.exec(text.trim());
  const factor = FACTORS[(match?.[2] ?? '').toUpperCase()];
  if (match?.[1] === undefined || factor === undefined) {
    throw new DeskPodError('USAGE', `"${text}" is not a size`, { hint: 'Write it as 8G, 512M or in bytes.' });
  }
  const sizeBytes = Math.round(Number(match[1]) * factor);
  if (Number.isSafeInteger(sizeBytes)) return sizeBytes;
  throw new DeskPodError('USAGE', `"${text}" is too large a size`);
}

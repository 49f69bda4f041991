// Sizes and times in the words of people.
import { DeskPodError } from './errors.ts';

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
  const wholeSeconds = Math.round(seconds);
  const minutes = Math.floor(wholeSeconds / 60);
  if (minutes < 60) return `${minutes} min ${wholeSeconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** As {@link formatDuration}, for how long ago something was: from two days on in days. */
export function formatAge(ageMs: number): string {
  const days = Math.floor(ageMs / 86_400_000);
  return days < 2 ? formatDuration(Math.max(0, ageMs)) : `${days} days`;
}

/** `1 file`, `2 files`. */
export function countOf(count: number, one: string, several = `${one}s`): string {
  return `${count} ${count === 1 ? one : several}`;
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

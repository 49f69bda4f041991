// Entries and checkpoints in lines for people, as `ls -l` shows them.
import type { CheckpointLabel } from '../sync/browse/checkpoint-choice.ts';
import type { EntryReport } from '../sync/browse/entry-report.ts';
import { printableLine } from './printable.ts';
import { formatMoment } from './units.ts';

const LETTERS: Readonly<Record<EntryReport['kind'], string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  fifo: 'p',
  socket: 's',
  'character-device': 'c',
  'block-device': 'b',
};
const NS_PER_MS = 1_000_000n;

/** `-rw-r--r--`, as in ls(1). */
export function formatMode({ kind, mode }: Pick<EntryReport, 'kind' | 'mode'>): string {
  const triple = (shift: number, special: number, letters: string): string => {
    const bits = mode >> shift;
    const isSpecial = (mode & special) !== 0;
    const last = (bits & 1) !== 0 ? letters[0] : letters[1];
    const execute = isSpecial ? last : (bits & 1) !== 0 ? 'x' : '-';
    return `${(bits & 4) !== 0 ? 'r' : '-'}${(bits & 2) !== 0 ? 'w' : '-'}${execute}`;
  };
  return `${LETTERS[kind]}${triple(6, 0o4000, 'sS')}${triple(3, 0o2000, 'sS')}${triple(0, 0o1000, 'tT')}`;
}

/** One line: mode, owner, size or device number, time, path. */
export function formatEntry(entry: EntryReport): string {
  const { path, target } = entry;
  return `${formatFacts(entry)} ${printableLine(path)}${target === undefined ? '' : ` -> ${printableLine(target)}`}`;
}

/** As {@link formatEntry}, without the path. */
export function formatFacts(entry: EntryReport): string {
  const { uid, gid, sizeBytes, rdev, mtimeNs } = entry;
  const size = rdev === undefined ? String(sizeBytes ?? 0) : `${rdev.major},${rdev.minor}`;
  const time = formatMoment(Number(BigInt(mtimeNs) / NS_PER_MS));
  return `${formatMode(entry)} ${pad(uid)} ${pad(gid)} ${size.padStart(12)} ${time}`;
}

/** `checkpoint 3 (2026-11-22 23:01:02, suspend)`. */
export function formatCheckpoint({ number, atMs, reason }: CheckpointLabel): string {
  return `checkpoint ${number} (${formatMoment(atMs)}, ${reason})`;
}

/** `3`, or `3 to 7`. */
export function formatRange(first: number, last: number): string {
  return first === last ? String(first) : `${first} to ${last}`;
}

function pad(id: number): string {
  return String(id).padStart(5);
}

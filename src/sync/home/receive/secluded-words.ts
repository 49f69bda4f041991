// The words that rsync sends after its command, on standard input: each ends with a NUL, and an empty one ends them all.
import { readSync } from 'node:fs';
import { DeskPodError } from '../../../core/errors.ts';

/** No more is read: what comes after belongs to rsync, and what is longer is no list of words of a sync. */
const MAX_BYTES = 16 * 1024;

/**
 * Reads the words from a descriptor that blocks, and not a byte of what comes after them.
 *
 * @throws DeskPodError USAGE if they do not end
 */
export function readSecludedWords(descriptor: number): string[] {
  const bytes: number[] = [];
  const byte = Buffer.alloc(1);
  while (bytes.length < MAX_BYTES) {
    if (readSync(descriptor, byte, 0, 1, null) === 0) break;
    bytes.push(byte[0] ?? 0);
    // the first word is a program's name, and never empty
    if (byte[0] === 0 && bytes.at(-2) === 0)
      return Buffer.from(bytes).toString('utf8').slice(0, -2).split('\0');
  }
  throw new DeskPodError('USAGE', `expected the words of rsync, got ${bytes.length} bytes without an end`);
}

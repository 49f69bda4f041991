// What is mounted inside a tree: what lies there is not the tree's own, and may come and go as a whole.
import { readFileSync, realpathSync } from 'node:fs';
import { pathBytes } from './byte-path.ts';

/** Paths in the tree under `root` that something is mounted on, each once; what is mounted on `root` itself is not. */
export function innerMounts(root: Uint8Array | string): Uint8Array[] {
  const top = realpathSync(pathBytes(root), 'buffer').toString('latin1');
  const prefix = top === '/' ? top : `${top}/`;
  const places = readFileSync('/proc/self/mountinfo', 'latin1')
    .split('\n')
    .map((line) => plainText(line.split(' ', 5)[4] ?? ''))
    .filter((place) => place.startsWith(prefix) && place.length > prefix.length);
  return [...new Set(places)].sort().map((place) => Buffer.from(place.slice(prefix.length), 'latin1'));
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
function plainText(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

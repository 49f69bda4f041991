// What is mounted inside a tree: what lies there is not the tree's own, and may come and go as a whole.
import { lstatSync, readFileSync, realpathSync } from 'node:fs';
import { isWithin } from '../../core/path-order.ts';
import { isSystemError } from '../repository/durable-file.ts';
import { joinPath, pathBytes } from './byte-path.ts';

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

/** Of these the outermost that a capture takes as empty folders: what is mounted there is another file system. */
export function foreignMounts(root: Uint8Array | string): Uint8Array[] {
  const top = pathBytes(root);
  const { dev } = lstatSync(top);
  const foreign = innerMounts(top).filter((path) => isForeignFolder(joinPath(top, path), dev));
  return foreign.filter((path) => !foreign.some((other) => isWithin(path, other)));
}

function isForeignFolder(path: Buffer, dev: number): boolean {
  try {
    const found = lstatSync(path);
    return found.isDirectory() && found.dev !== dev;
  } catch (error) {
    // another mount lies over it; what cannot be looked at otherwise, such as a drive that is gone, is foreign
    return !isSystemError(error, 'ENOENT');
  }
}

/** What a user is told of folders that are left out, as something else is mounted on them. */
export function notCrossedText(paths: readonly string[]): string {
  return (
    `left out, as other file systems are mounted there: ${paths.join(', ')}. No checkpoint has what is in them: make a pod ` +
    'of its own of each with `deskpod create --tree`, or unmount it and put its files here.'
  );
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
function plainText(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

// Edits of a tree, of any kind and in any order.
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { makeFifo } from '../../../src/sync/posix/nodes.ts';
import { setXattr } from '../../../src/sync/posix/xattr.ts';
import { exchange } from '../support/exchange.ts';

/** What happens to a tree: what is done, where, and with what. */
export type Edit = readonly [kind: (typeof KINDS)[number], path: string, other: string];
const KINDS = [
  ...['write', 'append', 'mkdir', 'remove', 'rename', 'link', 'symlink', 'fifo', 'chmod', 'touch', 'xattr'],
  ...['rename', 'mkdir', 'write', 'exchange'],
] as const;
const names = fc.constantFrom('a', 'b', 'c', 'a-', 'file', 'n\u00e9', 'x\\y');
const paths = fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
/** Any edit. */
export const edits: fc.Arbitrary<Edit> = fc.tuple(fc.constantFrom(...KINDS), paths, paths);

/** Does something to a tree; what cannot be done is not. */
export function applyEdit(dir: string, [kind, path, other]: Edit): void {
  const [place, target] = [join(dir, path), join(dir, other)];
  try {
    if (kind === 'write') writeFileSync(place, other);
    else if (kind === 'append') appendFileSync(place, other);
    else if (kind === 'mkdir') mkdirSync(place, { recursive: true });
    else if (kind === 'remove') rmSync(place, { recursive: true });
    else if (kind === 'rename') renameSync(place, target);
    else if (kind === 'exchange') exchange(place, target);
    else if (kind === 'link') linkSync(place, target);
    else if (kind === 'symlink') symlinkSync(other, place);
    else if (kind === 'fifo') makeFifo(`${place}.fifo`, 0o600);
    else if (kind === 'chmod') chmodSync(place, 0o700 + other.length);
    else if (kind === 'touch') utimesSync(place, other.length, other.length);
    else setXattr(place, 'user.mark', Buffer.from(other));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}

// States of folders in memory: read from a drive, written to one, compared.
import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Folder, Node } from './drive-model.ts';

/** What lies in `dir`, with all below it. Sockets and the like are left out. */
export function readFolder(dir: string): Folder {
  const names = new Map<string, Node>();
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    const stats = lstatSync(path);
    if (stats.isDirectory()) names.set(name, readFolder(path));
    else if (stats.isSymbolicLink()) names.set(name, { kind: 'symlink', target: readlinkSync(path) });
    else if (stats.isFile()) names.set(name, { kind: 'file', bytes: readFileSync(path) });
  }
  return { kind: 'folder', names };
}

/** Makes `dir` what `folder` is, or nothing; what was there goes. */
export function writeFolder(dir: string, folder: Folder | undefined): void {
  rmSync(dir, { recursive: true, force: true });
  if (folder !== undefined) fill(dir, folder);
}

function fill(dir: string, { names }: Folder): void {
  mkdirSync(dir, { mode: 0o700 });
  for (const [name, node] of names) {
    const path = join(dir, name);
    if (node.kind === 'folder') fill(path, node);
    else if (node.kind === 'symlink') symlinkSync(node.target, path);
    else writeFileSync(path, node.bytes, { mode: 0o600 });
  }
}

/** The same for the same state; what `isPassedOver` says of a path does not count. */
export function fingerprint(folder: Folder, isPassedOver: (path: string) => boolean): string {
  const hash = createHash('sha256');
  const walk = ({ names }: Folder, above: string): void => {
    for (const [name, node] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const path = above + name;
      if (isPassedOver(path)) continue;
      hash.update(`${node.kind} ${path}\n`);
      if (node.kind === 'folder') walk(node, `${path}/`);
      else if (node.kind === 'symlink') hash.update(`${node.target}\n`);
      else hash.update(hashOf(node.bytes));
    }
  };
  walk(folder, '');
  return hash.digest('hex');
}

const hashes = new WeakMap<Uint8Array, Buffer>();

/** States of one recording share most of their bytes. */
function hashOf(bytes: Uint8Array): Buffer {
  const known = hashes.get(bytes);
  if (known !== undefined) return known;
  const hash = createHash('sha256').update(bytes).digest();
  hashes.set(bytes, hash);
  return hash;
}

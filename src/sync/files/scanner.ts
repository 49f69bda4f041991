// The scanner: walks a tree and tells everything about it that a manifest holds, in the manifest's order.
import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { DeskPodError } from '../../core/errors.ts';
import type { EntryKind, ManifestEntry } from '../../core/manifest.ts';
import { splitDevice } from '../posix/nodes.ts';
import { readXattrs, type Xattr } from '../posix/xattr.ts';
import { displayPath, joinPath, pathBytes } from './byte-path.ts';

/**
 * What overlayfs notes about inodes of the layers below. On another drive those have other numbers, and the marks
 * would point at strangers; overlayfs does without them. (opaque, redirect and metacopy are content and stay.)
 */
const INODE_MARKS = new Set(
  ['trusted.overlay.', 'user.overlay.'].flatMap((space) =>
    ['origin', 'impure', 'uuid', 'nfs'].map((mark) => space + mark),
  ),
);

/** One inode under one name, as the scanner found it. */
export interface ScannedEntry {
  /** What the manifest will say, but for `hardlinkGroup` (0), `isSparse` (false) and `chunkIds` (none). */
  readonly entry: ManifestEntry;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly ctimeNs: bigint;
  /** How many names the inode has, in this tree and elsewhere. */
  readonly linkCount: number;
  /** True for a file that takes less space than its length: it may have holes. */
  readonly mayBeSparse: boolean;
}

/** What a scan covers. */
export interface ScanOptions {
  /** True for a path (relative, never empty) that is left out, with all that is in it. */
  readonly isExcluded?: (path: Uint8Array) => boolean;
  /** Without it, a folder on which another file system is mounted is taken as empty and given to `onMount`. */
  readonly crossesMounts?: boolean;
  readonly onMount?: (path: Uint8Array) => void;
}

interface OpenFolder {
  readonly path: Uint8Array;
  readonly names: readonly Buffer[];
  next: number;
}

/**
 * Walks the tree under `root`; the first entry is the root folder itself, with an empty path. What vanishes while the
 * scan is under way is not there; what can not be read stops it, so that it never counts as deleted. Its calls are
 * synchronous, which is five times as fast: whoever takes the entries gives other work its turn.
 * @throws DeskPodError SOURCE_UNREADABLE, naming the path
 */
export function* scanTree(root: Uint8Array | string, options: ScanOptions = {}): Generator<ScannedEntry> {
  const rootBytes = pathBytes(root);
  const top = examine(rootBytes, new Uint8Array(0));
  const topNames = top?.entry.kind === 'directory' ? listNames(rootBytes, top.entry.path) : undefined;
  if (top === undefined || topNames === undefined) {
    throw new DeskPodError('SOURCE_UNREADABLE', `expected a folder at ${displayPath(root)}, got none`);
  }
  yield top;
  const folders: OpenFolder[] = [{ path: top.entry.path, names: topNames, next: 0 }];
  for (let folder = folders.at(-1); folder !== undefined; folder = folders.at(-1)) {
    const name = folder.names[folder.next++];
    if (name === undefined) {
      folders.pop();
      continue;
    }
    const path = folder.path.length === 0 ? name : joinPath(folder.path, name);
    if (options.isExcluded?.(path) === true) continue;
    const found = examine(rootBytes, path);
    if (found === undefined) continue;
    if (found.entry.kind !== 'directory') {
      yield found;
      continue;
    }
    if (found.dev !== top.dev && options.crossesMounts !== true) {
      options.onMount?.(path);
      yield found;
      continue;
    }
    const names = listNames(rootBytes, path);
    if (names === undefined) continue;
    yield found;
    folders.push({ path, names, next: 0 });
  }
}

/**
 * Reads everything about one path of a tree but its content; undefined if it is not there.
 * @throws DeskPodError SOURCE_UNREADABLE
 */
export function examine(root: Uint8Array, path: Uint8Array): ScannedEntry | undefined {
  const place = joinPath(root, path);
  return unlessVanished(place, () => {
    const stats = lstatSync(place, { bigint: true });
    const kind = kindOf(stats);
    const device =
      kind === 'character-device' || kind === 'block-device' ? splitDevice(stats.rdev) : undefined;
    return {
      entry: {
        path,
        kind,
        mode: Number(stats.mode & 0o7777n),
        uid: Number(stats.uid),
        gid: Number(stats.gid),
        mtimeNs: stats.mtimeNs,
        sizeBytes: kind === 'file' ? Number(stats.size) : 0,
        rdevMajor: device?.major ?? 0,
        rdevMinor: device?.minor ?? 0,
        target: kind === 'symlink' ? readlinkSync(place, { encoding: 'buffer' }) : NO_BYTES,
        hardlinkGroup: 0,
        isSparse: false,
        xattrs: portableXattrs(place),
        chunkIds: [],
      },
      dev: stats.dev,
      ino: stats.ino,
      ctimeNs: stats.ctimeNs,
      linkCount: Number(stats.nlink),
      mayBeSparse: kind === 'file' && stats.blocks * 512n < stats.size,
    };
  });
}

/**
 * Runs `read` on a place of the tree; undefined if the place has vanished.
 * @throws DeskPodError SOURCE_UNREADABLE for every other failure
 */
export function unlessVanished<T>(place: Uint8Array, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (hasVanished(error)) return undefined;
    throw unreadable(place, error);
  }
}

/** The error for a place that is there but does not let itself be read. */
export function unreadable(place: Uint8Array, cause: unknown): DeskPodError {
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
  return new DeskPodError('SOURCE_UNREADABLE', `${displayPath(place)} could not be read: ${reason}`, {
    hint: 'make it readable or exclude it: what is not read would look deleted',
    details: { path: displayPath(place), reason },
    cause,
  });
}

const NO_BYTES = new Uint8Array(0);
const NO_XATTRS: readonly Xattr[] = [];

function hasVanished(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  // ENOTDIR: a folder above it has become a file
  return error.code === 'ENOENT' || error.code === 'ENOTDIR';
}

function listNames(root: Uint8Array, path: Uint8Array): Buffer[] | undefined {
  const place = joinPath(root, path);
  return unlessVanished(place, () => readdirSync(place, { encoding: 'buffer' }).sort(Buffer.compare));
}

function portableXattrs(place: Uint8Array): readonly Xattr[] {
  const xattrs = readXattrs(place);
  if (xattrs.length === 0) return NO_XATTRS;
  return xattrs.filter(({ name }) => !INODE_MARKS.has(Buffer.from(name).toString()));
}

function kindOf(stats: BigIntStats): EntryKind {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isFIFO()) return 'fifo';
  if (stats.isSocket()) return 'socket';
  return stats.isBlockDevice() ? 'block-device' : 'character-device';
}

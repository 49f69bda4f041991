// The scanner: walks a tree and tells everything about it that a manifest holds, in the manifest's order.
import { closeSync, constants, openSync, readlinkSync } from 'node:fs';
import { DeskPodError } from '../../core/errors.ts';
import type { EntryKind, ManifestEntry } from '../../core/manifest.ts';
import { FOLDER_FLAGS, readNames, Stamp, StatReader } from '../posix/statx.ts';
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

/** What the system tells of an inode beside its stamp. */
export interface InodeFacts {
  /** With the kind. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly linkCount: number;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  readonly isSmallerOnDisk: boolean;
}

/** One inode under one name, as the scanner came by it; what is costly to read of it is not read yet. */
export class ScannedInode {
  /** Relative, raw bytes; empty for the root. */
  readonly path: Uint8Array;
  readonly kind: EntryKind;
  /** What tells that the inode has not changed, see {@link StatReader.stamp}. */
  readonly stamp: Uint8Array;
  readonly facts: InodeFacts;

  constructor(path: Uint8Array, stamp: Uint8Array, facts: InodeFacts) {
    this.path = path;
    this.kind = kindOf(facts.mode);
    this.stamp = stamp;
    this.facts = facts;
  }

  /** Of what `stats` read last. */
  static of(path: Uint8Array, stats: StatReader): ScannedInode {
    const { mode, uid, gid, linkCount, rdevMajor, rdevMinor, isSmallerOnDisk } = stats;
    const facts = { mode, uid, gid, linkCount, rdevMajor, rdevMinor, isSmallerOnDisk };
    return new ScannedInode(path, stats.stamp(), facts);
  }

  /** How many names the inode has, in this tree and elsewhere. */
  get linkCount(): number {
    return this.facts.linkCount;
  }

  /** True for a file that takes less space than its length: it may have holes. */
  get mayBeSparse(): boolean {
    return this.kind === 'file' && this.facts.isSmallerOnDisk;
  }

  get #told(): Stamp {
    return new Stamp(this.stamp);
  }

  get dev(): bigint {
    return this.#told.dev;
  }

  get ino(): bigint {
    return this.#told.ino;
  }

  get ctimeNs(): bigint {
    return this.#told.ctimeNs;
  }

  get mtimeNs(): bigint {
    return this.#told.mtimeNs;
  }

  /** Length of a file's content in bytes. */
  get sizeBytes(): number {
    return this.kind === 'file' ? this.#told.sizeBytes : 0;
  }

  /** What tells the names of one inode from those of others; undefined for an inode with one name. */
  get link(): string | undefined {
    return this.linkCount > 1 && this.kind !== 'directory' ? `${this.dev}:${this.ino}` : undefined;
  }

  /**
   * Everything about it, with what is costly; undefined if it is not there any more.
   * @throws DeskPodError SOURCE_UNREADABLE
   */
  examine(root: Uint8Array): ScannedEntry | undefined {
    const place = joinPath(root, this.path);
    return unlessVanished(place, () => {
      const target = this.kind === 'symlink' ? targetOf(place) : NO_BYTES;
      if (target === undefined) return examine(root, this.path);
      const { mode, uid, gid, rdevMajor, rdevMinor } = this.facts;
      const isDevice = this.kind === 'character-device' || this.kind === 'block-device';
      const entry = {
        path: this.path,
        kind: this.kind,
        mode: mode & PERMISSIONS,
        uid,
        gid,
        rdevMajor: isDevice ? rdevMajor : 0,
        rdevMinor: isDevice ? rdevMinor : 0,
        mtimeNs: this.mtimeNs,
        sizeBytes: this.sizeBytes,
        target,
        hardlinkGroup: 0,
        isSparse: false,
        xattrs: portableXattrs(place),
        chunkIds: [],
      };
      return { inode: this, entry };
    });
  }
}

/** An inode with what the manifest will say, but for `hardlinkGroup` (0), `isSparse` (false) and `chunkIds` (none). */
export interface ScannedEntry {
  readonly inode: ScannedInode;
  readonly entry: ManifestEntry;
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
 * Walks the tree under `root`; the first inode is the root folder itself, with an empty path. What vanishes while the
 * scan is under way is not there; what can not be read stops it, so that it never counts as deleted. Its calls are
 * synchronous, which is five times as fast: whoever takes the inodes gives other work its turn.
 * @throws DeskPodError SOURCE_UNREADABLE, naming the path
 */
export function* scanTree(root: Uint8Array | string, options: ScanOptions = {}): Generator<ScannedInode> {
  const places = new Places(pathBytes(root));
  const top = places.look(NO_BYTES);
  const topNames = top?.kind === 'directory' ? places.list(NO_BYTES) : undefined;
  if (top === undefined || topNames === undefined) {
    throw new DeskPodError('SOURCE_UNREADABLE', `expected a folder at ${displayPath(root)}, got none`);
  }
  yield top;
  const folders: OpenFolder[] = [{ path: NO_BYTES, names: topNames, next: 0 }];
  for (let folder = folders.at(-1); folder !== undefined; folder = folders.at(-1)) {
    const name = folder.names[folder.next++];
    if (name === undefined) {
      folders.pop();
      continue;
    }
    const path = folder.path.length === 0 ? name : joinPath(folder.path, name);
    if (options.isExcluded?.(path) === true) continue;
    const found = places.look(path);
    if (found === undefined) continue;
    if (found.kind !== 'directory') {
      yield found;
      continue;
    }
    if (found.dev !== top.dev && options.crossesMounts !== true) {
      options.onMount?.(path);
      yield found;
      continue;
    }
    const names = places.list(path);
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
  return new Places(root).look(path)?.examine(root);
}

/** The paths of a tree as the system takes them, in one buffer that is used again. */
class Places {
  readonly #stats = new StatReader();
  readonly #rootLength: number;
  #place: Buffer;

  constructor(root: Uint8Array) {
    this.#rootLength = root.length;
    this.#place = Buffer.alloc(root.length + 4096);
    this.#place.set(root);
  }

  /** @throws DeskPodError SOURCE_UNREADABLE */
  look(path: Uint8Array): ScannedInode | undefined {
    const place = this.#at(path);
    try {
      this.#stats.read(place);
    } catch (error) {
      if (hasVanished(error)) return undefined;
      throw unreadable(place.subarray(0, -1), error);
    }
    return ScannedInode.of(path, this.#stats);
  }

  /** @throws DeskPodError SOURCE_UNREADABLE */
  list(path: Uint8Array): Buffer[] | undefined {
    const place = this.#at(path).subarray(0, -1);
    return unlessVanished(place, () => {
      const fd = openSync(place, FOLDER_FLAGS);
      try {
        return readNames(fd);
      } finally {
        closeSync(fd);
      }
    });
  }

  /** The place of a path with a NUL after it. */
  #at(path: Uint8Array): Buffer {
    const length = this.#rootLength + 1 + path.length;
    if (length >= this.#place.length) {
      const longer = Buffer.alloc(length * 2);
      this.#place.copy(longer, 0, 0, this.#rootLength);
      this.#place = longer;
    }
    if (path.length === 0) {
      this.#place[this.#rootLength] = 0;
      return this.#place.subarray(0, this.#rootLength + 1);
    }
    this.#place[this.#rootLength] = SLASH;
    this.#place.set(path, this.#rootLength + 1);
    this.#place[length] = 0;
    return this.#place.subarray(0, length + 1);
  }
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

const SLASH = 0x2f;
const PERMISSIONS = 0o7777;
const NO_BYTES = new Uint8Array(0);
const NO_XATTRS: readonly Xattr[] = [];

function hasVanished(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  // ENOTDIR: a folder above it has become a file
  return error.code === 'ENOENT' || error.code === 'ENOTDIR';
}

function portableXattrs(place: Uint8Array): readonly Xattr[] {
  const xattrs = readXattrs(place);
  if (xattrs.length === 0) return NO_XATTRS;
  return xattrs.filter(({ name }) => !isInodeMark(name));
}

/** True for the name of an attribute that overlayfs notes about an inode of a layer below, see above. */
export function isInodeMark(name: Uint8Array): boolean {
  return INODE_MARKS.has(Buffer.from(name).toString());
}

/** Where a symlink leads; undefined if the place has become something else. */
function targetOf(place: Buffer): Uint8Array | undefined {
  try {
    return readlinkSync(place, { encoding: 'buffer' });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EINVAL') return undefined;
    throw error;
  }
}

function kindOf(mode: number): EntryKind {
  const kind = KINDS.get(mode & constants.S_IFMT);
  if (kind === undefined) throw new RangeError(`expected the mode of an inode, got ${mode.toString(8)}`);
  return kind;
}

const KINDS = new Map<number, EntryKind>([
  [constants.S_IFREG, 'file'],
  [constants.S_IFDIR, 'directory'],
  [constants.S_IFLNK, 'symlink'],
  [constants.S_IFIFO, 'fifo'],
  [constants.S_IFSOCK, 'socket'],
  [constants.S_IFCHR, 'character-device'],
  [constants.S_IFBLK, 'block-device'],
]);

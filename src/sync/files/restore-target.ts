// The target of a restore: makes inodes under a folder and gives them back their metadata.
import {
  type BigIntStats,
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmdirSync,
  rmSync,
  statfsSync,
  symlinkSync,
} from 'node:fs';
import { equalBytes } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import type { EntryKind, ManifestEntry } from '../../core/manifest.ts';
import { makeDevice, makeFifo, makeSocket } from '../posix/nodes.ts';
import { setMtimeNs } from '../posix/times.ts';
import { readXattrs, removeXattr, setXattr } from '../posix/xattr.ts';
import { isFull, storageError, systemCodeOf } from '../storage-failure.ts';
import { displayPath, joinPath, pathBytes, pathKey } from './byte-path.ts';

/** What a user without root's rights, or a file system without the feature, could not be given back. */
export interface NotRestored {
  /** Entries that belong to whoever ran the restore instead. They lose setuid and setgid, which would now be his. */
  owners: number;
  /** Modes whose setuid, setgid or sticky bits are missing. */
  modes: number;
  xattrs: number;
  /** Device nodes that are not there. */
  devices: number;
  /** The first few paths that this is about, for people. */
  readonly examples: string[];
}

const EXAMPLES = 10;
const SPECIAL_BITS = 0o7000;
/** It has as many names as a file system gives one, lies on another, or may not be changed. */
const UNLINKABLE = new Set(['EMLINK', 'EXDEV', 'EPERM']);
/** What a file system says of an attribute that it could hold of no file. */
const TOO_LONG = new Set(['E2BIG', 'ERANGE']);
/** Where so much is free, there is space for an attribute. */
const SPARE_BYTES = 1024 * 1024;
const NOT_PERMITTED = new Set(['EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL']);

/** Attributes that the restore takes away if the manifest lacks them: a folder's default ACL hands down such. */
const OWN_NAMESPACES = ['user.', 'trusted.', 'system.posix_acl_', 'security.capability'];

/**
 * Makes entries under a folder. Every path comes from a manifest whose decoder has vouched that it is relative, without
 * `..`, and that each folder of it came before; as this class made each of those folders, or made sure that it is one,
 * no path leads through a symlink.
 */
export class RestoreTarget {
  readonly #root: Buffer;
  readonly #mayReplace: boolean;
  readonly #keepsFolders: boolean;
  /** The folders that were made here, where nothing can stand in the way; true if what is made in one has no attributes. */
  readonly #made = new Map<string, boolean>();
  readonly notRestored: NotRestored = { owners: 0, modes: 0, xattrs: 0, devices: 0, examples: [] };

  /** `keepsFolders`: a folder with something in it is never replaced by another thing. */
  constructor(root: Uint8Array | string, mayReplace: boolean, keepsFolders = false) {
    this.#root = pathBytes(root);
    this.#mayReplace = mayReplace;
    this.#keepsFolders = keepsFolders;
  }

  /** Where an entry goes. */
  place(path: Uint8Array): Buffer {
    return joinPath(this.#root, path);
  }

  /** True if nothing can be at this path: the folder that it lies in was made here. */
  isFresh(path: Uint8Array): boolean {
    return this.#made.has(parentKeyOf(path));
  }

  /** True if a file needs nothing but content, owner, permissions and time, and others can not come to it meanwhile. */
  isPlain({ path, mode, xattrs }: ManifestEntry): boolean {
    return (mode & SPECIAL_BITS) === 0 && xattrs.length === 0 && this.#made.get(parentKeyOf(path)) === true;
  }

  /** Makes a folder that only its owner can enter until {@link describe} says otherwise. */
  makeFolder(path: Uint8Array): void {
    const place = this.place(path);
    if (path.length === 0) return; // whoever opened the target has made it
    this.#attempt(path, () => {
      if (this.#mayReplace && kindAt(place) === 'directory') {
        chmodSync(place, 0o700);
        return;
      }
      this.#clear(path, place);
      mkdirSync(place, 0o700);
      // such as a default ACL, which the folder above hands down
      this.#made.set(pathKey(path), readXattrs(place).length === 0);
    });
  }

  /** Makes an empty file and opens it for writing; the caller closes it. */
  createFile(path: Uint8Array): number {
    const place = this.place(path);
    return this.#attempt(path, () => {
      this.#clear(path, place);
      return openSync(place, 'wx', 0o600);
    });
  }

  /** Makes a symlink, fifo, socket or device. False if this user may not make such a device. */
  makeNode(entry: ManifestEntry): boolean {
    const place = this.place(entry.path);
    return this.#attempt(entry.path, () => {
      this.#clear(entry.path, place);
      if (entry.kind === 'symlink') symlinkSync(pathBytes(entry.target), place);
      else if (entry.kind === 'fifo') makeFifo(place, 0o600);
      else if (entry.kind === 'socket') makeSocket(place, 0o600);
      else return this.#makeDevice(place, entry);
      return true;
    });
  }

  /** Gives the inode of an entry, which came earlier, another name. */
  link(first: Uint8Array, path: Uint8Array): void {
    const place = this.place(path);
    this.#attempt(path, () => {
      this.#clear(path, place);
      linkSync(this.place(first), place);
    });
  }

  /** Gives a file of a tree beside this one a name here. False if it can have no more names, or none here. */
  linkStanding(standing: Buffer, path: Uint8Array): boolean {
    const place = this.place(path);
    return this.#attempt(path, () => {
      this.#clear(path, place);
      try {
        linkSync(standing, place);
        return true;
      } catch (error) {
        if (UNLINKABLE.has(systemCodeOf(error) ?? '')) return false;
        throw error;
      }
    });
  }

  /**
   * Sets owner, attributes, mode and time, in the order in which none undoes another: a new owner clears setuid and
   * capabilities, an ACL changes the mode, everything moves the time.
   */
  describe(entry: ManifestEntry): void {
    const place = this.place(entry.path);
    this.#attempt(entry.path, () => {
      const isOwned = this.#setOwner(place, entry);
      this.#setXattrs(place, entry);
      if (entry.kind !== 'symlink') this.#setMode(place, entry, isOwned);
      setMtimeNs(place, entry.mtimeNs);
    });
  }

  /** True if `stats`, which are those of the entry's place, and the attributes there are what {@link describe} would set. */
  isDescribed({ path, kind, mode, uid, gid, mtimeNs, xattrs }: ManifestEntry, stats: BigIntStats): boolean {
    if (kind !== 'symlink' && (Number(stats.mode) & 0o7777) !== mode) return false;
    if (Number(stats.uid) !== uid || Number(stats.gid) !== gid || stats.mtimeNs !== mtimeNs) return false;
    const wanted = new Map(xattrs.map(({ name, value }) => [pathBytes(name).toString('latin1'), value]));
    for (const { name, value } of readXattrs(this.place(path))) {
      const text = pathBytes(name).toString('latin1');
      const other = wanted.get(text);
      if (
        other === undefined
          ? OWN_NAMESPACES.some((space) => text.startsWith(space))
          : !equalBytes(value, other)
      )
        return false;
      wanted.delete(text);
    }
    return wanted.size === 0;
  }

  /** Sets only the mode of a folder that must have stayed open until now. */
  setFolderMode(path: Uint8Array, mode: number): void {
    this.#attempt(path, () => chmodSync(this.place(path), mode));
  }

  #attempt<T>(path: Uint8Array, act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw writeFailure(path, error);
    }
  }

  #clear(path: Uint8Array, place: Buffer): void {
    if (this.isFresh(path)) return;
    if (this.#keepsFolders && kindAt(place) === 'directory') rmdirSync(place);
    else if (this.#mayReplace) rmSync(place, { recursive: true, force: true });
  }

  #makeDevice(place: Buffer, entry: ManifestEntry): boolean {
    const number = { major: entry.rdevMajor, minor: entry.rdevMinor };
    try {
      makeDevice(place, entry.kind === 'block-device' ? 'block' : 'character', 0o600, number);
      return true;
    } catch (error) {
      this.#forgive(error, entry.path, 'devices');
      return false;
    }
  }

  #setOwner(place: Buffer, { path, uid, gid }: ManifestEntry): boolean {
    try {
      lchownSync(place, uid, gid);
      return true;
    } catch (error) {
      this.#forgive(error, path, 'owners');
      return false;
    }
  }

  #setXattrs(place: Buffer, { path, xattrs }: ManifestEntry): void {
    if (xattrs.length === 0 && this.#made.get(parentKeyOf(path)) === true) return;
    const wanted = new Set(xattrs.map(({ name }) => pathBytes(name).toString('latin1')));
    for (const { name } of readXattrs(place)) {
      const text = pathBytes(name).toString('latin1');
      if (wanted.has(text) || !OWN_NAMESPACES.some((space) => text.startsWith(space))) continue;
      removeXattr(place, name);
    }
    for (const { name, value } of xattrs) {
      try {
        setXattr(place, name, value);
      } catch (error) {
        if (this.#isTooLongHere(error, value)) this.#note(path, 'xattrs');
        else this.#forgive(error, path, 'xattrs');
      }
    }
  }

  /** Of an attribute that does not fit beside its inode, many file systems say that there is no space at all. */
  #isTooLongHere(error: unknown, { length }: Uint8Array): boolean {
    const code = systemCodeOf(error) ?? '';
    if (!isFull(error)) return TOO_LONG.has(code);
    const { bavail, bsize } = statfsSync(this.#root);
    return code === 'ENOSPC' && bavail * bsize > length + SPARE_BYTES;
  }

  #setMode(place: Buffer, entry: ManifestEntry, isOwned: boolean): void {
    const mode = isOwned ? entry.mode : entry.mode & ~0o6000;
    chmodSync(place, mode);
    if ((entry.mode & SPECIAL_BITS) === 0) return;
    // the kernel drops setgid without an error for a group that is not the user's
    if ((lstatSync(place).mode & 0o7777) !== entry.mode) this.#note(entry.path, 'modes');
  }

  #forgive(error: unknown, path: Uint8Array, what: 'owners' | 'xattrs' | 'devices'): void {
    if (!(error instanceof Error) || !('code' in error) || !NOT_PERMITTED.has(String(error.code)))
      throw error;
    this.#note(path, what);
  }

  #note(path: Uint8Array, what: 'owners' | 'modes' | 'xattrs' | 'devices'): void {
    this.notRestored[what]++;
    const { examples } = this.notRestored;
    if (examples.length < EXAMPLES) examples.push(`${what}: ${displayPath(path)}`);
  }
}

/** For what no drive is to blame. */
const UNFIT_HINT =
  'The file system there may not take such a file: restore to another one, or leave it out (`--into` with `--exclude`).';

/** The error for an entry that could not be written: SPACE_EXHAUSTED or TARGET_WRITE_FAILED; DeskPodErrors as they are. */
export function writeFailure(path: Uint8Array, error: unknown): DeskPodError {
  if (error instanceof DeskPodError) return error;
  const shown = displayPath(path);
  const code = systemCodeOf(error) ?? String(error);
  const context = { details: { path: shown, reason: code }, cause: error };
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const hint = 'make room or restore to a larger device';
    return new DeskPodError('SPACE_EXHAUSTED', `${shown}: no space left to write it`, { ...context, hint });
  }
  const told = storageError(error, shown);
  const { hint = UNFIT_HINT } = told instanceof DeskPodError ? told : {};
  return new DeskPodError('TARGET_WRITE_FAILED', `${shown} could not be written: ${code}`, {
    ...context,
    hint,
  });
}

/** The key of the folder that a path lies in. */
function parentKeyOf(path: Uint8Array): string {
  const bytes = pathBytes(path);
  return bytes.toString('latin1', 0, Math.max(0, bytes.lastIndexOf('/')));
}

function kindAt(place: Buffer): EntryKind | undefined {
  const stats = lstatSync(place, { throwIfNoEntry: false });
  return stats?.isDirectory() === true ? 'directory' : undefined;
}

// What a restore need not write: files of a tree beside its target that are the same get another name there.
import { lstatSync } from 'node:fs';
import { equalBytes } from '../../core/bytes.ts';
import type { ManifestEntry } from '../../core/manifest.ts';
import { readXattrs } from '../posix/xattr.ts';
import { isUnreadable } from '../storage-failure.ts';
import { joinPath, pathBytes, pathKey } from './byte-path.ts';
import { type ChunkProof, hasContent } from './restore-patch.ts';

const PERMISSIONS = 0o7777;
const SLASH = 0x2f;

/**
 * The files of a tree that lies on the file system of a target. Nobody may write to them while both trees are there: what
 * has a name in both is one file. For one restore.
 */
export class StandingFiles {
  readonly #root: Uint8Array;
  readonly #proof: ChunkProof;
  /** Inodes with several names that are an entry's already: another entry is another inode. */
  readonly #taken = new Set<bigint>();
  /** True for those that are there, and not behind a link. */
  readonly #folders = new Map<string, boolean>();

  constructor(root: Uint8Array | string, proof: ChunkProof) {
    this.#root = pathBytes(root);
    this.#proof = proof;
  }

  /**
   * Where a file stands of which all is as the entry says, as far as can be told without reading it; undefined if there is
   * none under its path, or it is another entry's already.
   */
  find({ path, kind, mode, uid, gid, mtimeNs, sizeBytes, xattrs }: ManifestEntry): Buffer | undefined {
    if (kind !== 'file' || !this.#isFolder(folderOf(path))) return undefined;
    const place = joinPath(this.#root, path);
    const stats = lstatSync(place, { bigint: true, throwIfNoEntry: false });
    const isAlike =
      stats?.isFile() === true &&
      stats.size === BigInt(sizeBytes) &&
      stats.mtimeNs === mtimeNs &&
      (Number(stats.mode) & PERMISSIONS) === mode &&
      stats.uid === BigInt(uid) &&
      stats.gid === BigInt(gid) &&
      hasJust(place, xattrs);
    if (!isAlike || stats === undefined) return undefined;
    if (stats.nlink > 1n) {
      if (this.#taken.has(stats.ino)) return undefined;
      this.#taken.add(stats.ino);
    }
    return place;
  }

  /** A link in the place of a folder leads to what is another entry's, or lies outside the tree. */
  #isFolder(path: Uint8Array): boolean {
    if (path.length === 0) return true;
    const key = pathKey(path);
    const known = this.#folders.get(key);
    if (known !== undefined) return known;
    const isFolder =
      this.#isFolder(folderOf(path)) &&
      lstatSync(joinPath(this.#root, path), { throwIfNoEntry: false })?.isDirectory() === true;
    this.#folders.set(key, isFolder);
    return isFolder;
  }

  /** True if the file at a place holds what the entry says. Every byte is read: a drive may have lost some at a power cut. */
  async holds(place: Buffer, entry: ManifestEntry): Promise<boolean> {
    try {
      return await hasContent(place, entry, this.#proof);
    } catch (error) {
      if (isUnreadable(error)) return false;
      throw error;
    }
  }
}

function folderOf(path: Uint8Array): Uint8Array {
  return path.subarray(0, Math.max(0, path.lastIndexOf(SLASH)));
}

/** Also what overlayfs notes of an inode counts, which no manifest has: it is of the tree that it lies in. */
function hasJust(place: Buffer, xattrs: ManifestEntry['xattrs']): boolean {
  const found = readXattrs(place);
  return (
    found.length === xattrs.length &&
    xattrs.every(({ name, value }, at) => {
      const other = found[at];
      return other !== undefined && equalBytes(other.name, name) && equalBytes(other.value, value);
    })
  );
}

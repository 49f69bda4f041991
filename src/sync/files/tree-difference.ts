// Whether a tree is what its manifest says, by all that can be told of it without reading a file.
import { setImmediate } from 'node:timers/promises';
import { equalBytes } from '../../core/bytes.ts';
import type { EntryKind, ManifestEntry } from '../../core/manifest.ts';
import type { ManifestStream } from '../../core/manifest-diff.ts';
import { comparePaths } from '../../core/path-order.ts';
import { pathBytes } from './byte-path.ts';
import { type ScannedInode, scanTree } from './scanner.ts';

/** After so many entries other work gets its turn. */
const ENTRIES_PER_TURN = 64;
/** No more are looked at: from a slow drive, of which nothing was read yet, each takes a few hundredths of a millisecond and more. */
const ENTRIES_MAX = 20_000;

/** Of these alone attributes are asked for: it takes as long as all else, and those of folders say what overlayfs shows in them. */
const WITH_ATTRIBUTES: ReadonlySet<EntryKind> = new Set(['directory']);
/** Those of which more than the stat is needed to tell what they are. */
const EXAMINED: ReadonlySet<EntryKind> = new Set([
  ...WITH_ATTRIBUTES,
  'symlink',
  'character-device',
  'block-device',
]);
const PERMISSIONS = 0o7777;

/**
 * The first path, in the manifest's order, at which the tree under `root` is not as the manifest says: another name, kind,
 * length, time, owner, mode or link, or attribute of a folder. Undefined if there is none among the first 20,000. What a file
 * holds is not looked at.
 * @throws DeskPodError SOURCE_UNREADABLE; what `manifest` throws; the reason of `signal`
 */
export async function findDifference(
  root: Uint8Array | string,
  manifest: ManifestStream,
  signal?: AbortSignal,
): Promise<Uint8Array | undefined> {
  const top = pathBytes(root);
  const inodes = scanTree(top);
  const links = new SharedInodes();
  let count = 0;
  for await (const entries of manifest) {
    for (const entry of entries) {
      if (++count > ENTRIES_MAX) return undefined;
      if (count % ENTRIES_PER_TURN === 0) await setImmediate();
      signal?.throwIfAborted();
      const { value: inode } = inodes.next() as IteratorResult<ScannedInode, undefined>;
      if (inode === undefined) return entry.path;
      const order = comparePaths(inode.path, entry.path);
      if (order !== 0) return order < 0 ? inode.path : entry.path;
      if (!isAlike(inode, entry) || !links.areAsIn(entry, inode)) return entry.path;
      if (EXAMINED.has(entry.kind) && !isExaminedAlike(inode.examine(top)?.entry, entry)) return entry.path;
    }
  }
  const more = inodes.next() as IteratorResult<ScannedInode, undefined>;
  return more.value?.path;
}

function isAlike({ kind, facts, mtimeNs, sizeBytes }: ScannedInode, entry: ManifestEntry): boolean {
  return (
    kind === entry.kind &&
    (facts.mode & PERMISSIONS) === entry.mode &&
    facts.uid === entry.uid &&
    facts.gid === entry.gid &&
    mtimeNs === entry.mtimeNs &&
    sizeBytes === entry.sizeBytes
  );
}

function isExaminedAlike(found: ManifestEntry | undefined, entry: ManifestEntry): boolean {
  return (
    found !== undefined &&
    found.rdevMajor === entry.rdevMajor &&
    found.rdevMinor === entry.rdevMinor &&
    equalBytes(found.target, entry.target) &&
    (!WITH_ATTRIBUTES.has(entry.kind) || hasSameXattrs(found, entry))
  );
}

function hasSameXattrs({ xattrs }: ManifestEntry, entry: ManifestEntry): boolean {
  return (
    xattrs.length === entry.xattrs.length &&
    xattrs.every(({ name, value }, at) => {
      const expected = entry.xattrs[at];
      return expected !== undefined && equalBytes(name, expected.name) && equalBytes(value, expected.value);
    })
  );
}

/** Which names share an inode: in the tree, and by the groups of the manifest. */
class SharedInodes {
  readonly #inodeOf = new Map<number, string>();
  readonly #groupOf = new Map<string, number>();

  /** True if this name shares its inode with those that came before, and with no other, as the manifest says. */
  areAsIn({ hardlinkGroup }: ManifestEntry, { link }: ScannedInode): boolean {
    const inode = link ?? 'of its own';
    const expected = this.#inodeOf.get(hardlinkGroup);
    if (hardlinkGroup !== 0) {
      if (expected !== undefined && (expected !== inode || link === undefined)) return false;
      this.#inodeOf.set(hardlinkGroup, inode);
    }
    if (link === undefined) return true;
    const group = this.#groupOf.get(link);
    this.#groupOf.set(link, hardlinkGroup);
    // names outside of the tree make a link of what has one name in it
    return group === undefined || (group !== 0 && group === hardlinkGroup);
  }
}

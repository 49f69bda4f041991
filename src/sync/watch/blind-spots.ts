// Paths whose changes no watch on folders tells of: an inode's other names, and what something is mounted on.
import type { DirtyPath } from '../../core/dirty-paths.ts';
import { joinPath, pathKey } from '../files/byte-path.ts';
import { RACY_MARGIN_MS } from '../files/file-index.ts';
import type { ScannedEntry, ScannedInode } from '../files/scanner.ts';
import { knownStats } from '../posix/path-status.ts';

/** More are not looked at one by one: a scan of everything is hardly slower, and takes no memory. */
const SPOTS_MAX = 100_000;

/** A place that was looked at, with what was found there, in the manifest's order. */
export interface FoundPart extends DirtyPath {
  readonly found: readonly ScannedEntry[];
}

interface Spot {
  readonly path: Uint8Array;
  readonly link: string | undefined;
  readonly ino: bigint;
  readonly ctimeNs: bigint;
  /** True if it changed so shortly before it was looked at that another change may have given it the same time. */
  readonly isRacy: boolean;
}

/**
 * Who writes to a file by one of its names is told of in that name's folder alone; and a name outside the tree is in no
 * folder that is watched. So every name of an inode that has several is looked at each time.
 */
export class BlindSpots {
  readonly #root: Uint8Array;
  readonly #spots = new Map<string, Spot>();
  /** How many names in the tree an inode has that has several. */
  readonly #names = new Map<string, number>();

  constructor(root: Uint8Array) {
    this.#root = root;
  }

  /** True if there are so many that not all are remembered. */
  get isTooMany(): boolean {
    return this.#spots.size >= SPOTS_MAX;
  }

  /** Takes note of what was looked at no later than `atMs`, under its path in the tree, if it is such a place. */
  see(path: Uint8Array, inode: ScannedInode, atMs: number): void {
    if (inode.link !== undefined) this.#add(path, inode, atMs, inode.link);
  }

  /** Takes note of a folder that something is mounted on. */
  seeMount(path: Uint8Array, inode: ScannedInode, atMs: number): void {
    this.#add(path, inode, atMs, undefined);
  }

  /** The paths that are not as they were, with all other names of theirs. */
  changed(): Uint8Array[] {
    const changed: Uint8Array[] = [];
    const links = new Set<string>();
    for (const { path, link, ino, ctimeNs, isRacy } of this.#spots.values()) {
      // what cannot be told has changed as well: whoever looks at it says why
      const now = knownStats(joinPath(this.#root, path));
      if (!isRacy && now?.ino === ino && now.ctimeNs === ctimeNs) continue;
      if (link === undefined) changed.push(path);
      else links.add(link);
    }
    return [...changed, ...this.#namesOf(links)];
  }

  /** Names of the inodes in `parts` that are not in them: of an inode all names are looked at, or none. */
  namesBeside(parts: readonly FoundPart[]): Uint8Array[] {
    const links = new Set<string>();
    for (const { found } of parts) {
      for (const { inode } of found)
        if (inode.link !== undefined && this.#names.has(inode.link)) links.add(inode.link);
    }
    const byPath = new Map(parts.map((part) => [pathKey(part.path), part]));
    return this.#namesOf(links).filter((path) => !isReplaced(byPath, pathKey(path)));
  }

  #namesOf(links: ReadonlySet<string>): Uint8Array[] {
    if (links.size === 0) return [];
    const spots = [...this.#spots.values()];
    return spots.filter(({ link }) => link !== undefined && links.has(link)).map(({ path }) => path);
  }

  /**
   * True if `parts` have all names in the tree of every inode that is in them: one that had a single name when everything
   * was looked at may have got another, and its first is told of nowhere.
   */
  hasAllNames(parts: readonly FoundPart[]): boolean {
    const fresh = new Map<string, { count: number; linkCount: number }>();
    for (const { found } of parts) {
      for (const { inode } of found) {
        const { link, linkCount } = inode;
        if (link === undefined || this.#names.has(link)) continue;
        fresh.set(link, { count: (fresh.get(link)?.count ?? 0) + 1, linkCount });
      }
    }
    return [...fresh.values()].every(({ count, linkCount }) => count >= linkCount);
  }

  /** Takes over what was found, no later than `atMs`, in the place of what was known there. */
  update(parts: readonly FoundPart[], atMs: number): void {
    const byPath = new Map(parts.map((part) => [pathKey(part.path), part]));
    for (const key of [...this.#spots.keys()]) if (isReplaced(byPath, key)) this.#remove(key);
    for (const { found } of parts) for (const { inode, entry } of found) this.see(entry.path, inode, atMs);
  }

  #add(path: Uint8Array, { ino, ctimeNs }: ScannedInode, atMs: number, link: string | undefined): void {
    if (this.isTooMany) return;
    const isRacy = ctimeNs > BigInt(Math.floor(atMs) - RACY_MARGIN_MS) * 1_000_000n;
    const key = pathKey(path);
    this.#remove(key);
    this.#spots.set(key, { path, link, ino, ctimeNs, isRacy });
    if (link !== undefined) this.#names.set(link, (this.#names.get(link) ?? 0) + 1);
  }

  #remove(key: string): void {
    const link = this.#spots.get(key)?.link;
    this.#spots.delete(key);
    if (link === undefined) return;
    const left = (this.#names.get(link) ?? 1) - 1;
    if (left > 0) this.#names.set(link, left);
    else this.#names.delete(link);
  }
}

/** True if `path` is one of the parts, or below one of which nothing stayed. */
function isReplaced(parts: ReadonlyMap<string, FoundPart>, path: string): boolean {
  if (parts.has(path)) return true;
  for (let end = path.lastIndexOf('/'); ; end = path.lastIndexOf('/', end - 1)) {
    const above = parts.get(path.slice(0, Math.max(end, 0)));
    if (above !== undefined && (above.isWhole || above.found[0]?.entry.kind !== 'directory')) return true;
    if (end <= 0) return false;
  }
}

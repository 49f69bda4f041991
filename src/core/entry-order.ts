// Where an entry may stand in a manifest: after what comes before it, in a folder that was listed, with its hard links counted.
import type { ManifestEntry } from './manifest.ts';
import { pathFault, sharedLength } from './path-order.ts';

const SLASH = 0x2f;

/** What decides where an entry may stand. */
export type PlacedEntry = Pick<ManifestEntry, 'path' | 'kind' | 'hardlinkGroup' | 'chunkIds'>;

/** Judges whether each entry may stand after those before it, by what its path does not share with the last one's. */
export class EntryOrder {
  #last: Uint8Array | undefined;
  /** Those that hold the last path, and that path itself if it is one. */
  readonly #folders: Uint8Array[] = [new Uint8Array(0)];
  #groupCount = 0;

  /** Why an entry may not stand here, after which nothing may; undefined if it may. */
  fault(entry: PlacedEntry): string | undefined {
    const { path, kind, hardlinkGroup } = entry;
    const last = this.#last;
    const shared = last === undefined ? 0 : sharedLength(last, path);
    if (last !== undefined && !isAfter(path, last, shared))
      return 'expected each path once and in order, got one that belongs earlier';
    const isTop = path.length === 0 && kind === 'directory';
    const broken = isTop ? undefined : pathFault(path, shared);
    if (broken !== undefined) return `expected a relative path, got ${broken}`;
    if (!isTop && !this.#isInFolder(path, shared)) return 'expected a folder before what it holds';
    if (hardlinkGroup > this.#groupCount + 1) return 'expected hardlink groups in order of appearance';
    if (hardlinkGroup !== 0 && hardlinkGroup <= this.#groupCount && entry.chunkIds.length > 0) {
      return 'expected content at the first member of a hardlink group only';
    }
    if (hardlinkGroup > this.#groupCount) this.#groupCount = hardlinkGroup;
    if (kind === 'directory' && !isTop) this.#folders.push(path);
    this.#last = path;
    return undefined;
  }

  /** Leaves the folders that the path is not in; all of them begin the last path, so no more than what both share is looked at. */
  #isInFolder(path: Uint8Array, shared: number): boolean {
    let folderLength = this.#folders.at(-1)?.length ?? 0;
    while (folderLength > 0 && (folderLength > shared || path[folderLength] !== SLASH)) {
      this.#folders.pop();
      folderLength = this.#folders.at(-1)?.length ?? 0;
    }
    return path.indexOf(SLASH, folderLength === 0 ? 0 : folderLength + 1) === -1;
  }
}

/** True if `path` comes after `last`, of which it shares so many bytes. See comparePaths. */
function isAfter(path: Uint8Array, last: Uint8Array, shared: number): boolean {
  const left = last[shared];
  const right = path[shared];
  if (right === undefined) return false;
  if (left === undefined || left === SLASH) return true;
  return right !== SLASH && left < right;
}

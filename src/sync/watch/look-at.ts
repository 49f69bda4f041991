// Looking at the dirty paths of a tree: what is there now, as a scan of everything would have found it.
import { equalBytes } from '../../core/bytes.ts';
import type { DirtyPath } from '../../core/dirty-paths.ts';
import { isWithin } from '../../core/path-order.ts';
import { joinPath, pathKey } from '../files/byte-path.ts';
import { examine, type ScannedEntry, scanTree } from '../files/scanner.ts';
import type { FoundPart } from './blind-spots.ts';

/** Entries beyond this are found sooner, and with less memory, by a scan of everything. */
const FOUND_MAX = 100_000;

/** How paths are looked at. */
export interface LookOptions {
  /** True for a path (in the tree) that is left out, with all below it. */
  readonly isExcluded: (path: Uint8Array) => boolean;
  /** Told of folders on which something is mounted. */
  readonly onMount: (scanned: ScannedEntry) => void;
}

/**
 * What is at the dirty paths, which come in order; undefined if that is too much to hold.
 * @throws DeskPodError SOURCE_UNREADABLE
 */
export function lookAt(
  root: Uint8Array,
  dirty: readonly DirtyPath[],
  options: LookOptions,
): FoundPart[] | undefined {
  const top = examine(root, new Uint8Array(0));
  const parts: FoundPart[] = [];
  let foundCount = 0;
  let gone: Uint8Array | undefined;
  for (const { path, isWhole } of dirty) {
    // nothing is below what is gone, even if something has come there since
    if (gone !== undefined && isWithin(path, gone)) continue;
    const first = path.length === 0 ? top : examine(root, path);
    const isFolder = first?.entry.kind === 'directory';
    if (!isFolder) gone = path;
    const isForeign = isFolder && first.inode.dev !== top?.inode.dev;
    if (isForeign) options.onMount(first);
    const found = first === undefined ? [] : [first];
    if (isFolder && isWhole && !isForeign) found.push(...below(root, path, options, FOUND_MAX));
    foundCount += found.length;
    if (foundCount > FOUND_MAX) return undefined;
    parts.push({ path, isWhole: isWhole || isForeign, found });
  }
  return parts;
}

/** The folders taken as empty after a look: those that were before and were not looked at again, and what `mounts` tells. */
export function notCrossedAfter(
  before: readonly Uint8Array[],
  parts: readonly FoundPart[],
  mounts: readonly ScannedEntry[],
): Uint8Array[] {
  const isSeenAgain = (path: Uint8Array): boolean =>
    parts.some(
      (part) =>
        equalBytes(path, part.path) ||
        ((part.isWhole || part.found.length === 0) && isWithin(path, part.path)),
    );
  const found = new Map(mounts.map(({ entry: { path } }) => [pathKey(path), path]));
  return [...before.filter((path) => !isSeenAgain(path)), ...found.values()].sort(Buffer.compare);
}

/** Everything below a folder of the tree, at most so many. */
function* below(
  root: Uint8Array,
  folder: Uint8Array,
  { isExcluded, onMount }: LookOptions,
  limit: number,
): Generator<ScannedEntry> {
  const inTree = (path: Uint8Array): Uint8Array => joinPath(folder, path);
  const mounts = new Set<string>();
  const scan = scanTree(joinPath(root, folder), {
    isExcluded: (path) => isExcluded(inTree(path)),
    onMount: (path) => mounts.add(pathKey(path)),
  });
  let count = 0;
  for (const inode of scan) {
    const { path } = inode;
    if (path.length === 0) continue;
    if (count++ > limit) return;
    const scanned = inode.examine(joinPath(root, folder));
    if (scanned === undefined) continue;
    const found = { inode, entry: { ...scanned.entry, path: inTree(path) } };
    if (mounts.delete(pathKey(path))) onMount(found);
    yield found;
  }
}

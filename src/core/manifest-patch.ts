// A manifest patched: the entries of the last one, with those parts replaced that were looked at anew.
import { EncodedEntry } from './encoded-entry.ts';
import type { ManifestEntry } from './manifest.ts';
import type { EncodedStream } from './manifest-diff.ts';
import { comparePaths, isDirectlyIn, isWithin } from './path-order.ts';

/** An entry that was looked at just now. */
export interface FreshEntry {
  /** As the manifest will say it, but for `hardlinkGroup`, which is 0. Of files with their chunks. */
  readonly entry: ManifestEntry;
  /** Equal for names of one inode with several names; undefined for an inode with one name. */
  readonly link: string | undefined;
}

/** One place that was looked at. */
export interface FreshPart {
  readonly path: Uint8Array;
  /** True if a folder there was walked: its entries follow it. Otherwise what was below it stays. */
  readonly isWhole: boolean;
  /** First the path itself, or nothing if nothing is there; in the manifest's order. */
  readonly entries: readonly FreshEntry[];
}

/** The parts do not fit the manifest that they are to patch: something was not looked at. Only a scan of all can tell. */
export class PatchMismatch extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PatchMismatch';
  }
}

/**
 * The entries of the manifest that a scan of the whole tree would give now, if the tree differs from `before` only in
 * `parts`, which come in order, none below one that is whole. Of an inode with several names all are among the parts, or
 * none, as the manifest does not say which inode it is.
 * @throws PatchMismatch; what `before` throws
 */
export async function* patchManifest(
  before: EncodedStream,
  parts: readonly FreshPart[],
): AsyncGenerator<readonly EncodedEntry[]> {
  const patch = new Patch(parts);
  for await (const batch of before) {
    for (const entry of batch) patch.pass(entry);
    yield patch.take();
  }
  patch.finish();
  yield patch.take();
}

class Patch {
  readonly #parts: readonly FreshPart[];
  #next = 0;
  #out: EncodedEntry[] = [];
  /** What the former manifest has below here is not there any more. */
  #dropped: Uint8Array | undefined;
  readonly #folders: Uint8Array[] = [];
  #groupCount = 0;
  /** What the patched manifest says of each inode with several names that was looked at. */
  readonly #fresh = new Map<string, ManifestEntry>();
  /** The numbers that groups of the former manifest have now. */
  readonly #carried = new Map<number, number>();
  /** Groups of the former manifest of which a name is not there any more, or was looked at. */
  readonly #replaced = new Set<number>();

  constructor(parts: readonly FreshPart[]) {
    this.#parts = parts;
  }

  /** Takes the next entry of the former manifest. */
  pass(former: EncodedEntry): void {
    let order = this.#orderOfNext(former);
    while (order < 0) {
      this.#put(undefined);
      order = this.#orderOfNext(former);
    }
    if (order > 0 && !this.#isDropped(former.path)) {
      this.#carry(former);
      return;
    }
    this.#replace(former);
    if (order === 0) this.#put(former);
  }

  finish(): void {
    while (this.#next < this.#parts.length) this.#put(undefined);
  }

  take(): readonly EncodedEntry[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #orderOfNext(former: EncodedEntry): number {
    const part = this.#parts[this.#next];
    return part === undefined ? 1 : comparePaths(part.path, former.path);
  }

  #isDropped(path: Uint8Array): boolean {
    return this.#dropped !== undefined && isWithin(path, this.#dropped);
  }

  #carry(entry: EncodedEntry): void {
    const { hardlinkGroup } = entry;
    if (hardlinkGroup === 0) {
      this.#emit(entry);
      return;
    }
    if (this.#replaced.has(hardlinkGroup)) throw notAllNames();
    const group = this.#carried.get(hardlinkGroup) ?? ++this.#groupCount;
    this.#carried.set(hardlinkGroup, group);
    this.#emit(
      group === hardlinkGroup ? entry : EncodedEntry.of({ ...entry.decode(), hardlinkGroup: group }),
    );
  }

  #replace({ hardlinkGroup }: EncodedEntry): void {
    if (this.#carried.has(hardlinkGroup)) throw notAllNames();
    if (hardlinkGroup !== 0) this.#replaced.add(hardlinkGroup);
  }

  /** Puts the next part in the place of `former`, if the former manifest has something there. */
  #put(former: EncodedEntry | undefined): void {
    const part = this.#parts[this.#next++];
    // below a folder that is gone nothing can be there
    if (part === undefined || this.#isDropped(part.path)) return;
    const [first] = part.entries;
    const isFolder = first?.entry.kind === 'directory';
    if (isFolder && !part.isWhole && former?.kind !== 'directory')
      throw new PatchMismatch('a folder is new and was not walked');
    if (!isFolder || part.isWhole) this.#dropped = part.path;
    for (const { entry, link } of part.entries)
      this.#emit(EncodedEntry.of(link === undefined ? entry : this.#join(entry, link)));
  }

  #join(entry: ManifestEntry, link: string): ManifestEntry {
    const first = this.#fresh.get(link);
    if (first !== undefined) return { ...first, path: entry.path };
    const member = { ...entry, hardlinkGroup: ++this.#groupCount };
    this.#fresh.set(link, { ...member, chunkIds: [] });
    return member;
  }

  #emit(entry: EncodedEntry): void {
    const { path } = entry;
    const { length } = this.#folders;
    while (this.#folders.length > 0 && !isWithin(path, this.#folders.at(-1) ?? path)) this.#folders.pop();
    const folder = this.#folders.at(-1);
    if (length > 0 && (folder === undefined || !isDirectlyIn(path, folder)))
      throw new PatchMismatch('a folder is missing above what it holds');
    if (entry.kind === 'directory') this.#folders.push(path);
    this.#out.push(entry);
  }
}

function notAllNames(): PatchMismatch {
  return new PatchMismatch('a name of an inode with several names was not looked at');
}

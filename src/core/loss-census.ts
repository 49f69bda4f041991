// Counts what one manifest lost that another had: names that are gone with their content, files that became noise or all but
// empty.
import type { LossFacts } from './checkpoint-doubt.ts';
import { isMadeAgain, MadeAgain } from './made-again.ts';
import type { ManifestEntry } from './manifest.ts';
import type { Change } from './manifest-diff.ts';
import { isWithin } from './path-order.ts';

/** How well a chunk was compressed; undefined if nobody knows. Lengths are in bytes. */
export type ChunkLengths = (
  id: Uint8Array,
) => { readonly storedLength: number; readonly plainLength: number } | undefined;

/** Where mounts differ between both sides: what is gone there was not deleted. Paths in the tree. */
export interface MountChanges {
  /** Where something is mounted now, and was not before. */
  readonly hidden: readonly Uint8Array[];
  /** The other way round. */
  readonly unmounted: readonly Uint8Array[];
}

/** What is left of readable content when it is compressed, at most, and of noise at least. */
const READABLE = 0.9;
const NOISE = 0.95;
/** So much of what is new in a file must be noise. Not all: the chunk at the end of an encrypted part has more in it. */
const MOSTLY = 0.5;
/** Shorter content compresses too little to be told from noise. */
const TELLING_BYTES = 64;
/**
 * Noise that was written as text (base64, base85) compresses by no more than its letters leave room for, which is to 0.76
 * and 0.82. That is told by what the file was before: most text compresses much better, and what does not is no witness.
 */
const TEXT = 0.6;
const ENCODED = 0.72;
/** What is shorter is text that compresses as little as that. */
const ENCODED_MIN_BYTES = 512;
/** A file of which no more than this is left, compressed and each chunk once, was emptied: cut off, wiped, or written over. */
const REMAINDER = 1 / 8;
const SUFFIX_MAX_BYTES = 64;
const EXAMPLES_MAX = 10;
const CANDIDATES_MAX = 1000;
const SLASH = 0x2f;

/** Endings that people's own programs give to what they compress or encrypt. */
const PACKERS = new Set('.gz .bz2 .xz .zst .lz4 .lzma .br .Z .zip .7z .rar .age .gpg .asc .pgp'.split(' '));

/** What is counted of every entry, changed or not. */
type CountedEntry = Pick<ManifestEntry, 'path' | 'kind' | 'hardlinkGroup' | 'chunkIds'>;

interface GoneFile {
  readonly path: Uint8Array;
  readonly key: number;
}

/** The path of a readable file that is gone. */
interface Stem {
  readonly path: Uint8Array;
  readonly isText: boolean;
}

/** Is told of every entry of both manifests in their order, and of every change between them. */
export class LossCensus {
  readonly #lengthsOf: ChunkLengths;
  readonly #mounts: MountChanges;
  readonly #former = new Side();
  readonly #present = new Side();
  readonly #removed = new Map<number, number>();
  readonly #added = new Map<number, number>();
  readonly #goneFiles: GoneFile[] = [];
  readonly #noiseFiles: Uint8Array[] = [];
  readonly #apartFiles: Uint8Array[] = [];
  /** Readable files that are gone and whose names the next paths may begin with, each beginning with the one before. */
  #stems: Stem[] = [];
  readonly #suffixes = new Map<string, number>();
  #replacedCount = 0;
  #noiseCount = 0;
  #hiddenCount = 0;
  #unmountedCount = 0;

  constructor(lengthsOf: ChunkLengths, mounts: MountChanges = { hidden: [], unmounted: [] }) {
    this.#lengthsOf = lengthsOf;
    this.#mounts = mounts;
  }

  /** Takes note of an entry of the manifest before. */
  seeFormer(entry: CountedEntry): void {
    this.#former.see(entry);
  }

  /** Takes note of an entry of the manifest after. */
  seePresent(entry: CountedEntry): void {
    this.#present.see(entry);
  }

  /** Takes note of a difference; both entries of it were seen. */
  note(change: Change): void {
    if (change.kind === 'changed') {
      if (!change.isContentChanged) return;
      // a name without its content is no file that is kept
      if (this.#isEmptied(change.before, change.after) && counts(change.before)) this.#gone(change.before);
      else this.#replaced(change.before, change.after);
      return;
    }
    if (change.kind !== 'added' && counts(change.before)) this.#gone(change.before);
    if (change.kind !== 'removed' && counts(change.after)) this.#came(change.after);
  }

  facts(): LossFacts {
    const [, suffixCount] = this.#commonSuffix();
    return {
      formerFiles: this.#former.files,
      formerCount: this.#former.countedFiles,
      presentFiles: this.#present.files,
      goneCount: this.#goneCount(),
      replacedCount: this.#replacedCount,
      noiseCount: this.#noiseCount + suffixCount,
      hiddenCount: this.#hiddenCount,
      unmountedCount: this.#unmountedCount,
    };
  }

  /** Some of the paths that the facts are about: of what mounts are to blame for, of noise, and of what is gone. */
  examples(): Uint8Array[] {
    const gone = this.#goneFiles.filter(({ key }) => !this.#added.has(key)).map(({ path }) => path);
    return [...this.#apartFiles, ...this.#noiseFiles, ...gone].slice(0, EXAMPLES_MAX);
  }

  #gone(before: ManifestEntry): void {
    const { path } = before;
    const key = this.#former.keyOf(before);
    this.#removed.set(key, (this.#removed.get(key) ?? 0) + 1);
    const isHidden = this.#mounts.hidden.some((place) => isWithin(path, place));
    const isUnmounted = this.#mounts.unmounted.some((place) => isWithin(path, place));
    if (isHidden) this.#hiddenCount++;
    if (isUnmounted) this.#unmountedCount++;
    if (isHidden || isUnmounted) this.#apartFiles.push(path);
    else if (this.#goneFiles.length < CANDIDATES_MAX) this.#goneFiles.push({ path, key });
    if (!this.#isReadable(before.chunkIds)) return;
    this.#replacedCount++;
    const stems = this.#stems.filter((stem) => startsWith(path, stem.path));
    this.#stems = [...stems, { path, isText: this.#isText(before.chunkIds) }];
  }

  #came(after: ManifestEntry): void {
    const { path } = after;
    const key = this.#present.keyOf(after);
    this.#added.set(key, (this.#added.get(key) ?? 0) + 1);
    this.#stems = this.#stems.filter((each) => startsWith(path, each.path));
    const stem = this.#stems.at(-1);
    if (stem === undefined) return;
    const isEncoded = stem.isText && this.#isEncoded(after.chunkIds);
    if (!isEncoded && !this.#isNoise(after.chunkIds)) return;
    const suffix = path.subarray(stem.path.length);
    if (suffix.length === 0 || suffix.length > SUFFIX_MAX_BYTES || suffix.includes(SLASH)) return;
    const text = String.fromCharCode(...suffix);
    this.#suffixes.set(text, (this.#suffixes.get(text) ?? 0) + 1);
  }

  /** Only what differs between both is looked at: a long file may be noise in its first part alone. */
  #replaced(before: ManifestEntry, after: ManifestEntry): void {
    if (!counts(before) || after.kind !== 'file') return;
    const kept = new Set(after.chunkIds.map(keyOfId));
    const was = before.chunkIds.filter((id) => !kept.has(keyOfId(id)));
    if (!this.#isReadable(was)) return;
    this.#replacedCount++;
    const had = new Set(before.chunkIds.map(keyOfId));
    const is = after.chunkIds.filter((id) => !had.has(keyOfId(id)));
    if (!this.#isNoise(is) && !(this.#isText(was) && this.#isEncoded(is))) return;
    this.#noiseCount++;
    if (this.#noiseFiles.length < EXAMPLES_MAX) this.#noiseFiles.push(after.path);
  }

  /** A file that was renamed is not gone: each one that came with the content of one that went makes up for it. */
  #goneCount(): number {
    let count = 0;
    for (const [key, removed] of this.#removed) count += Math.max(0, removed - (this.#added.get(key) ?? 0));
    return count;
  }

  #commonSuffix(): [string, number] {
    let best: [string, number] = ['', 0];
    for (const each of this.#suffixes) if (each[1] > best[1] && !PACKERS.has(each[0])) best = each;
    return best;
  }

  #isEmptied(before: ManifestEntry, after: ManifestEntry): boolean {
    if (after.sizeBytes === 0) return true;
    const had = this.#storedBytes(before);
    return had >= TELLING_BYTES && this.#storedBytes(after) <= had * REMAINDER;
  }

  #storedBytes({ chunkIds }: ManifestEntry): number {
    let stored = 0;
    for (const id of new Map(chunkIds.map((each) => [keyOfId(each), each])).values())
      stored += this.#lengthsOf(id)?.storedLength ?? 0;
    return stored;
  }

  #isReadable(ids: readonly Uint8Array[]): boolean {
    const { stored, plain } = this.#lengths(ids);
    return plain >= TELLING_BYTES && stored <= plain * READABLE;
  }

  #isText(ids: readonly Uint8Array[]): boolean {
    const { stored, plain } = this.#lengths(ids);
    return plain >= TELLING_BYTES && stored <= plain * TEXT;
  }

  #isEncoded(ids: readonly Uint8Array[]): boolean {
    const { stored, plain } = this.#lengths(ids);
    return plain >= ENCODED_MIN_BYTES && stored >= plain * ENCODED;
  }

  /** Of what is known of the chunks. */
  #lengths(ids: readonly Uint8Array[]): { readonly stored: number; readonly plain: number } {
    let stored = 0;
    let plain = 0;
    for (const id of ids) {
      const lengths = this.#lengthsOf(id);
      stored += lengths?.storedLength ?? 0;
      plain += lengths?.plainLength ?? 0;
    }
    return { stored, plain };
  }

  #isNoise(ids: readonly Uint8Array[]): boolean {
    let noise = 0;
    let plain = 0;
    for (const id of ids) {
      const { storedLength = 0, plainLength = 0 } = this.#lengthsOf(id) ?? {};
      plain += plainLength;
      if (storedLength >= plainLength * NOISE) noise += plainLength;
    }
    return plain >= TELLING_BYTES && noise > plain * MOSTLY;
  }
}

/** One of the two manifests. */
class Side {
  files = 0;
  countedFiles = 0;
  /** Of a hardlink group only the first name carries its chunks. */
  readonly #groups = new Map<number, number>();
  readonly #madeAgain = new MadeAgain();

  see(entry: CountedEntry): void {
    if (entry.kind !== 'file') return;
    this.files++;
    if (!this.#madeAgain.has(entry.path)) this.countedFiles++;
    const { hardlinkGroup } = entry;
    if (hardlinkGroup !== 0 && !this.#groups.has(hardlinkGroup))
      this.#groups.set(hardlinkGroup, contentKey(entry));
  }

  keyOf(entry: ManifestEntry): number {
    return this.#groups.get(entry.hardlinkGroup) ?? contentKey(entry);
  }
}

function counts({ kind, path }: ManifestEntry): boolean {
  return kind === 'file' && !isMadeAgain(path);
}

function startsWith(path: Uint8Array, prefix: Uint8Array): boolean {
  if (path.length < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (path[i] !== prefix[i]) return false;
  return true;
}

/** Content in one number. Ids are keyed hashes: two contents in a million times a million share one by chance. */
function contentKey({ chunkIds }: CountedEntry): number {
  const first = chunkIds[0];
  const last = chunkIds.at(-1);
  if (first === undefined || last === undefined) return 0;
  return numberOf(first, last);
}

function keyOfId(id: Uint8Array): number {
  return numberOf(id, id);
}

/** 32 bits of one id and 20 of another, which a number holds. */
function numberOf(first: Uint8Array, last: Uint8Array): number {
  return u32(first, 0) * 0x10_0000 + (u32(last, 4) >>> 12);
}

function u32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) * 0x100_0000 +
      ((bytes[at + 1] ?? 0) << 16) +
      ((bytes[at + 2] ?? 0) << 8) +
      (bytes[at + 3] ?? 0)) >>>
    0
  );
}

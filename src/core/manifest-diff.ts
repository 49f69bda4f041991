// The difference of two manifests: a merge of two streams in path order.
import { equalBytes } from './bytes.ts';
import { ContentIdentities } from './content-identity.ts';
import type { EncodedEntry } from './encoded-entry.ts';
import type { Hashing } from './hashing.ts';
import type { ManifestEntry } from './manifest.ts';
import { comparePaths, sharedLength } from './path-order.ts';

/** The entries of a manifest, in its order, a few at a time. */
export type ManifestStream = AsyncIterable<readonly ManifestEntry[]>;

/** The same, not taken apart. */
export type EncodedStream = AsyncIterable<readonly EncodedEntry[]>;

/** What can differ in an entry that is the same kind of thing before and after, besides its content. */
export type ChangedField = 'mode' | 'uid' | 'gid' | 'mtime' | 'xattrs' | 'device' | 'holes' | 'links';

/** One path at which two manifests differ. */
export type Change =
  | { readonly kind: 'added'; readonly after: ManifestEntry }
  | { readonly kind: 'removed'; readonly before: ManifestEntry }
  /** Another kind of thing has the name now. */
  | { readonly kind: 'retyped'; readonly before: ManifestEntry; readonly after: ManifestEntry }
  | {
      readonly kind: 'changed';
      readonly before: ManifestEntry;
      readonly after: ManifestEntry;
      /** The bytes of a file, or the target of a symlink. */
      readonly isContentChanged: boolean;
      readonly fields: readonly ChangedField[];
    };

/**
 * The changes that lead from one manifest to another, in path order; what is the same in both is not taken apart. Names that share an inode are compared by their
 * content; `links` is told where a name shares its inode with an earlier name of both manifests in one of them only.
 * Throws what the streams throw.
 */
export async function* diffManifests(
  before: EncodedStream,
  after: EncodedStream,
  sha256: Hashing['sha256'],
): AsyncGenerator<Change> {
  const left = new Cursor(before, sha256);
  const right = new Cursor(after, sha256);
  const links = new LinkPairs();
  try {
    for (;;) {
      // one await for each batch, not for each entry
      const old = left.isSpent ? await left.next() : left.current;
      const young = right.isSpent ? await right.next() : right.current;
      if (old === undefined && young === undefined) return;
      const order = old === undefined ? 1 : young === undefined ? -1 : comparePaths(old.path, young.path);
      const change = order === 0 ? compare(left, right, links) : alone(order < 0 ? left : right, order);
      if (order <= 0) left.advance();
      if (order >= 0) right.advance();
      if (change !== undefined) yield change;
    }
  } finally {
    await left.close();
    await right.close();
  }
}

/** Walks a stream entry by entry, and knows each one's content. */
class Cursor {
  readonly #batches: AsyncIterator<readonly EncodedEntry[]>;
  readonly #contents: ContentIdentities;
  #batch: readonly EncodedEntry[] = [];
  #at = 0;
  #isSeen = false;

  constructor(stream: EncodedStream, sha256: Hashing['sha256']) {
    this.#batches = stream[Symbol.asyncIterator]();
    this.#contents = new ContentIdentities(sha256);
  }

  get current(): EncodedEntry | undefined {
    const entry = this.#batch[this.#at];
    if (entry !== undefined && !this.#isSeen) this.#contents.see(entry);
    this.#isSeen = true;
    return entry;
  }

  get isSpent(): boolean {
    return this.#at >= this.#batch.length;
  }

  /** The next entry, from the next batches if need be; undefined at the end. */
  async next(): Promise<EncodedEntry | undefined> {
    while (this.isSpent) {
      const { done, value } = await this.#batches.next();
      if (done === true) return undefined;
      this.#batch = value;
      this.#at = 0;
    }
    return this.current;
  }

  advance(): void {
    this.#at++;
    this.#isSeen = false;
  }

  identity(entry: ManifestEntry): Uint8Array {
    return this.#contents.of(entry);
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}

function alone({ current }: Cursor, order: number): Change | undefined {
  if (current === undefined) return undefined;
  const entry = current.decode();
  return order < 0 ? { kind: 'removed', before: entry } : { kind: 'added', after: entry };
}

function compare(left: Cursor, right: Cursor, links: LinkPairs): Change | undefined {
  const { current: old } = left;
  const { current: young } = right;
  if (old === undefined || young === undefined) return undefined;
  // of a name that shares its inode, the first one has the content
  if (isSame(old.bytes, young.bytes) && old.hardlinkGroup === 0) return undefined;
  const before = old.decode();
  const after = young.decode();
  if (before.kind !== after.kind) return { kind: 'retyped', before, after };
  const isRelinked = links.differ(before.hardlinkGroup, after.hardlinkGroup);
  const fields = changedFields(before, after);
  if (isRelinked) fields.push('links');
  const isContentChanged =
    !equalBytes(before.target, after.target) ||
    before.sizeBytes !== after.sizeBytes ||
    !hasSameChunks(left, right, before, after);
  if (!isContentChanged && fields.length === 0) return undefined;
  return { kind: 'changed', before, after, isContentChanged, fields };
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && sharedLength(a, b) === a.length;
}

function hasSameChunks(left: Cursor, right: Cursor, before: ManifestEntry, after: ManifestEntry): boolean {
  if (before.kind !== 'file') return true;
  if (before.hardlinkGroup !== 0 || after.hardlinkGroup !== 0)
    return equalBytes(left.identity(before), right.identity(after));
  const { chunkIds } = after;
  return (
    before.chunkIds.length === chunkIds.length &&
    before.chunkIds.every((id, i) => equalBytes(id, chunkIds[i] ?? id.subarray(1)))
  );
}

function changedFields(before: ManifestEntry, after: ManifestEntry): ChangedField[] {
  const fields: ChangedField[] = [];
  if (before.mode !== after.mode) fields.push('mode');
  if (before.uid !== after.uid) fields.push('uid');
  if (before.gid !== after.gid) fields.push('gid');
  if (before.mtimeNs !== after.mtimeNs) fields.push('mtime');
  if (!hasSameXattrs(before, after)) fields.push('xattrs');
  if (before.rdevMajor !== after.rdevMajor || before.rdevMinor !== after.rdevMinor) fields.push('device');
  if (before.isSparse !== after.isSparse) fields.push('holes');
  return fields;
}

function hasSameXattrs({ xattrs: before }: ManifestEntry, { xattrs: after }: ManifestEntry): boolean {
  return (
    before.length === after.length &&
    before.every(({ name, value }, i) => {
      const other = after[i];
      return other !== undefined && equalBytes(name, other.name) && equalBytes(value, other.value);
    })
  );
}

/** Which group of one manifest the first common name of a group of the other was in. */
class LinkPairs {
  readonly #afterOf = new Map<number, number>();
  readonly #beforeOf = new Map<number, number>();

  /** True if a name at both sides shares its inode with an earlier such name at one side only. */
  differ(before: number, after: number): boolean {
    const wanted = before === 0 ? undefined : this.#afterOf.get(before);
    const wantedBack = after === 0 ? undefined : this.#beforeOf.get(after);
    if (before !== 0 && wanted === undefined) this.#afterOf.set(before, after);
    if (after !== 0 && wantedBack === undefined) this.#beforeOf.set(after, before);
    const isApart = wanted !== undefined && (wanted !== after || after === 0);
    const isJoined = wantedBack !== undefined && (wantedBack !== before || before === 0);
    return isApart || isJoined;
  }
}

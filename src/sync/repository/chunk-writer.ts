// Writes byte strings as chunks into packs: the crew cuts, hashes, compresses and seals; here is decided what is new.
import { setImmediate } from 'node:timers';
import { type ChunkSizes, FILE_CHUNKS, IMAGE_CHUNKS } from '../../core/chunker.ts';
import { HASH_BYTES } from '../../core/hashing.ts';
import { sealHeader } from '../age/age.ts';
import type { Crew, Hand } from '../workers/crew.ts';
import type { CutAnswer, SealedPack } from '../workers/messages.ts';
import { encodeRuns, type StringRun } from '../workers/string-runs.ts';
import { BufferPool } from './buffer-pool.ts';
import type { ChunkIndex } from './chunk-index.ts';
import type { Repository } from './repository.ts';

/** Sorts of content, each in packs of its own: restoring a tree needs no packs of images. */
export type ContentKind = 'data' | 'metadata' | 'images';

/** Bytes in pieces. A piece must not change before the next one is asked for. */
export type Pieces = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** A byte string that was written. */
export interface WrittenChunks {
  /** None for an empty string. */
  readonly chunkIds: readonly Uint8Array[];
  readonly sizeBytes: number;
  /** How many of those bytes no pack held before. */
  readonly newBytes: number;
}

/** A pack that was stored. */
export interface StoredPack {
  readonly name: string;
  readonly sizeBytes: number;
}

/** Where chunks go, and for whom they are sealed. */
export interface WriteTarget {
  readonly repository: Repository;
  readonly index: ChunkIndex;
  /** The pod's recipient. */
  readonly recipient: string;
  readonly crew: Crew;
  /** True once for each chunk that is neither stored nor on its way. */
  readonly claim: (id: Uint8Array) => boolean;
  /** Is told the index of each pack once its chunks are durable and found. */
  readonly onStored: (packIndex: Uint8Array) => void;
}

const SIZES: Readonly<Record<ContentKind, ChunkSizes>> = {
  data: FILE_CHUNKS,
  metadata: IMAGE_CHUNKS,
  images: IMAGE_CHUNKS,
};
const LEVELS: Readonly<Record<ContentKind, number>> = { data: 1, metadata: 3, images: 1 };
const KINDS = ['data', 'metadata', 'images'] as const;
/** So much content is worked on by this thread before others are started for it. Manifests are never worth starting one. */
const INLINE_BYTES = 2 * 1024 * 1024;
/** Packs that are written at the same time; while there are more, nobody gets a buffer. */
const STORING_MAX = 3;
/** One for each sort, so that a worker never waits for one. */
const SPARE_HEADERS = 3;

/** Whole strings that go to a worker together. */
interface OpenBatch {
  readonly buffer: Uint8Array;
  readonly kind: ContentKind;
  length: number;
  readonly runs: StringRun[];
  readonly resolvers: { resolve(written: WrittenChunks): void; reject(error: unknown): void }[];
}

/** What was decided about the chunks of a batch. */
interface Decided {
  readonly answer: CutAnswer;
  readonly isNew: Uint8Array;
}

/** An error of any step is thrown by the next call, and by every one after it. */
export class ChunkWriter {
  readonly #target: WriteTarget;
  readonly #buffers = new BufferPool(() => this.#storing.size < STORING_MAX);
  readonly #open = new Map<ContentKind, OpenBatch>();
  readonly #keeping = new Set<Promise<void>>();
  readonly #storing = new Set<Promise<void>>();
  readonly #spareHeaders = new Map<Hand, number>();
  /** The sorts of which a hand may hold a pack. */
  readonly #holding = new Map<Hand, Set<ContentKind>>();
  #stored: StoredPack[] = [];
  #failure: { readonly error: unknown } | undefined;
  #number = 0;
  #inlineBytes = 0;
  #isDispatchDue = false;

  constructor(target: WriteTarget) {
    this.#target = target;
  }

  /** Writes a byte string. Resolves when its ids are known; its chunks are stored by {@link flush} at the latest. */
  async write(pieces: Pieces, kind: ContentKind): Promise<WrittenChunks> {
    this.#check();
    const string = ++this.#number;
    const decided: Promise<Decided>[] = [];
    let hand: Hand | undefined;
    let buffer: Uint8Array | undefined;
    let length = 0;
    const send = (full: Uint8Array, isLast: boolean): void => {
      hand ??= this.#hand(full.length, !isLast);
      const part = this.#work(hand, full, [{ string, start: 0, end: length, isLast }], kind);
      part.catch(ignoreUntilAwaited);
      decided.push(part);
    };
    try {
      for await (const piece of pieces) {
        for (let from = 0; from < piece.length; ) {
          if (buffer !== undefined && length === buffer.length) {
            send(buffer, false);
            buffer = undefined;
          }
          if (buffer === undefined) {
            buffer = await this.#buffers.take();
            length = 0;
            this.#check();
          }
          const count = Math.min(piece.length - from, buffer.length - length);
          buffer.set(piece.subarray(from, from + count), length);
          length += count;
          from += count;
        }
      }
    } catch (error) {
      // the string ends here: a worker must not wait for the rest of it
      if (buffer !== undefined && hand !== undefined) send(buffer, true);
      else if (buffer !== undefined) this.#buffers.give(buffer);
      throw error;
    }
    if (buffer !== undefined) send(buffer, true);
    const parts = await Promise.all(decided);
    const written = parts.map(({ answer, isNew }) => writtenOf(answer, isNew, 0, isNew.length));
    return {
      chunkIds: written.flatMap(({ chunkIds }) => chunkIds),
      sizeBytes: written.reduce((sum, part) => sum + part.sizeBytes, 0),
      newBytes: written.reduce((sum, part) => sum + part.newBytes, 0),
    };
  }

  /** Writes a byte string that may change once this has returned or waits; small ones go to a worker together. */
  async writeBytes(bytes: Uint8Array, kind: ContentKind): Promise<WrittenChunks> {
    this.#check();
    if (bytes.length > SIZES[kind].minBytes) return this.write([new Uint8Array(bytes)], kind);
    const buffered = this.#open.get(kind);
    if (buffered !== undefined && buffered.length + bytes.length > buffered.buffer.length)
      this.#dispatch(kind);
    let batch = this.#open.get(kind);
    if (batch === undefined) {
      // not slice(), which gives a view if this is a Buffer
      const kept = new Uint8Array(bytes);
      const buffer = await this.#buffers.take();
      const meanwhile = this.#open.get(kind);
      if (meanwhile !== undefined) {
        this.#buffers.give(buffer);
        return this.writeBytes(kept, kind);
      }
      this.#check();
      batch = { buffer, kind, length: 0, runs: [], resolvers: [] };
      this.#open.set(kind, batch);
      return this.#append(batch, kept);
    }
    return this.#append(batch, bytes);
  }

  /** Stores what was taken. Returns the packs stored since the last flush; they are durable and in the index. */
  async flush(): Promise<StoredPack[]> {
    for (const kind of KINDS) this.#dispatch(kind);
    while (this.#keeping.size > 0) await Promise.all(this.#keeping);
    for (const [hand, kinds] of this.#holding) {
      for (const kind of kinds) if (this.#failure === undefined) await this.#finish(hand, kind);
    }
    this.#holding.clear();
    while (this.#storing.size > 0) await Promise.all(this.#storing);
    this.#check();
    const stored = this.#stored;
    this.#stored = [];
    return stored;
  }

  #append(batch: OpenBatch, bytes: Uint8Array): Promise<WrittenChunks> {
    const start = batch.length;
    batch.buffer.set(bytes, start);
    batch.length += bytes.length;
    batch.runs.push({ string: ++this.#number, start, end: batch.length, isLast: true });
    const written = new Promise<WrittenChunks>((resolve, reject) =>
      batch.resolvers.push({ resolve, reject }),
    );
    this.#dispatchSoon();
    return written;
  }

  /** What waits goes to a worker as soon as one is idle; until then it grows. */
  #dispatchSoon(): void {
    if (this.#isDispatchDue) return;
    this.#isDispatchDue = true;
    setImmediate(() => {
      this.#isDispatchDue = false;
      for (const { kind, length } of this.#open.values()) {
        if (this.#hand(length, false).busy === 0) this.#dispatch(kind);
      }
    });
  }

  #dispatch(kind: ContentKind): void {
    const batch = this.#open.get(kind);
    if (batch === undefined) return;
    this.#open.delete(kind);
    const hand = this.#hand(batch.length, false);
    if (hand === this.#target.crew.inline) this.#inlineBytes += batch.length;
    this.#work(hand, batch.buffer, batch.runs, kind).then(
      ({ answer, isNew }) => {
        // each of them is one chunk
        for (const [i, { resolve }] of batch.resolvers.entries()) resolve(writtenOf(answer, isNew, i, i + 1));
      },
      (error: unknown) => {
        for (const { reject } of batch.resolvers) reject(error);
      },
    );
  }

  #hand(length: number, isLong: boolean): Hand {
    const { crew } = this.#target;
    return !isLong && this.#inlineBytes + length <= INLINE_BYTES ? crew.inline : crew.thread();
  }

  /** Has a batch cut, decides what of it is new, and has that kept while the caller goes on. */
  async #work(
    hand: Hand,
    bytes: Uint8Array,
    runs: readonly StringRun[],
    kind: ContentKind,
  ): Promise<Decided> {
    const number = ++this.#number;
    const transfer = bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [];
    const cutting = hand.ask(
      { type: 'cut', number, bytes, runs: encodeRuns(runs), sizes: SIZES[kind] },
      transfer,
    );
    const deciding = cutting.then((answer) => ({ answer, isNew: this.#decide(answer) }));
    const keeping = deciding
      .then(({ isNew }) => this.#keep(hand, number, isNew, kind))
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#keeping.delete(keeping);
        this.#dispatchSoon();
      });
    this.#keeping.add(keeping);
    return deciding;
  }

  #decide({ ids, lengths }: CutAnswer): Uint8Array {
    const isNew = new Uint8Array(lengths.length);
    for (let i = 0; i < isNew.length; i++) {
      if (this.#target.claim(ids.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES))) isNew[i] = 1;
    }
    return isNew;
  }

  async #keep(hand: Hand, number: number, isNew: Uint8Array, kind: ContentKind): Promise<void> {
    const spare = this.#spareHeaders.get(hand) ?? 0;
    this.#spareHeaders.set(hand, Math.max(spare, Math.min(spare + 1, SPARE_HEADERS)));
    const header = spare < SPARE_HEADERS ? await this.#header() : undefined;
    const kinds = this.#holding.get(hand) ?? new Set();
    if (isNew.includes(1)) this.#holding.set(hand, kinds.add(kind));
    const answer = await hand.ask({ type: 'keep', number, isNew, sort: kind, level: LEVELS[kind], header });
    this.#buffers.give(answer.bytes);
    for (const pack of answer.packs) {
      this.#spareHeaders.set(hand, (this.#spareHeaders.get(hand) ?? 0) - 1);
      this.#store(pack);
    }
  }

  async #finish(hand: Hand, sort: ContentKind): Promise<void> {
    try {
      const header = await this.#header();
      const { pack } = await hand.ask({ type: 'finish', number: ++this.#number, sort, header });
      if (pack !== undefined) this.#store(pack);
    } catch (error) {
      this.#fail(error);
    }
  }

  #header(): ReturnType<typeof sealHeader> {
    return sealHeader({ recipient: this.#target.recipient });
  }

  /** A chunk counts as stored once its pack is durable, and then in the index. */
  #store({ sealed, sha256, index: packIndex }: SealedPack): void {
    const { repository, index, onStored } = this.#target;
    const storing = (async () => {
      const { name, sizeBytes } = await repository.putObject('packs', sealed, { sha256 });
      await index.addPackIndex(name, packIndex);
      this.#stored.push({ name, sizeBytes });
      onStored(packIndex);
    })()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#storing.delete(storing);
        this.#buffers.wake();
      });
    this.#storing.add(storing);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#buffers.fail(this.#failure.error);
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

function writtenOf({ ids, lengths }: CutAnswer, isNew: Uint8Array, from: number, to: number): WrittenChunks {
  const chunkIds: Uint8Array[] = [];
  let sizeBytes = 0;
  let newBytes = 0;
  for (let i = from; i < to; i++) {
    const length = lengths[i] ?? 0;
    chunkIds.push(ids.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES));
    sizeBytes += length;
    if (isNew[i] === 1) newBytes += length;
  }
  return { chunkIds, sizeBytes, newBytes };
}

function ignoreUntilAwaited(): void {
  // the whole string awaits its parts together, and gets the first failure
}

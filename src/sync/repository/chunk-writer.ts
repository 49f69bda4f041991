// Writes byte strings as chunks into packs: the crew cuts, hashes, compresses and seals; here is decided what is new.
import type { Transferable } from 'node:worker_threads';
import { type ChunkSizes, FILE_CHUNKS, IMAGE_CHUNKS, STRETCH_BYTES } from '../../core/chunker.ts';
import { HASH_BYTES } from '../../core/hashing.ts';
import { sealHeader } from '../age/age.ts';
import type { AnswerTo, Crew, Hand } from '../workers/crew.ts';
import type {
  CutAnswer,
  CutFilesAnswer,
  CutFilesOrder,
  CutOrder,
  FileSource,
  SealedPack,
  ToldChunks,
} from '../workers/messages.ts';
import { encodeRuns, type StringRun } from '../workers/string-runs.ts';
import { BufferPool } from './buffer-pool.ts';
import type { ChunkIndex } from './chunk-index.ts';
import { FileBatches, type FileChunks } from './file-batches.ts';
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
  /** How many stretches of a long file are read side by side. */
  readonly stretches: number;
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
/** So much content is worked on by this thread before others are started for it. Manifests are never worth starting one. */
const INLINE_BYTES = 2 * 1024 * 1024;
/** Packs that are written at the same time; while there are more, nobody gets a buffer. */
const STORING_MAX = 2;
/** What is on its way to the drive at the same time: a kill takes it, and it is stored again. */
const WRITING_MAX_BYTES = 16 * 1024 * 1024;
/** One for each sort, so that a worker never waits for one. */
const SPARE_HEADERS = 3;

/** What was decided about the chunks of a batch. */
interface Decided<A extends CutAnswer | CutFilesAnswer = CutAnswer> {
  readonly answer: A;
  readonly isNew: Uint8Array;
}

/** An error of any step is thrown by the next call, and by every one after it. */
export class ChunkWriter {
  readonly #target: WriteTarget;
  readonly #buffers = new BufferPool(() => this.#storing.size < STORING_MAX);
  readonly #files = new Map<ContentKind, FileBatches>();
  readonly #keeping = new Set<Promise<void>>();
  readonly #storing = new Set<Promise<void>>();
  readonly #spareHeaders = new Map<Hand, number>();
  /** The last header that was made for a hand: a batch that overtook it would find none, and make a pack longer. */
  readonly #lastHeader = new Map<Hand, ReturnType<typeof sealHeader>>();
  /** Memory of packs that were stored, to go back to where it is from. */
  readonly #spares = new Map<Hand, Uint8Array[]>();
  /** The sorts of which a hand may hold a pack. */
  readonly #holding = new Map<Hand, Set<ContentKind>>();
  #stored: StoredPack[] = [];
  #writingBytes = 0;
  #onWritten: (() => void)[] = [];
  #failure: { readonly error: unknown } | undefined;
  #number = 0;
  #hasTaken = false;
  #inlineBytes = 0;

  constructor(target: WriteTarget) {
    this.#target = target;
  }

  /** Writes a byte string. Resolves when its ids are known; its chunks are stored by {@link flush} at the latest. */
  async write(pieces: Pieces, kind: ContentKind): Promise<WrittenChunks> {
    this.#take();
    let string = ++this.#number;
    let stretchBytes = 0;
    const decided: Promise<Decided>[] = [];
    let hand: Hand | undefined;
    let buffer: Uint8Array | undefined;
    let length = 0;
    const send = (full: Uint8Array, isLast: boolean): void => {
      hand ??= this.#hand(length, kind, !isLast);
      const part = this.#cut(hand, full, { string, start: 0, end: length, isLast }, kind);
      part.catch(ignoreUntilAwaited);
      decided.push(part);
    };
    /** Sends a full buffer, of which more is to follow. */
    const sendOn = (full: Uint8Array): void => {
      stretchBytes += length;
      const isStretchOver = kind === 'data' && stretchBytes >= STRETCH_BYTES;
      send(full, isStretchOver);
      if (!isStretchOver) return;
      string = ++this.#number;
      stretchBytes = 0;
      hand = undefined;
    };
    try {
      for await (const piece of pieces) {
        for (let from = 0; from < piece.length; ) {
          if (buffer !== undefined && length === buffer.length) {
            sendOn(buffer);
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
    return joined((await Promise.all(decided)).map((each) => ({ ...each, from: 0, to: each.isNew.length })));
  }

  /** Writes the content of a file; undefined if it could not be read as what it must be. */
  async writeFile(source: FileSource, kind: ContentKind): Promise<WrittenChunks | undefined> {
    this.#take();
    const chunks = await this.#filesOf(kind).read(source);
    return chunks === undefined ? undefined : joined(chunks);
  }

  /** Writes the empty string as a chunk. */
  async writeEmpty(kind: ContentKind): Promise<WrittenChunks> {
    this.#take();
    const buffer = await this.#buffers.take();
    const run = { string: ++this.#number, start: 0, end: 0, isLast: true };
    const decided = await this.#cut(this.#hand(0, kind, false), buffer, run, kind);
    return joined([{ ...decided, from: 0, to: 1 }]);
  }

  /** True if nothing was taken since the last {@link flush}, which did not fail. */
  get isIdle(): boolean {
    return !this.#hasTaken && this.#failure === undefined;
  }

  /** Stores what was taken. Returns the packs stored since the last flush; they are durable and in the index. */
  async flush(): Promise<StoredPack[]> {
    for (const files of this.#files.values()) files.dispatch();
    while (this.#keeping.size > 0) await Promise.all(this.#keeping);
    for (const [hand, kinds] of this.#holding) {
      for (const kind of kinds) if (this.#failure === undefined) await this.#finish(hand, kind);
    }
    this.#holding.clear();
    while (this.#storing.size > 0) await Promise.all(this.#storing);
    this.#check();
    const stored = this.#stored;
    this.#stored = [];
    this.#hasTaken = false;
    return stored;
  }

  #take(): void {
    this.#check();
    this.#hasTaken = true;
  }

  #filesOf(kind: ContentKind): FileBatches {
    const known = this.#files.get(kind);
    if (known !== undefined) return known;
    const files = new FileBatches({
      hand: (sizeBytes) => this.#hand(sizeBytes, kind, false),
      work: (hand, runs, sizeBytes) => {
        this.#check();
        if (hand === this.#target.crew.inline) this.#inlineBytes += sizeBytes;
        const order = { type: 'cutFiles', number: ++this.#number, runs, sizes: SIZES[kind] } as const;
        return this.#work(hand, order, [], kind);
      },
      isOpen: () => this.#failure !== undefined || this.#storing.size < STORING_MAX,
      isAtWork: () => this.#keeping.size > 0 || this.#storing.size > 0,
      nextNumber: () => ++this.#number,
      stretches: this.#target.stretches,
    });
    this.#files.set(kind, files);
    return files;
  }

  /** The one who works on so many bytes: this thread, as long as there is little to do. */
  #hand(sizeBytes: number, kind: ContentKind, isLong: boolean): Hand {
    const { crew } = this.#target;
    if (kind === 'metadata' && !crew.isStarted) return crew.inline;
    return isLong || this.#inlineBytes + sizeBytes > INLINE_BYTES ? crew.thread() : crew.inline;
  }

  #cut(hand: Hand, bytes: Uint8Array, run: StringRun, kind: ContentKind): Promise<Decided> {
    if (kind !== 'metadata' && hand === this.#target.crew.inline) this.#inlineBytes += run.end;
    const runs = encodeRuns([run]);
    const order = { type: 'cut', number: ++this.#number, bytes, runs, sizes: SIZES[kind] } as const;
    return this.#work(hand, order, bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [], kind);
  }

  /** Has a batch cut, decides what of it is new, and has that kept while the caller goes on. */
  async #work<O extends CutOrder | CutFilesOrder>(
    hand: Hand,
    order: O,
    transfer: Transferable[],
    kind: ContentKind,
  ): Promise<Decided<AnswerTo<O>>> {
    const cutting = hand.ask(order, transfer);
    const deciding = cutting.then((answer) => ({ answer, isNew: this.#decide(answer) }));
    const keeping = deciding
      .then(({ isNew }) => this.#keep(hand, order.number, isNew, kind))
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#keeping.delete(keeping);
        this.#pump();
      });
    this.#keeping.add(keeping);
    return deciding;
  }

  #pump(): void {
    for (const files of this.#files.values()) files.pump();
  }

  #decide({ ids, lengths }: ToldChunks): Uint8Array {
    const isNew = new Uint8Array(lengths.length);
    for (let i = 0; i < isNew.length; i++) {
      if (this.#target.claim(ids.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES))) isNew[i] = 1;
    }
    return isNew;
  }

  async #keep(hand: Hand, number: number, isNew: Uint8Array, kind: ContentKind): Promise<void> {
    const spare = this.#spareHeaders.get(hand) ?? 0;
    this.#spareHeaders.set(hand, Math.max(spare, Math.min(spare + 1, SPARE_HEADERS)));
    const needsHeader = spare < SPARE_HEADERS;
    if (needsHeader) this.#lastHeader.set(hand, this.#header());
    const lastHeader = await this.#lastHeader.get(hand);
    const header = needsHeader ? lastHeader : undefined;
    const kinds = this.#holding.get(hand) ?? new Set();
    if (isNew.includes(1)) this.#holding.set(hand, kinds.add(kind));
    const spares = this.#spares.get(hand)?.splice(0) ?? [];
    const level = LEVELS[kind];
    const answer = await hand.ask({ type: 'keep', number, isNew, sort: kind, level, header, spares });
    if (answer.bytes !== undefined) this.#buffers.give(answer.bytes);
    for (const pack of answer.packs) {
      this.#spareHeaders.set(hand, (this.#spareHeaders.get(hand) ?? 0) - 1);
      this.#store(hand, pack);
    }
  }

  async #finish(hand: Hand, sort: ContentKind): Promise<void> {
    try {
      const header = await this.#header();
      const { pack } = await hand.ask({ type: 'finish', number: ++this.#number, sort, header });
      if (pack !== undefined) this.#store(hand, pack);
    } catch (error) {
      this.#fail(error);
    }
  }

  #header(): ReturnType<typeof sealHeader> {
    return sealHeader({ recipient: this.#target.recipient });
  }

  /** A chunk counts as stored once its pack is durable, and then in the index. */
  #store(hand: Hand, { sealed, sha256, index: packIndex }: SealedPack): void {
    const { repository, index, onStored } = this.#target;
    const storing = (async () => {
      const { name, sizeBytes } = await this.#inTurn(sealed.length, () =>
        repository.putObject('packs', sealed, { sha256 }),
      );
      await index.addPackIndex(name, packIndex);
      this.#stored.push({ name, sizeBytes });
      onStored(packIndex);
    })()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#storing.delete(storing);
        this.#spares.set(hand, [...(this.#spares.get(hand) ?? []), sealed]);
        this.#buffers.wake();
        this.#pump();
      });
    this.#storing.add(storing);
  }

  /** Writes so many bytes as soon as that makes it no more than is allowed; one pack always is. */
  async #inTurn<T>(sizeBytes: number, write: () => Promise<T>): Promise<T> {
    while (this.#writingBytes > 0 && this.#writingBytes + sizeBytes > WRITING_MAX_BYTES)
      await new Promise<void>((resolve) => this.#onWritten.push(resolve));
    this.#writingBytes += sizeBytes;
    try {
      return await write();
    } finally {
      this.#writingBytes -= sizeBytes;
      for (const goOn of this.#onWritten.splice(0)) goOn();
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#buffers.fail(this.#failure.error);
    for (const files of this.#files.values()) files.fail(this.#failure.error);
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/** What was written of one string, whose chunks lie in one or several batches. */
function joined(
  parts: readonly (Pick<FileChunks, 'isNew' | 'from' | 'to'> & { readonly answer: ToldChunks })[],
): WrittenChunks {
  const chunkIds: Uint8Array[] = [];
  let sizeBytes = 0;
  let newBytes = 0;
  for (const { answer, isNew, from, to } of parts) {
    for (let i = from; i < to; i++) {
      const length = answer.lengths[i] ?? 0;
      chunkIds.push(answer.ids.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES));
      sizeBytes += length;
      if (isNew[i] === 1) newBytes += length;
    }
  }
  return { chunkIds, sizeBytes, newBytes };
}

function ignoreUntilAwaited(): void {
  // the whole string awaits its parts together, and gets the first failure
}

// The heavy work on chunks, on whatever thread: cut, hash, compress and seal; open, decompress and prove.
import { equalBytes } from '../../core/bytes.ts';
import { Chunker, type ChunkSizes, FILE_CHUNKS } from '../../core/chunker.ts';
import { HASH_BYTES } from '../../core/hashing.ts';
import { encodePackIndex, PACK_TARGET_BYTES, PackBuilder, packIndexEntries } from '../../core/pack.ts';
import { sealedFileLength, sealPayloadInto } from '../age/age-stream.ts';
import { hashing } from '../hashing.ts';
import { type FileFacts, makeFile } from '../posix/new-file.ts';
import { writeAllSync, writeAroundHoles } from '../posix/sparse.ts';
import { ChunkReading, ReusedMemory } from './chunk-reading.ts';
import { compressedBound, compressInto } from './compression.ts';
import { FileReading } from './file-reading.ts';
import { decodeFileRuns } from './file-runs.ts';
import {
  type Answer,
  type CutAnswer,
  type CutFilesAnswer,
  type CutFilesOrder,
  type CutOrder,
  type FinishAnswer,
  type FinishOrder,
  type KeepAnswer,
  type KeepOrder,
  MADE,
  MADE_UNDESCRIBED,
  type MakeAnswer,
  type MakeOrder,
  NOT_MADE,
  type Order,
  type PackHeader,
  type PlaceAnswer,
  type PlaceOrder,
  type ReadAnswer,
  type ReadOrder,
  type SealedPack,
  type SetUp,
  type ToldChunks,
  UNREAD,
} from './messages.ts';
import { decodeNewFiles } from './new-files.ts';
import { provePack } from './proving.ts';
import { decodeRuns } from './string-runs.ts';

/** Room for the chunk that fills it, and for its index. Pages that are not written to take no memory. */
const PACK_ROOM_BYTES = PACK_TARGET_BYTES + 4 * 1024 * 1024;
/** The longest batch of runs of files. */
export const FILE_BATCH_BYTES = 1024 * 1024;
/** Compression must save a part of this size, or the chunk is stored raw and read without any work. */
const WORTHWHILE = 0.97;
/** zstd refuses to compress in vain at most this much: of a longer chunk, a sample is tried first. */
const SAMPLE_BYTES = 32 * 1024;

/** A string whose end has not come yet. */
interface OpenString {
  readonly chunker: Chunker;
  /** A copy of what belongs to the chunk that is not complete, if there is any. */
  carried: Uint8Array | undefined;
}

interface Chunk {
  readonly id: Uint8Array;
  readonly plain: Uint8Array;
}

interface Batch {
  readonly bytes: Uint8Array;
  /** True if the bytes came with the order, and go back. */
  readonly isLent: boolean;
  /** What chunks lie in that began in a batch before. */
  readonly carries: readonly Uint8Array[];
  readonly chunks: readonly Chunk[];
}

/** One that is being cut. */
interface OpenBatch extends Batch {
  readonly carries: Uint8Array[];
  readonly chunks: Chunk[];
}

/** Answers orders one after the other, and keeps what later ones build on. */
export class Bench {
  readonly #chunkIdKey: Uint8Array;
  readonly #table: Int32Array;
  readonly #strings = new Map<number, OpenString>();
  readonly #batches = new Map<number, Batch>();
  readonly #packs = new Map<string, PackBuilder>();
  /** Sealed, and to be used again: fresh memory costs more than the sealing. */
  readonly #spares: PackBuilder[] = [];
  readonly #headers: PackHeader[] = [];
  readonly #reading = new FileReading();
  /** Memory for what is read from files; as much as batches are under way. */
  readonly #buffers: Uint8Array[] = [];
  readonly #carries: Uint8Array[] = [];
  /** Memory of sealed packs that were stored. */
  readonly #outbox: Uint8Array[] = [];
  /** The id of the chunk that holes are made of, one after the other. */
  #zerosId: Uint8Array | undefined;
  readonly #chunks: ChunkReading;
  readonly #placed = new ReusedMemory();
  /** The id of the one chunk whose proven bytes lie there: a long hole is the same chunk again and again. */
  #placedId: Uint8Array | undefined;

  constructor({ chunkIdKey, table }: Omit<SetUp, 'type'>) {
    this.#chunkIdKey = chunkIdKey;
    this.#table = table;
    this.#chunks = new ChunkReading(chunkIdKey);
  }

  /** Does what is asked; a failure is an answer too. */
  answer(order: Order): Answer {
    try {
      switch (order.type) {
        case 'cut':
          return this.#cut(order);
        case 'cutFiles':
          return this.#cutFiles(order);
        case 'keep':
          return this.#keep(order);
        case 'finish':
          return this.#finish(order);
        case 'read':
          return this.#read(order);
        case 'place':
          return this.#place(order);
        case 'make':
          return this.#make(order);
        case 'prove':
          return provePack(order, this.#chunkIdKey);
      }
    } catch (error) {
      return { type: 'fail', number: order.number, error };
    }
  }

  #cut({ number, bytes, runs, sizes }: CutOrder): CutAnswer {
    const batch = { bytes, isLent: true, carries: [], chunks: [] };
    for (const { string, start, end, isLast } of decodeRuns(runs))
      this.#cutRun(string, bytes.subarray(start, end), isLast, sizes, batch);
    this.#batches.set(number, batch);
    return { type: 'cut', number, ...told(batch.chunks) };
  }

  #cutFiles({ number, runs, sizes }: CutFilesOrder): CutFilesAnswer {
    const bytes = this.#buffers.pop() ?? new Uint8Array(FILE_BATCH_BYTES);
    const batch: OpenBatch = { bytes, isLent: false, carries: [], chunks: [] };
    const counts: number[] = [];
    let at = 0;
    for (const run of decodeFileRuns(runs)) {
      const piece = bytes.subarray(at, at + run.length);
      const before = batch.chunks.length;
      if (this.#reading.read(run, piece)) {
        this.#cutRun(run.string, piece, run.isLast, sizes, batch);
        counts.push(batch.chunks.length - before);
        at += run.length;
      } else {
        this.#forget(run.string);
        counts.push(UNREAD);
      }
    }
    this.#batches.set(number, batch);
    return { type: 'cutFiles', number, ...told(batch.chunks), counts: Uint32Array.from(counts) };
  }

  /** Adds the chunks that a run of a string completes to its batch. */
  #cutRun(string: number, piece: Uint8Array, isLast: boolean, sizes: ChunkSizes, batch: OpenBatch): void {
    const known = this.#strings.get(string);
    // nothing is cut before the minimum; only the root of an empty string is empty itself
    if (known === undefined && isLast && piece.length <= sizes.minBytes) {
      batch.chunks.push(this.#chunk(piece));
      return;
    }
    const open = known ?? { chunker: new Chunker(this.#table, sizes), carried: undefined };
    this.#strings.set(string, open);
    let from = 0;
    for (const cut of open.chunker.push(piece)) {
      batch.chunks.push(this.#chunk(this.#whole(open, piece.subarray(from, cut), batch)));
      from = cut;
    }
    const rest = piece.subarray(from);
    if (!isLast) {
      // the batch's bytes are used again before the rest of the chunk comes
      if (rest.length > 0) this.#carry(open, rest);
      return;
    }
    this.#strings.delete(string);
    if (rest.length > 0 || open.carried !== undefined)
      batch.chunks.push(this.#chunk(this.#whole(open, rest, batch)));
  }

  #chunk(plain: Uint8Array): Chunk {
    if (plain.length !== FILE_CHUNKS.maxBytes || !isZeros(plain))
      return { id: hashing.hmac(this.#chunkIdKey, plain), plain };
    this.#zerosId ??= hashing.hmac(this.#chunkIdKey, plain);
    return { id: this.#zerosId, plain };
  }

  /** A chunk's bytes in one piece: what was carried of it, and its end. */
  #whole(open: OpenString, end: Uint8Array, batch: OpenBatch): Uint8Array {
    if (open.carried === undefined) return end;
    const whole = this.#carry(open, end);
    open.carried = undefined;
    batch.carries.push(whole);
    return whole;
  }

  #carry(open: OpenString, more: Uint8Array): Uint8Array {
    const { carried } = open;
    const memory = carried?.buffer ?? this.#carries.pop()?.buffer ?? new ArrayBuffer(FILE_CHUNKS.maxBytes);
    const length = carried?.length ?? 0;
    const longer = new Uint8Array(memory, 0, length + more.length);
    longer.set(more, length);
    open.carried = longer;
    return longer;
  }

  #forget(string: number): void {
    const carried = this.#strings.get(string)?.carried;
    if (carried !== undefined) this.#carries.push(carried);
    this.#strings.delete(string);
  }

  #keep({ number, isNew, sort, level, header, spares }: KeepOrder): KeepAnswer {
    if (header !== undefined) this.#headers.push(header);
    this.#outbox.push(...spares);
    const batch = this.#batches.get(number);
    if (batch === undefined) throw new RangeError(`expected batch ${number} to have been cut`);
    this.#batches.delete(number);
    const packs: SealedPack[] = [];
    for (const [i, { id, plain }] of batch.chunks.entries()) {
      if (isNew[i] !== 1) continue;
      const size = this.#pack(id, plain, sort, level);
      // a batch that fills a second one makes it longer instead
      if (size >= PACK_TARGET_BYTES && this.#headers.length > 0)
        packs.push(this.#seal(sort, this.#headers.shift()));
    }
    if (!batch.isLent) this.#buffers.push(batch.bytes);
    this.#carries.push(...batch.carries);
    return { type: 'keep', number, bytes: batch.isLent ? batch.bytes : undefined, packs };
  }

  #pack(id: Uint8Array, plain: Uint8Array, sort: string, level: number): number {
    let pack = this.#packs.get(sort);
    if (pack === undefined) {
      pack = this.#spares.pop() ?? new PackBuilder(PACK_ROOM_BYTES);
      this.#packs.set(sort, pack);
    }
    if (isWorthCompressing(plain)) {
      const length = compressInto(pack.room(compressedBound(plain.length)), plain, level);
      if (length < plain.length * WORTHWHILE) {
        pack.commit(id, length, plain.length, 'zstd');
        return pack.sizeBytes;
      }
    }
    pack.add(id, plain, plain.length, 'raw');
    return pack.sizeBytes;
  }

  #finish({ number, sort, header }: FinishOrder): FinishAnswer {
    return { type: 'finish', number, pack: this.#packs.has(sort) ? this.#seal(sort, header) : undefined };
  }

  #seal(sort: string, header: PackHeader | undefined): SealedPack {
    const pack = this.#packs.get(sort);
    if (pack === undefined || header === undefined)
      throw new RangeError(`expected a pack of ${sort} to seal`);
    this.#packs.delete(sort);
    const plain = pack.finish();
    const sealed = this.#room(sealedFileLength(header.header, plain.length));
    sealPayloadInto(sealed, header.header, header.fileKey, plain);
    const index = encodePackIndex(pack.entries);
    pack.clear();
    this.#spares.push(pack);
    return { sealed, sha256: hashing.sha256(sealed), index };
  }

  /** Memory that the main thread sees, too. */
  #room(length: number): Uint8Array {
    const spare = this.#outbox.pop();
    const fits = spare !== undefined && spare.buffer.byteLength >= length;
    const memory = fits ? spare.buffer : new SharedArrayBuffer(Math.max(length, PACK_ROOM_BYTES));
    return new Uint8Array(memory, 0, length);
  }

  #read(order: ReadOrder): ReadAnswer {
    const chunks = [...packIndexEntries(order.chunks)];
    const plain = new Uint8Array(chunks.reduce((sum, { plainLength }) => sum + plainLength, 0));
    const isRead = this.#chunks.readInto(plain, order, chunks);
    return { type: 'read', number: order.number, plain: isRead ? plain : undefined };
  }

  #place(order: PlaceOrder): PlaceAnswer {
    const { number, places } = order;
    const chunks = [...packIndexEntries(order.chunks)];
    const length = chunks.reduce((sum, { plainLength }) => sum + plainLength, 0);
    const plain = this.#placed.take(length);
    const [only] = chunks.length === 1 ? chunks : [];
    const isThere = only !== undefined && this.#placedId !== undefined && equalBytes(only.id, this.#placedId);
    let isPlaced = isThere || this.#chunks.readInto(plain, order, chunks);
    this.#placedId = isPlaced ? only?.id : undefined;
    let at = 0;
    for (const [i, { plainLength }] of chunks.entries()) {
      const [fd = -1, position = 0, isSparse = 0] = places.subarray(i * 3, i * 3 + 3);
      const bytes = plain.subarray(at, at + plainLength);
      isPlaced &&= isWritten(fd, bytes, position, isSparse === 1);
      at += plainLength;
    }
    return { type: 'place', number, isPlaced };
  }

  #make(order: MakeOrder): MakeAnswer {
    const chunks = [...packIndexEntries(order.chunks)];
    const plain = this.#placed.take(chunks.reduce((sum, { plainLength }) => sum + plainLength, 0));
    this.#placedId = undefined;
    const made = new Uint8Array(chunks.length);
    if (!this.#chunks.readInto(plain, order, chunks)) return { type: 'make', number: order.number, made };
    let at = 0;
    let i = 0;
    for (const { cpath, ...facts } of decodeNewFiles(order.files)) {
      const end = at + (chunks[i]?.plainLength ?? 0);
      made[i++] = outcomeOf(cpath, plain.subarray(at, end), facts);
      at = end;
    }
    return { type: 'make', number: order.number, made };
  }
}

function outcomeOf(cpath: Uint8Array, bytes: Uint8Array, facts: FileFacts): number {
  try {
    return makeFile(cpath, bytes, facts) ? MADE : MADE_UNDESCRIBED;
  } catch {
    return NOT_MADE; // made again by whoever asked, who is told why it fails
  }
}

function isWritten(fd: number, bytes: Uint8Array, position: number, isSparse: boolean): boolean {
  try {
    if (isSparse) writeAroundHoles(fd, bytes, position);
    else writeAllSync(fd, bytes, position);
    return true;
  } catch {
    return false; // written again by whoever asked, who is told why it fails
  }
}

/** Of a long chunk the middle is tried at the fastest level: what is compressed already is not worked on in full. */
function isWorthCompressing(plain: Uint8Array): boolean {
  if (plain.length < 4 * SAMPLE_BYTES) return true;
  const start = (plain.length - SAMPLE_BYTES) >> 1;
  const sample = plain.subarray(start, start + SAMPLE_BYTES);
  if (compressInto(scratch, sample, 1) < SAMPLE_BYTES * WORTHWHILE) return true;
  const head = plain.subarray(0, SAMPLE_BYTES);
  return compressInto(scratch, head, 1) < SAMPLE_BYTES * WORTHWHILE;
}

/** Whatever is something else differs in its first bytes, so it costs nothing to look. */
function isZeros(plain: Uint8Array): boolean {
  return plain[0] === 0 && Buffer.compare(plain, ZEROS) === 0;
}

/** Never written to: its pages take no memory. */
const ZEROS = new Uint8Array(FILE_CHUNKS.maxBytes);
const scratch = new Uint8Array(compressedBound(SAMPLE_BYTES));

/** The ids and lengths of chunks as they travel. */
function told(chunks: readonly Chunk[]): ToldChunks {
  const ids = new Uint8Array(chunks.length * HASH_BYTES);
  for (const [i, { id }] of chunks.entries()) ids.set(id, i * HASH_BYTES);
  return { ids, lengths: Uint32Array.from(chunks, ({ plain }) => plain.length) };
}

// Cuts bytes into chunks where their content says so, so that equal runs give equal chunks wherever they stand.
import { ByteWriter } from './bytes.ts';
import type { Hashing } from './hashing.ts';

const WINDOW_BYTES = 32;
const WORD_BYTES = 4;

/** How long chunks are, in bytes. */
export interface ChunkSizes {
  readonly minBytes: number;
  /** A power of two. */
  readonly averageBytes: number;
  readonly maxBytes: number;
}

/** For the contents of files. */
export const FILE_CHUNKS: ChunkSizes = {
  minBytes: 128 * 1024,
  averageBytes: 512 * 1024,
  maxBytes: 2 * 1024 * 1024,
};
/**
 * A file is cut anew after so many bytes, a multiple of all others: several threads can work on a long one then. Where something was
 * put into it, two chunks more are new in each stretch that follows.
 */
export const STRETCH_BYTES = 32 * 1024 * 1024;
/** For process images: a page that changed should cost little more than itself. */
export const IMAGE_CHUNKS: ChunkSizes = {
  minBytes: 16 * 1024,
  averageBytes: 64 * 1024,
  maxBytes: 256 * 1024,
};

/** The table of a pod's chunker: 256 numbers that only the holder of `chunkerKey` can know. */
export function gearTable(hashing: Hashing, chunkerKey: Uint8Array): Int32Array {
  const table = new Int32Array(256);
  for (let block = 0; block < 32; block++) {
    const label = new ByteWriter().text('deskpod gear').u8(block).finish();
    const bytes = hashing.hmac(chunkerKey, label);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < 8; i++) table[block * 8 + i] = view.getInt32(i * 4, true);
  }
  return table;
}

/**
 * Finds the cuts in a byte string that comes in pieces. The cuts depend on the bytes alone, not on the pieces.
 *
 * A gear hash over the last 32 bytes cuts where its upper bits are zero. Up to the average two bits more must be zero
 * than the average asks for, after it two fewer, which draws lengths together; the first minBytes are skipped.
 */
export class Chunker {
  readonly #table: Int32Array;
  readonly #sizes: ChunkSizes;
  readonly #strictMask: number;
  readonly #looseMask: number;
  /** What the hash is after zeros, and stays while more of them come. */
  readonly #zerosHash: number;
  #hash = 0;
  /** Bytes of the present chunk that were seen. */
  #length = 0;

  constructor(table: Int32Array, sizes: ChunkSizes) {
    const averageBits = Math.log2(sizes.averageBytes);
    if (table.length !== 256) throw new RangeError(`expected a table of 256 numbers, got ${table.length}`);
    if (!Number.isInteger(averageBits) || averageBits < 8 || averageBits > 28) {
      throw new RangeError(
        `expected an average that is a power of two from 2^8 to 2^28, got ${sizes.averageBytes}`,
      );
    }
    if (
      sizes.minBytes < WINDOW_BYTES ||
      sizes.minBytes > sizes.averageBytes ||
      sizes.maxBytes < sizes.averageBytes
    ) {
      throw new RangeError(`expected ${WINDOW_BYTES} <= minimum <= average <= maximum, got others`);
    }
    this.#table = table;
    this.#sizes = sizes;
    this.#strictMask = upperBits(averageBits + 2);
    this.#looseMask = upperBits(averageBits - 2);
    this.#zerosHash = -(table[0] as number) | 0;
  }

  /**
   * Takes the next piece. Returns the offsets in it at which chunks end (exclusive), ascending; a chunk without a cut
   * goes on in the next piece, and the last one ends with the last piece.
   */
  push(piece: Uint8Array): number[] {
    const cuts: number[] = [];
    let at = 0;
    while (at < piece.length) {
      const end = this.#next(piece, at);
      if (end === undefined) break;
      cuts.push(end);
      this.reset();
      at = end;
    }
    return cuts;
  }

  /** Starts a new byte string. */
  reset(): void {
    this.#hash = 0;
    this.#length = 0;
  }

  /** True if no zero that comes next can make a cut: the hash has the value that zeros keep, and that is none of a cut. */
  #passesZeros(hash: number, mask: number): boolean {
    return hash === this.#zerosHash && (hash & mask) !== 0;
  }

  /** The end of the present chunk, whose next byte is at `from`; undefined if the piece ends before it does. */
  #next(piece: Uint8Array, from: number): number | undefined {
    const { minBytes, averageBytes, maxBytes } = this.#sizes;
    const table = this.#table;
    // offsets in the piece at which the chunk has so many bytes
    const chunkStart = from - this.#length;
    let hash = this.#hash;
    let at = Math.max(from, Math.min(chunkStart + minBytes - WINDOW_BYTES, piece.length));
    const warm = Math.min(chunkStart + minBytes, piece.length);
    for (; at < warm; at++) hash = ((hash << 1) + (table[piece[at] as number] as number)) | 0;
    const average = Math.min(chunkStart + averageBytes, piece.length);
    const strictMask = this.#strictMask;
    if (this.#passesZeros(hash, strictMask)) at = endOfZeros(piece, at, average);
    for (; at < average; at++) {
      hash = ((hash << 1) + (table[piece[at] as number] as number)) | 0;
      if ((hash & strictMask) === 0) return at + 1;
    }
    const limit = chunkStart + maxBytes;
    const last = Math.min(limit, piece.length);
    const looseMask = this.#looseMask;
    if (this.#passesZeros(hash, looseMask)) at = endOfZeros(piece, at, last);
    for (; at < last; at++) {
      hash = ((hash << 1) + (table[piece[at] as number] as number)) | 0;
      if ((hash & looseMask) === 0) return at + 1;
    }
    if (last === limit) return limit;
    this.#hash = hash;
    this.#length = piece.length - chunkStart;
    return undefined;
  }
}

/** Where the zeros from `at` on end, at `end` at the latest. Holes come as long runs of them: four bytes at a time. */
function endOfZeros(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && (bytes.byteOffset + at) % WORD_BYTES !== 0 && bytes[at] === 0) at++;
  const count = Math.floor((end - at) / WORD_BYTES);
  if (count > 0 && bytes[at] === 0) {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, count);
    let word = 0;
    while (word < count && words[word] === 0) word++;
    at += word * WORD_BYTES;
  }
  while (at < end && bytes[at] === 0) at++;
  return at;
}

function upperBits(count: number): number {
  return (0xffff_ffff << (32 - count)) | 0;
}

// Reads chunks that lie near each other in one pack, opens them together, and proves each by its id.
import { readSync } from 'node:fs';
import { equalBytes } from '../../core/bytes.ts';
import type { PackEntry } from '../../core/pack.ts';
import { coveringPieces, openPiecesInto, plainLengthOf, sealedPieceAt } from '../age/age-stream.ts';
import { hashing } from '../hashing.ts';
import { decompressInto } from './compression.ts';
import type { ReadOrder } from './messages.ts';

/** Memory that serves one thing after the other: fresh memory costs more than most work on it. */
export class ReusedMemory {
  #bytes = new Uint8Array(0);

  /** So many bytes, whose content is left over from before; those that were taken earlier are the same. */
  take(length: number): Uint8Array {
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(Math.max(length, this.#bytes.length * 2));
    return this.#bytes.subarray(0, length);
  }
}

/** Reads for one thread. */
export class ChunkReading {
  readonly #chunkIdKey: Uint8Array;
  readonly #sealed = new ReusedMemory();
  readonly #opened = new ReusedMemory();

  constructor(chunkIdKey: Uint8Array) {
    this.#chunkIdKey = chunkIdKey;
  }

  /** Fills `plain` with the chunks, one after the other; false if any of them is not as it should be: nothing counts then. */
  readInto(
    plain: Uint8Array,
    source: Pick<ReadOrder, 'fd' | 'parts'>,
    chunks: readonly PackEntry[],
  ): boolean {
    const { key, payloadOffset, fileBytes, layout } = source.parts;
    const [first] = chunks;
    const last = chunks.at(-1);
    if (first === undefined || last === undefined) return true;
    const end = last.offset + last.storedLength;
    if (end > layout.plainLength) return false;
    const { firstPiece, lastPiece, skipBytes } = coveringPieces(first.offset, end - first.offset);
    const from = payloadOffset + sealedPieceAt(firstPiece).offset;
    const lastAt = sealedPieceAt(Math.min(lastPiece, layout.pieceCount - 1));
    const to = Math.min(payloadOffset + lastAt.offset + lastAt.length, fileBytes);
    const sealed = this.#sealed.take(Math.max(0, to - from));
    for (let done = 0; done < sealed.length; ) {
      const count = readSync(source.fd, sealed, done, sealed.length - done, from + done);
      if (count === 0) return false;
      done += count;
    }
    const opened = this.#opened.take(plainLengthOf(sealed.length));
    try {
      openPiecesInto(opened, key, sealed, firstPiece, layout);
    } catch {
      return false; // read again chunk by chunk, it is named
    }
    let at = 0;
    for (const { id, offset, storedLength, plainLength, codec } of chunks) {
      const start = offset - first.offset + skipBytes;
      const stored = opened.subarray(start, start + storedLength);
      const target = plain.subarray(at, at + plainLength);
      if (codec === 'zstd') {
        if (!decompressInto(target, stored)) return false;
      } else if (stored.length === plainLength) target.set(stored);
      else return false;
      if (!equalBytes(hashing.hmac(this.#chunkIdKey, target), id)) return false;
      at += plainLength;
    }
    return true;
  }
}

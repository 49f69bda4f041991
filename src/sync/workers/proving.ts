// Proving a pack: its bytes bear out its name, and each chunk in it opens to the bytes of its id.
import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { equalBytes } from '../../core/bytes.ts';
import { isDeskPodError } from '../../core/errors.ts';
import type { PackEntry } from '../../core/pack.ts';
import { openPiecesInto, plainLengthOf, sealedPieceAt } from '../age/age-stream.ts';
import { hashing } from '../hashing.ts';
import { isUnreadable } from '../storage-failure.ts';
import { decompressInto } from './compression.ts';
import type { ProveAnswer, ProveOrder } from './messages.ts';

/** Pieces that are read and opened at once: a mebibyte. */
const RUN_PIECES = 16;
/**
 * Reads a pack once, from end to end, in constant memory. `chunkIdKey` is the pod's. A place that can not be read or
 * opened counts for the chunks that lie there.
 */
export function provePack({ number, fd, parts, entries }: ProveOrder, chunkIdKey: Uint8Array): ProveAnswer {
  const hash = createHash('sha256');
  let unreadable: string | undefined;
  const read = (from: number, to: number): Uint8Array => {
    try {
      const bytes = readFully(fd, from, to);
      hash.update(bytes);
      return bytes;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      unreadable ??= error instanceof Error ? error.message : String(error);
      return new Uint8Array(0);
    }
  };
  const { payloadOffset, fileBytes, layout } = parts;
  read(0, payloadOffset);
  const proof = new ChunkProof(parts, entries, chunkIdKey);
  for (let first = 0; first < layout.pieceCount; ) {
    // around a place that can not be read as little as possible is lost
    const wasReadable = unreadable === undefined;
    const count = wasReadable ? RUN_PIECES : 1;
    const [from, to] = [first, first + count].map((piece) => payloadOffset + sealedPieceAt(piece).offset);
    const sealed = read(from ?? 0, Math.min(to ?? 0, fileBytes));
    if (wasReadable && unreadable !== undefined) continue;
    proof.take(sealed, first);
    first += count;
  }
  return {
    type: 'prove',
    number,
    sha256: new Uint8Array(hash.digest()),
    damagedChunks: proof.end(),
    unreadable,
  };
}

/** Buffers of this thread, which grow to what is needed: memory that is new each time costs more than the hashing. */
let sealedBuffer = new Uint8Array(0);
let windowBuffer = new Uint8Array(0);
let plainBuffer = new Uint8Array(0);

/** Proves chunks from pieces that come in order; what does not come, or does not open, is damaged. */
class ChunkProof {
  readonly #parts: ProveOrder['parts'];
  readonly #entries: readonly PackEntry[];
  readonly #chunkIdKey: Uint8Array;
  readonly #damaged: number[] = [];
  #next = 0;
  /** What the window holds: the plaintext from `offset` on, as far as the next chunk needs it. */
  #offset = 0;
  #length = 0;

  constructor(parts: ProveOrder['parts'], entries: readonly PackEntry[], chunkIdKey: Uint8Array) {
    this.#parts = parts;
    this.#entries = entries;
    this.#chunkIdKey = chunkIdKey;
  }

  /** Takes sealed pieces of which the first is number `first`; if one of them does not open, the others. */
  take(sealed: Uint8Array, first: number): void {
    if (this.#open(sealed, first)) {
      this.#proveWhatIsThere();
      return;
    }
    for (let at = 0, piece = first; at < sealed.length; at += SEALED_PIECE_BYTES, piece++) {
      if (this.#open(sealed.subarray(at, at + SEALED_PIECE_BYTES), piece)) this.#proveWhatIsThere();
    }
  }

  /** The chunks that are not as their ids say, ascending. */
  end(): number[] {
    for (; this.#next < this.#entries.length; this.#next++) this.#damaged.push(this.#next);
    return this.#damaged;
  }

  #open(sealed: Uint8Array, first: number): boolean {
    const { key, layout } = this.#parts;
    const length = plainLengthOf(sealed.length);
    const offset = first * PIECE_BYTES;
    const kept = this.#offset + this.#length === offset ? this.#length : 0;
    if (windowBuffer.length < kept + length) {
      const grown = new Uint8Array((kept + length) * 2);
      grown.set(windowBuffer.subarray(0, kept));
      windowBuffer = grown;
    }
    try {
      openPiecesInto(windowBuffer.subarray(kept, kept + length), key, sealed, first, layout);
    } catch (error) {
      if (isDeskPodError(error, 'OBJECT_DAMAGED')) return false;
      throw error;
    }
    this.#offset = offset - kept;
    this.#length = kept + length;
    return true;
  }

  #proveWhatIsThere(): void {
    const end = this.#offset + this.#length;
    for (let entry = this.#entries[this.#next]; entry !== undefined; entry = this.#entries[this.#next]) {
      const from = entry.offset - this.#offset;
      if (from >= 0 && entry.offset + entry.storedLength > end) break;
      const stored = windowBuffer.subarray(from, from + entry.storedLength);
      // one that begins before the window lies in pieces that did not come
      if (from < 0 || !isProven(entry, stored, this.#chunkIdKey)) this.#damaged.push(this.#next);
      this.#next++;
    }
    const from = Math.min(
      this.#length,
      Math.max(0, (this.#entries[this.#next]?.offset ?? end) - this.#offset),
    );
    windowBuffer.copyWithin(0, from, this.#length);
    this.#offset += from;
    this.#length -= from;
  }
}

const SEALED_PIECE_BYTES = sealedPieceAt(0).length;
const PIECE_BYTES = plainLengthOf(SEALED_PIECE_BYTES);

function isProven(entry: PackEntry, stored: Uint8Array, chunkIdKey: Uint8Array): boolean {
  const { id, plainLength, codec } = entry;
  if (codec === 'raw') {
    return stored.length === plainLength && equalBytes(hashing.hmac(chunkIdKey, stored), id);
  }
  if (plainBuffer.length < plainLength) plainBuffer = new Uint8Array(plainLength);
  const plain = plainBuffer.subarray(0, plainLength);
  return decompressInto(plain, stored) && equalBytes(hashing.hmac(chunkIdKey, plain), id);
}

/** The bytes of a file from `from` to `to`, or to its end if that is nearer; good until the next call. */
function readFully(fd: number, from: number, to: number): Uint8Array {
  const length = Math.max(0, to - from);
  if (sealedBuffer.length < length) sealedBuffer = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const count = readSync(fd, sealedBuffer, done, length - done, from + done);
    if (count === 0) break;
    done += count;
  }
  return sealedBuffer.subarray(0, done);
}

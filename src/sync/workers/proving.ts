// Proving a pack: its bytes bear out its name, and each chunk in it opens to the bytes of its id.
import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { equalBytes } from '../../core/bytes.ts';
import { isDeskPodError } from '../../core/errors.ts';
import type { PackEntry } from '../../core/pack.ts';
import { openPieces, sealedPieceAt } from '../age/age-stream.ts';
import { hashing } from '../hashing.ts';
import { decompressInto } from './compression.ts';
import type { ProveAnswer, ProveOrder } from './messages.ts';

/** Pieces that are read and opened at once: a mebibyte. */
const RUN_PIECES = 16;
/** What a drive answers for a place that it, or the file system, can not read: damage, and no failure of the machine. */
const UNREADABLE = new Set(['EIO', 'EBADMSG', 'EUCLEAN', 'EILSEQ', 'ENODATA', 'EREMOTEIO']);

/** True for the system's error about bytes that can not be read where they lie. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && UNREADABLE.has(String(error.code));
}

/** A run of plaintext, from a known offset on. */
interface Opened {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * Reads a pack once, from end to end, in constant memory. `chunkIdKey` is the pod's. A place that can not be read or
 * opened counts for the chunks that lie there.
 */
export function provePack({ number, fd, parts, entries }: ProveOrder, chunkIdKey: Uint8Array): ProveAnswer {
  const hash = createHash('sha256');
  const isDamaged = new Uint8Array(entries.length);
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
  const { key, payloadOffset, fileBytes, layout } = parts;
  read(0, payloadOffset);
  const proof = new ChunkProof(entries, chunkIdKey, isDamaged);
  for (let first = 0; first < layout.pieceCount; ) {
    // around a place that can not be read as little as possible is lost
    const count = unreadable === undefined ? RUN_PIECES : 1;
    const [from, to] = [first, first + count].map((piece) => payloadOffset + sealedPieceAt(piece).offset);
    const wasReadable = unreadable === undefined;
    const sealed = read(from ?? 0, Math.min(to ?? 0, fileBytes));
    if (wasReadable && unreadable !== undefined) continue;
    for (const run of openRun(key, sealed, first, layout)) proof.take(run);
    first += count;
  }
  proof.end();
  const damagedChunks = [...isDamaged.keys()].filter((index) => isDamaged[index] === 1);
  return {
    type: 'prove',
    number,
    sha256: new Uint8Array(hash.digest()),
    damagedChunks,
    unreadable,
  };
}

/** Proves chunks from runs of plaintext that come in order; what does not come is damaged. */
class ChunkProof {
  readonly #entries: readonly PackEntry[];
  readonly #chunkIdKey: Uint8Array;
  readonly #isDamaged: Uint8Array;
  #next = 0;
  #kept: Opened = { offset: 0, bytes: new Uint8Array(0) };

  constructor(entries: readonly PackEntry[], chunkIdKey: Uint8Array, isDamaged: Uint8Array) {
    this.#entries = entries;
    this.#chunkIdKey = chunkIdKey;
    this.#isDamaged = isDamaged;
  }

  take(run: Opened): void {
    const { offset, bytes } = this.#joined(run);
    const end = offset + bytes.length;
    for (let entry = this.#entries[this.#next]; entry !== undefined; entry = this.#entries[this.#next]) {
      if (entry.offset < offset) {
        this.#isDamaged[this.#next++] = 1;
        continue;
      }
      if (entry.offset + entry.storedLength > end) break;
      const stored = bytes.subarray(entry.offset - offset, entry.offset - offset + entry.storedLength);
      if (!isProven(entry, stored, this.#chunkIdKey)) this.#isDamaged[this.#next] = 1;
      this.#next++;
    }
    const from = this.#entries[this.#next]?.offset ?? end;
    const kept = from >= end ? new Uint8Array(0) : bytes.slice(Math.max(0, from - offset));
    this.#kept = { offset: end - kept.length, bytes: kept };
  }

  end(): void {
    this.#isDamaged.fill(1, this.#next);
  }

  #joined(run: Opened): Opened {
    const { offset, bytes } = this.#kept;
    if (bytes.length === 0 || offset + bytes.length !== run.offset) return run;
    return { offset, bytes: Buffer.concat([bytes, run.bytes]) };
  }
}

/** The plaintext of consecutive pieces; if one of them does not open, that of the others. */
function openRun(
  key: Uint8Array,
  sealed: Uint8Array,
  first: number,
  layout: ProveOrder['parts']['layout'],
): Opened[] {
  const whole = tryOpen(key, sealed, first, layout);
  if (whole !== undefined) return [whole];
  const opened: Opened[] = [];
  for (let at = 0, piece = first; at < sealed.length; at += SEALED_PIECE_BYTES, piece++) {
    const run = tryOpen(key, sealed.subarray(at, at + SEALED_PIECE_BYTES), piece, layout);
    if (run !== undefined) opened.push(run);
  }
  return opened;
}

/** Undefined for pieces that do not open: their chunks do not come, and count as damaged. */
function tryOpen(
  key: Uint8Array,
  sealed: Uint8Array,
  first: number,
  layout: ProveOrder['parts']['layout'],
): Opened | undefined {
  try {
    return { offset: first * PIECE_BYTES, bytes: openPieces(key, sealed, first, layout) };
  } catch (error) {
    if (isDeskPodError(error, 'OBJECT_DAMAGED')) return undefined;
    throw error;
  }
}

const SEALED_PIECE_BYTES = sealedPieceAt(0).length;
const PIECE_BYTES = SEALED_PIECE_BYTES - 16;

let scratch = new Uint8Array(0);

function isProven(entry: PackEntry, stored: Uint8Array, chunkIdKey: Uint8Array): boolean {
  const { id, plainLength, codec } = entry;
  if (codec === 'raw')
    return stored.length === plainLength && equalBytes(hashing.hmac(chunkIdKey, stored), id);
  if (scratch.length < plainLength) scratch = new Uint8Array(plainLength);
  const plain = scratch.subarray(0, plainLength);
  return decompressInto(plain, stored) && equalBytes(hashing.hmac(chunkIdKey, plain), id);
}

/** The bytes of a file from `from` to `to`, or to its end if that is nearer. */
function readFully(fd: number, from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, to - from));
  let done = 0;
  while (done < bytes.length) {
    const count = readSync(fd, bytes, done, bytes.length - done, from + done);
    if (count === 0) return bytes.subarray(0, done);
    done += count;
  }
  return bytes;
}

// Files by their hash: read or written from end to end, in constant memory.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { writeFully } from './durable-file.ts';

const PIECE_BYTES = 1024 * 1024;

/** What a file's bytes come to. */
export interface HashedBytes {
  /** In hexadecimal. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** Reads a file from end to end. Throws what the system says, such as ENOENT. */
export function hashFile(path: string): Promise<HashedBytes> {
  return hashPieces(piecesOf(path));
}

/** Writes pieces one after the other to an empty file. Throws what they throw, and what the system says. */
export function writeHashed(
  file: FileHandle,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<HashedBytes> {
  return hashPieces(pieces, (piece, position) => writeFully(file, piece, position));
}

/** The bytes of a file, to be read once. */
export function piecesOf(path: string): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: PIECE_BYTES });
}

/** True if the name of an object's file ends with this hash, but for its ending. */
export function isNamedBy(object: string, sha256: string): boolean {
  return /([0-9a-f]{64})(\.[a-z]+)?$/.exec(object)?.[1] === sha256;
}

async function hashPieces(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  use: (piece: Uint8Array, position: number) => Promise<void> = async () => undefined,
): Promise<HashedBytes> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const piece of pieces) {
    hash.update(piece);
    await use(piece, sizeBytes);
    sizeBytes += piece.length;
  }
  return { sha256: hash.digest('hex'), sizeBytes };
}

// Which bytes of which files make a batch, as bytes in a row.
import { STAMP_BYTES } from '../posix/statx.ts';
import type { FileSource } from './messages.ts';

/** One run of a file. */
export interface FileRun {
  /** Runs of one file, or of one stretch of a long one, carry the same number and go to the same worker, in order. */
  readonly string: number;
  readonly place: Uint8Array;
  readonly stamp: Uint8Array;
  readonly offset: number;
  readonly length: number;
  readonly isLast: boolean;
}

const HEAD_BYTES = 4 + 8 + 4 + 1 + 2 + STAMP_BYTES;

/** A run as it travels. */
export function encodeFileRun(run: Omit<FileRun, 'place' | 'stamp'>, source: FileSource): Uint8Array {
  const { place, stamp } = source;
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + place.length);
  let at = bytes.writeUInt32LE(run.string);
  at = bytes.writeDoubleLE(run.offset, at);
  at = bytes.writeUInt32LE(run.length, at);
  at = bytes.writeUInt8(run.isLast ? 1 : 0, at);
  at = bytes.writeUInt16LE(place.length, at);
  bytes.set(stamp, at);
  bytes.set(place, HEAD_BYTES);
  return bytes;
}

/** What {@link encodeFileRun} encoded, one after the other. */
export function* decodeFileRuns(encoded: Uint8Array): Generator<FileRun> {
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const placeAt = at + HEAD_BYTES;
    const end = placeAt + bytes.readUInt16LE(at + 17);
    yield {
      string: bytes.readUInt32LE(at),
      offset: bytes.readDoubleLE(at + 4),
      length: bytes.readUInt32LE(at + 12),
      isLast: bytes[at + 16] === 1,
      stamp: bytes.subarray(at + 19, placeAt),
      place: bytes.subarray(placeAt, end),
    };
    at = end;
  }
}

// A block of the file index: what is known of a run of neighbouring paths, in one value of the database.
import { crc32 } from 'node:zlib';
import { EncodedEntry } from '../../core/encoded-entry.ts';
import { STAMP_BYTES } from '../posix/statx.ts';

const VERSION = 2;
const HEADER_BYTES = 1;
const GENERATION_BYTES = 4;
const CHECK_BYTES = 4;
const LENGTH_BYTES = 4;

/** What is known of one path. */
export interface KnownPath {
  /** The capture that noted it. */
  readonly generation: number;
  readonly stamp: Uint8Array;
  readonly entry: EncodedEntry;
  /** All of the above as it lies in a block. */
  readonly bytes: Uint8Array;
}

/** The bytes of one path in a block. */
export function encodeKnown(generation: number, stamp: Uint8Array, entry: EncodedEntry): Uint8Array {
  const bytes = Buffer.alloc(GENERATION_BYTES + STAMP_BYTES + entry.bytes.length);
  bytes.writeUInt32LE(generation);
  bytes.set(stamp, GENERATION_BYTES);
  bytes.set(entry.bytes, GENERATION_BYTES + STAMP_BYTES);
  return bytes;
}

/** A block of paths, each as {@link encodeKnown} gave it, in the manifest's order. */
export function encodeBlock(known: readonly Uint8Array[]): Uint8Array {
  const head = Buffer.of(VERSION);
  const body = Buffer.concat([head, ...known, Buffer.alloc(CHECK_BYTES)]);
  body.writeUInt32LE(crc32(body.subarray(0, -CHECK_BYTES)), body.length - CHECK_BYTES);
  return body;
}

/** The paths of a block in order; none if it is damaged or of another version: they are looked at anew. */
export function decodeBlock(value: Uint8Array): KnownPath[] {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (bytes.length < HEADER_BYTES + CHECK_BYTES || bytes[0] !== VERSION) return [];
  const end = bytes.length - CHECK_BYTES;
  if (crc32(bytes.subarray(0, end)) !== bytes.readUInt32LE(end)) return [];
  const known: KnownPath[] = [];
  for (let at = HEADER_BYTES; at < end; ) {
    const stampAt = at + GENERATION_BYTES;
    const entryAt = stampAt + STAMP_BYTES;
    const next = entryAt + LENGTH_BYTES + bytes.readUInt32LE(entryAt);
    known.push({
      generation: bytes.readUInt32LE(at),
      stamp: bytes.subarray(stampAt, entryAt),
      entry: new EncodedEntry(bytes.subarray(entryAt, next)),
      bytes: bytes.subarray(at, next),
    });
    at = next;
  }
  return known;
}

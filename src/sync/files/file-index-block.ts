// A block of the file index: what is known of a run of neighbouring paths, in one value of the database.
import { crc32 } from 'node:zlib';
import { EncodedEntry } from '../../core/encoded-entry.ts';
import { STAMP_BYTES } from '../posix/statx.ts';

const VERSION = 2;
const HEADER_BYTES = 1;
const GENERATION_BYTES = 4;
const ENTRY_AT = GENERATION_BYTES + STAMP_BYTES;
const CHECK_BYTES = 4;
const LENGTH_BYTES = 4;

/** What is known of one path, as it lies in a block. */
export class KnownPath {
  readonly bytes: Buffer;
  readonly entry: EncodedEntry;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.entry = new EncodedEntry(bytes.subarray(ENTRY_AT));
  }

  /** The capture that noted it. */
  get generation(): number {
    return this.bytes.readUInt32LE(0);
  }

  /** True if its stamp is this one; `from` says how much in front of both may differ. */
  isStamped(stamp: Uint8Array, from: number): boolean {
    return this.bytes.compare(stamp, from, STAMP_BYTES, GENERATION_BYTES + from, ENTRY_AT) === 0;
  }
}

/** The bytes of one path in a block. */
export function encodeKnown(generation: number, stamp: Uint8Array, entry: EncodedEntry): Uint8Array {
  const bytes = Buffer.allocUnsafe(ENTRY_AT + entry.bytes.length);
  bytes.writeUInt32LE(generation);
  bytes.set(stamp, GENERATION_BYTES);
  bytes.set(entry.bytes, ENTRY_AT);
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
    const next = at + ENTRY_AT + LENGTH_BYTES + bytes.readUInt32LE(at + ENTRY_AT);
    known.push(new KnownPath(bytes.subarray(at, next)));
    at = next;
  }
  return known;
}

// One record of the log: framed, chained to the one before, authenticated.
import { ByteReader, ByteWriter, equalBytes } from './bytes.ts';
import { DeskPodError } from './errors.ts';
import { HASH_BYTES, type Sealing } from './hashing.ts';

const MAGIC = 'DPR1';
const VERSION = 1;
const HEADER_BYTES = 12;
const BODY_HEADER_BYTES = 1 + 8 + 8 + HASH_BYTES + 2;
const SECTOR_BYTES = 512;

/** The fewest bytes that a record takes. */
export const RECORD_MIN_BYTES = HEADER_BYTES + BODY_HEADER_BYTES + HASH_BYTES;
/** The longest payload of a record, in bytes. Events name content by its root, so none comes near. */
const RECORD_PAYLOAD_MAX_BYTES = 16 * 1024 * 1024;
/** What record 1 has for the hash of the record before it. */
export const NO_PREVIOUS: Uint8Array = new Uint8Array(HASH_BYTES);

/** What a record says. */
export interface RecordBody {
  /** Position in the log, from 1. */
  readonly seq: number;
  /** When it was appended, in milliseconds since 1970. */
  readonly atMs: number;
  /** SHA-256 of the body of the record before, or {@link NO_PREVIOUS}. */
  readonly previous: Uint8Array;
  /**
   * How many records of the same append follow this one. A log whose last record has some left was cut off in the
   * middle of an append, and the whole append is taken back: that makes an append of several records atomic.
   */
  readonly remaining: number;
  /** The event, as UTF-8 JSON. */
  readonly payload: Uint8Array;
}

/** A record as it was found. */
export interface LogRecord extends RecordBody {
  readonly kind: 'record';
  /** SHA-256 of its body: the `previous` of the next one. */
  readonly bodyHash: Uint8Array;
  /** The record's own bytes, frame and MAC included (a view, not a copy). */
  readonly bytes: Uint8Array;
}

/** A record that a crash cut off at the end of a file. */
export interface TornRecord {
  readonly kind: 'torn';
}

/** Where a record must stand in the chain. */
export interface ChainPosition {
  readonly seq: number;
  readonly previous: Uint8Array;
}

/** Where a record must stand, as far as its reader knows. */
export type ExpectedPosition = Pick<ChainPosition, 'seq'> & Partial<ChainPosition>;

/** Bytes written together with the hash that the next record needs. */
export interface EncodedRecord {
  readonly bytes: Uint8Array;
  readonly bodyHash: Uint8Array;
}

/** The bytes of a record. RangeError if a field is out of range. */
export function encodeRecord(record: RecordBody, sealing: Sealing): EncodedRecord {
  if (record.seq < 1) throw new RangeError(`expected a seq from 1, got ${record.seq}`);
  if (record.payload.length > RECORD_PAYLOAD_MAX_BYTES) {
    throw new RangeError(
      `expected a payload of at most ${RECORD_PAYLOAD_MAX_BYTES} bytes, got ${record.payload.length}`,
    );
  }
  const body = new ByteWriter(BODY_HEADER_BYTES + record.payload.length)
    .u8(VERSION)
    .u64(record.seq)
    .u64(record.atMs)
    .fixed(record.previous, HASH_BYTES)
    .u16(record.remaining)
    .bytes(record.payload)
    .finish();
  const bytes = new ByteWriter(HEADER_BYTES + body.length + HASH_BYTES)
    .text(MAGIC)
    .u32(body.length)
    .u32(~body.length >>> 0)
    .bytes(body)
    .fixed(sealing.hashing.hmac(sealing.logKey, body), HASH_BYTES)
    .finish();
  return { bytes, bodyHash: sealing.hashing.sha256(body) };
}

/**
 * Reads the record at `offset` of `bytes`, which reach to the end of the file and begin at its offset `fileOffset`.
 *
 * Returns `torn` for a record that the end of the file cuts off, and for one whose MAC does not hold and whose bytes are
 * zero from the record's start, or from a sector's start within it, to the end of the file: that is what a file system
 * leaves that had lengthened the file and not yet written the data.
 * Throws RECORD_DAMAGED for a wrong frame, MAC or place in the chain, FORMAT_UNKNOWN for a later version.
 */
export function decodeRecord(
  bytes: Uint8Array,
  offset: number,
  sealing: Sealing,
  expected?: ExpectedPosition,
  fileOffset = 0,
): LogRecord | TornRecord {
  const frame = readFrameOrTorn(bytes, offset, sealing, fileOffset);
  if (frame.kind === 'torn') return frame;
  // its MAC holds, so it was written to its end: whatever else is wrong with it, it is not torn
  const reader = new ByteReader(frame.body, 'RECORD_DAMAGED', 'record');
  reader.version(VERSION);
  const record: LogRecord = {
    kind: 'record',
    seq: reader.u64(),
    atMs: reader.u64(),
    previous: reader.take(HASH_BYTES),
    remaining: reader.u16(),
    payload: reader.take(reader.remaining),
    bodyHash: sealing.hashing.sha256(frame.body),
    bytes: bytes.subarray(offset, frame.end),
  };
  if (record.seq === 0) throw reader.damaged('expected a seq from 1, got 0');
  if (expected !== undefined) checkChain(record, expected, offset);
  return record;
}

/** A body whose MAC holds, and where its record ends. */
interface Frame {
  readonly kind: 'frame';
  readonly body: Uint8Array;
  readonly end: number;
}

function readFrameOrTorn(
  bytes: Uint8Array,
  offset: number,
  sealing: Sealing,
  fileOffset: number,
): Frame | TornRecord {
  try {
    return readFrame(bytes, offset, sealing);
  } catch (error) {
    if (endsInZeros(bytes, offset, fileOffset)) return { kind: 'torn' };
    throw error;
  }
}

function readFrame(bytes: Uint8Array, offset: number, { hashing, logKey }: Sealing): Frame | TornRecord {
  const frame = new ByteReader(bytes, 'RECORD_DAMAGED', 'record', offset);
  frame.magic(MAGIC.slice(0, Math.min(MAGIC.length, frame.remaining)));
  if (frame.remaining < HEADER_BYTES - MAGIC.length) return { kind: 'torn' };
  const bodyLength = frame.u32();
  const complement = frame.u32();
  if (complement !== ~bodyLength >>> 0)
    throw frame.damaged('expected a length and its complement, got others');
  if (bodyLength < BODY_HEADER_BYTES || bodyLength > BODY_HEADER_BYTES + RECORD_PAYLOAD_MAX_BYTES) {
    throw frame.damaged(`expected a body of ${BODY_HEADER_BYTES} bytes or more, got ${bodyLength}`);
  }
  if (frame.remaining < bodyLength + HASH_BYTES) return { kind: 'torn' };
  const body = frame.take(bodyLength);
  const mac = frame.take(HASH_BYTES);
  if (!equalBytes(mac, hashing.hmac(logKey, body)))
    throw frame.damaged('expected the MAC of its body, got another');
  return { kind: 'frame', body, end: frame.offset };
}

function checkChain(record: LogRecord, expected: ExpectedPosition, offset: number): void {
  if (record.seq !== expected.seq) {
    throw new DeskPodError(
      'RECORD_DAMAGED',
      `record: at ${offset} bytes: expected seq ${expected.seq}, got ${record.seq}`,
      { details: { offset, expectedSeq: expected.seq, actualSeq: record.seq } },
    );
  }
  if (expected.previous !== undefined && !equalBytes(record.previous, expected.previous)) {
    throw new DeskPodError(
      'RECORD_DAMAGED',
      `record ${record.seq}: at ${offset} bytes: expected the hash of the record before, got another`,
      { details: { offset, seq: record.seq } },
    );
  }
}

function endsInZeros(bytes: Uint8Array, offset: number, fileOffset: number): boolean {
  let zerosFrom = bytes.length;
  while (zerosFrom > offset && bytes[zerosFrom - 1] === 0) zerosFrom--;
  if (zerosFrom === bytes.length) return false;
  if (zerosFrom === offset) return true;
  const sectorStart = Math.ceil((fileOffset + zerosFrom) / SECTOR_BYTES) * SECTOR_BYTES - fileOffset;
  return sectorStart < bytes.length;
}

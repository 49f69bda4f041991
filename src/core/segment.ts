// A segment: an immutable run of the log, as it is replicated.
import { ByteReader, ByteWriter } from './bytes.ts';
import { DeskPodError } from './errors.ts';
import type { Sealing } from './hashing.ts';
import { decodeRecord, type LogRecord, RECORD_MIN_BYTES } from './record.ts';

const MAGIC = 'DPS1';
const VERSION = 1;

/** The length of pod ids, device ids and file system ids, in bytes. */
export const ID_BYTES = 16;

/** Longer than any sealed segment that can be read, in bytes: whoever reads one has it in memory. */
export const SEALED_SEGMENT_MOST_BYTES = 2 ** 31;

/** Which log a record belongs to: one device writes one, in one epoch. */
export interface LogIdentity {
  readonly podId: Uint8Array;
  readonly epoch: number;
  readonly deviceId: Uint8Array;
}

/** A segment's records, verified, with the log they belong to. */
export interface Segment extends LogIdentity {
  readonly firstSeq: number;
  /** In order; never empty, and ends where an append ends. */
  readonly records: readonly LogRecord[];
}

/** The plaintext of a segment. RangeError if the records are none, have a gap, or end within an append. */
export function encodeSegment(identity: LogIdentity, records: readonly LogRecord[]): Uint8Array {
  const first = records[0];
  const last = records.at(-1);
  if (first === undefined || last === undefined) throw new RangeError('expected a record or more, got none');
  if (last.remaining !== 0)
    throw new RangeError(`expected to end with an append, got seq ${last.seq} within one`);
  const writer = new ByteWriter(64 + records.reduce((sum, record) => sum + record.bytes.length, 0))
    .text(MAGIC)
    .u8(VERSION)
    .fixed(identity.podId, ID_BYTES)
    .u32(identity.epoch)
    .fixed(identity.deviceId, ID_BYTES)
    .u64(first.seq)
    .u32(records.length);
  for (const [index, record] of records.entries()) {
    if (record.seq !== first.seq + index) {
      throw new RangeError(`expected seq ${first.seq + index}, got ${record.seq}`);
    }
    writer.bytes(record.bytes);
  }
  return writer.finish();
}

/**
 * Reads a segment and verifies every record and the chain between them; that its first record follows the one before
 * is for the caller to check. Throws SEGMENT_DAMAGED, RECORD_DAMAGED or FORMAT_UNKNOWN.
 */
export function decodeSegment(bytes: Uint8Array, sealing: Sealing): Segment {
  const reader = new ByteReader(bytes, 'SEGMENT_DAMAGED', 'segment');
  reader.magic(MAGIC);
  reader.version(VERSION);
  const podId = reader.take(ID_BYTES);
  const epoch = reader.u32();
  const deviceId = reader.take(ID_BYTES);
  const firstSeq = reader.u64();
  const recordCount = reader.count(reader.u32(), RECORD_MIN_BYTES);
  if (recordCount === 0) throw reader.damaged('expected a record or more, got none');
  const records: LogRecord[] = [];
  let previous: LogRecord | undefined;
  for (let index = 0; index < recordCount; index++) {
    const expected = previous && { seq: previous.seq + 1, previous: previous.bodyHash };
    const record = decodeRecord(bytes, reader.offset, sealing, expected);
    if (record.kind === 'torn') throw reader.damaged(`expected ${recordCount} records, got ${index}`);
    if (index === 0 && record.seq !== firstSeq) {
      throw new DeskPodError('SEGMENT_DAMAGED', `segment: expected seq ${firstSeq} first, got ${record.seq}`);
    }
    reader.take(record.bytes.length);
    records.push(record);
    previous = record;
  }
  reader.end();
  if (previous?.remaining !== 0)
    throw reader.damaged('expected to end with an append, got the middle of one');
  return { podId, epoch, deviceId, firstSeq, records };
}

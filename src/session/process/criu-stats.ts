// The statistics that CRIU leaves beside its images: a protobuf of a few numbers, read without a protobuf library.
import { readFile } from 'node:fs/promises';

/** Two magic numbers (common, stats), then the length of the message. */
const HEADER_BYTES = 12;

const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** Fields of StatsEntry and of its message about a dump, by CRIU's images/stats.proto. */
const DUMP_ENTRY = 1;
const DUMP_FROZEN_TIME = 2;
const DUMP_PAGES_WRITTEN = 7;

/** What a dump took. */
export interface DumpStats {
  /** How long the session stood still. */
  readonly pauseMs: number;
  readonly writtenPageCount: number;
}

/** Reads `stats-dump` in `dir`; `undefined` if CRIU did not get to writing it. */
export async function readDumpStats(dir: string): Promise<DumpStats | undefined> {
  const fields = await readStats(`${dir}/stats-dump`);
  if (fields === undefined) return undefined;
  return {
    pauseMs: (fields.get(DUMP_FROZEN_TIME) ?? 0) / 1000,
    writtenPageCount: fields.get(DUMP_PAGES_WRITTEN) ?? 0,
  };
}

async function readStats(path: string): Promise<ReadonlyMap<number, number> | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  if (bytes.length < HEADER_BYTES) return undefined;
  const message = bytes.subarray(HEADER_BYTES, HEADER_BYTES + bytes.readUInt32LE(8));
  for (const field of fieldsOf(message)) {
    if (field.number === DUMP_ENTRY && field.bytes !== undefined) {
      return new Map(fieldsOf(field.bytes).map(({ number, value }) => [number, value]));
    }
  }
  return undefined;
}

interface Field {
  readonly number: number;
  readonly value: number;
  readonly bytes: Uint8Array | undefined;
}

function fieldsOf(message: Uint8Array): readonly Field[] {
  const fields: Field[] = [];
  let offset = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; offset < message.length; scale *= 128) {
      const byte = message[offset++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (offset < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    if (tag % 8 === VARINT) fields.push({ number, value: varint(), bytes: undefined });
    else if (tag % 8 === LENGTH_DELIMITED) {
      const length = varint();
      fields.push({ number, value: 0, bytes: message.subarray(offset, offset + length) });
      offset += length;
    } else break; // CRIU's statistics have no other kinds
  }
  return fields;
}

// One file of a log: its name and the records in it.
import { readdir } from 'node:fs/promises';
import { DeskPodError } from '../../core/errors.ts';
import type { Sealing } from '../../core/hashing.ts';
import {
  type ChainPosition,
  decodeRecord,
  type ExpectedPosition,
  type LogRecord,
  NO_PREVIOUS,
} from '../../core/record.ts';
import { isSystemError } from '../repository/durable-file.ts';
import { readPlainFile } from '../repository/plain-file.ts';
import { unreadableError } from '../storage-failure.ts';

const NAME = /^(\d{12})\.log$/;

/** A file of a log. */
export interface LogFileName {
  readonly name: string;
  /** The seq of its first record. */
  readonly firstSeq: number;
}

/** What a file of a log holds. */
export interface LogFileContents {
  /** Those of whole appends. */
  readonly records: readonly LogRecord[];
  /** Where the record after them belongs. */
  readonly next: ChainPosition;
  /** Where they end, in bytes. */
  readonly wholeLength: number;
  readonly fileLength: number;
}

/** The name of the file whose first record is `firstSeq`. */
export function logFileName(firstSeq: number): string {
  return `${String(firstSeq).padStart(12, '0')}.log`;
}

/** The files of the log in `dir`, in order. Throws LOG_DAMAGED if there is no such folder. */
export async function listLogFiles(dir: string): Promise<LogFileName[]> {
  try {
    const names = (await readdir(dir)).filter((name) => NAME.test(name)).sort();
    return names.map((name) => ({ name, firstSeq: Number(name.slice(0, 12)) }));
  } catch (cause) {
    if (!isSystemError(cause, 'ENOENT')) throw cause;
    throw new DeskPodError('LOG_DAMAGED', `${dir}: expected a log, got nothing`, {
      details: { file: dir, offset: 0 },
      cause,
    });
  }
}

/**
 * Reads a file whose first record has `start.seq` and, where given, follows `start.previous`. In the last file of a log
 * (`mayBeTorn`) a torn record and an append without its end are left out; elsewhere they are LOG_DAMAGED.
 */
export async function readLogFile(
  path: string,
  sealing: Sealing,
  start: ExpectedPosition,
  mayBeTorn: boolean,
): Promise<LogFileContents> {
  const bytes = await readBytes(path);
  const records: LogRecord[] = [];
  let offset = 0;
  let whole = 0;
  while (offset < bytes.length) {
    const record = decodeAt(path, bytes, offset, sealing, start, records.at(-1));
    if (record.kind === 'torn') break;
    records.push(record);
    offset += record.bytes.length;
    if (record.remaining === 0) whole = records.length;
  }
  const complete = records.slice(0, whole);
  const wholeLength = complete.reduce((sum, record) => sum + record.bytes.length, 0);
  if (wholeLength < bytes.length && !mayBeTorn) {
    throw new DeskPodError(
      'LOG_DAMAGED',
      `${path}: at ${wholeLength} bytes: expected a whole append, got a part of one`,
      {
        details: { file: path, offset: wholeLength },
      },
    );
  }
  const last = complete.at(-1);
  const next = last
    ? { seq: last.seq + 1, previous: last.bodyHash }
    : { seq: start.seq, previous: start.previous ?? NO_PREVIOUS };
  return { records: complete, next, wholeLength, fileLength: bytes.length };
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readPlainFile({ path, code: 'LOG_DAMAGED', subject: path });
  } catch (error) {
    throw unreadableError(error, 'LOG_DAMAGED', path);
  }
}

function decodeAt(
  path: string,
  bytes: Uint8Array,
  offset: number,
  sealing: Sealing,
  start: ExpectedPosition,
  before: LogRecord | undefined,
) {
  const expected = before ? { seq: before.seq + 1, previous: before.bodyHash } : start;
  try {
    const record = decodeRecord(bytes, offset, sealing, expected);
    if (record.kind === 'torn' || before === undefined || before.remaining === 0) return record;
    if (record.remaining === before.remaining - 1) return record;
  } catch (cause) {
    if (!(cause instanceof DeskPodError) || cause.code !== 'RECORD_DAMAGED') throw cause;
    throw new DeskPodError('LOG_DAMAGED', `${path}: ${cause.message}`, {
      details: { file: path, offset },
      cause,
    });
  }
  throw new DeskPodError(
    'LOG_DAMAGED',
    `${path}: at ${offset} bytes: expected the next record of an append, got another`,
    {
      details: { file: path, offset },
    },
  );
}

// The append-only log of a device: files of records, each synced before its append is acknowledged.
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { Sealing } from '../../core/hashing.ts';
import { type ChainPosition, encodeRecord, type LogRecord, NO_PREVIOUS } from '../../core/record.ts';
import { makeFolder, syncFolder, writeFully } from '../repository/durable-file.ts';
import { storageError } from '../storage-failure.ts';
import { listLogFiles, logFileName, readLogFile } from './log-file.ts';

const FILE_BYTES = 4 * 1024 * 1024;
/** A record counts those that follow in its append in 16 bits. */
const APPEND_MAX = 65_536;

/** How a log is opened. */
export interface LogOptions extends Sealing {
  /** A file that has grown to this length is followed by a new one; 4 MiB without it. */
  readonly fileBytes?: number;
}

/** What was cut off a log when it was opened: the rest of an append that was never acknowledged. */
export interface TornTail {
  /** The path of the file. */
  readonly file: string;
  /** Where it ends now, in bytes. */
  readonly offset: number;
  readonly cutBytes: number;
}

/** What an append expects. */
export interface AppendOptions {
  /** The seq of the last record that the caller has seen: 0 for an empty log. */
  readonly expectedSeq: number;
  readonly atMs: number;
}

/** The file that is appended to. */
interface Tail {
  readonly path: string;
  readonly file: FileHandle;
  length: number;
}

/**
 * A log that is open for appending. One process has it open at a time; its owner sees to that.
 *
 * An append is atomic: each of its records says how many of the same append follow, and opening a log cuts off an
 * append of which some are missing. What was acknowledged is synced, and is never cut.
 */
export class Log {
  readonly dir: string;
  /** What opening it cut off, or undefined if it was whole. */
  readonly tornTail: TornTail | undefined;
  readonly #sealing: Sealing;
  readonly #fileBytes: number;
  #tail: Tail | undefined;
  #next: ChainPosition;
  #queue: Promise<unknown> = Promise.resolve();
  #failure: Error | undefined;

  private constructor(
    dir: string,
    options: LogOptions,
    next: ChainPosition,
    tail?: Tail,
    tornTail?: TornTail,
  ) {
    this.dir = dir;
    this.#sealing = options;
    this.#fileBytes = options.fileBytes ?? FILE_BYTES;
    this.#next = next;
    this.#tail = tail;
    this.tornTail = tornTail;
  }

  /** Makes an empty log in `dir`. Throws POD_EXISTS if there is one. The caller closes it. */
  static async create(dir: string, options: LogOptions): Promise<Log> {
    await makeFolder(dir);
    const [first] = await listLogFiles(dir);
    if (first !== undefined)
      throw new DeskPodError('POD_EXISTS', `${dir}: expected no log, got ${first.name}`);
    return new Log(dir, options, { seq: 1, previous: NO_PREVIOUS });
  }

  /**
   * Opens the log in `dir` and verifies every record. What a crash left of an append that was not acknowledged is cut
   * off, and reported as `tornTail`. Throws LOG_DAMAGED, which names the file and the offset, for anything else that is
   * not as it was written; FORMAT_UNKNOWN for a later version. The caller closes it.
   */
  static async open(dir: string, options: LogOptions): Promise<Log> {
    const files = await listLogFiles(dir);
    let next: ChainPosition = { seq: 1, previous: NO_PREVIOUS };
    let tail: Tail | undefined;
    let tornTail: TornTail | undefined;
    for (const [index, { name, firstSeq }] of files.entries()) {
      const path = join(dir, name);
      if (firstSeq !== next.seq) {
        throw new DeskPodError(
          'LOG_DAMAGED',
          `${path}: expected seq ${next.seq} next, got a file from ${firstSeq}`,
          {
            details: { file: path, offset: 0 },
          },
        );
      }
      const isLast = index === files.length - 1;
      const contents = await readLogFile(path, options, next, isLast);
      next = contents.next;
      if (!isLast) continue;
      tail = { path, file: await open(path, 'r+'), length: contents.wholeLength };
      if (contents.wholeLength < contents.fileLength) {
        tornTail = { file: path, offset: tail.length, cutBytes: contents.fileLength - tail.length };
        await cutOrClose(tail);
      }
    }
    return new Log(dir, options, next, tail, tornTail);
  }

  /** The seq of the last record; 0 if there is none. */
  get seq(): number {
    return this.#next.seq - 1;
  }

  /** SHA-256 of the body of the last record; 32 zero bytes if there is none. */
  get headHash(): Uint8Array {
    return this.#next.previous;
  }

  /**
   * Appends events, all or none. Resolves with their records once they are synced. Throws LOG_CONFLICT (with
   * `expectedSeq` and `actualSeq`) if the log has gone on, SPACE_EXHAUSTED with nothing appended; the next append may
   * succeed. If even taking back a failed append fails, this log refuses more until it is opened again.
   */
  append(payloads: readonly Uint8Array[], options: AppendOptions): Promise<LogRecord[]> {
    return this.#inTurn(() => this.#append(payloads, options));
  }

  /**
   * Takes over records of an earlier log of this pod, as a restore does. They must follow what is here. Throws
   * LOG_CONFLICT if they do not.
   */
  adopt(records: readonly LogRecord[]): Promise<void> {
    return this.#inTurn(async () => {
      for (const { seq, previous } of records.slice(0, 1)) this.#expect(seq - 1, previous);
      if ((records.at(-1)?.remaining ?? 0) !== 0)
        throw new RangeError('expected records to end with an append');
      await this.#write(records);
    });
  }

  /** The records from `fromSeq` to `toSeq`, both included, as far as they are there. Throws LOG_DAMAGED. */
  async read(fromSeq = 1, toSeq = this.seq): Promise<LogRecord[]> {
    const lastSeq = Math.min(toSeq, this.seq);
    const files = await listLogFiles(this.dir);
    const wanted: LogRecord[] = [];
    for (const [index, { name, firstSeq }] of files.entries()) {
      const following = files[index + 1]?.firstSeq;
      if (firstSeq > lastSeq) break;
      if (following !== undefined && following <= fromSeq) continue;
      // an append may be writing to the last file meanwhile: what it has not finished is beyond lastSeq
      const { records } = await readLogFile(join(this.dir, name), this.#sealing, { seq: firstSeq }, true);
      for (const record of records) if (record.seq >= fromSeq && record.seq <= lastSeq) wanted.push(record);
    }
    return wanted;
  }

  /** Waits for appends under way and closes the file. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#tail?.file.close();
      this.#tail = undefined;
      this.#failure ??= new Error(`${this.dir}: the log was closed`);
    });
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(act);
    // a failed turn is its caller's; the next one goes on
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async #append(payloads: readonly Uint8Array[], { expectedSeq, atMs }: AppendOptions): Promise<LogRecord[]> {
    this.#expect(expectedSeq);
    if (payloads.length > APPEND_MAX) {
      throw new RangeError(`expected at most ${APPEND_MAX} events in one append, got ${payloads.length}`);
    }
    const records: LogRecord[] = [];
    let next = this.#next;
    for (const [index, payload] of payloads.entries()) {
      const body = { ...next, atMs, remaining: payloads.length - 1 - index, payload };
      const { bytes, bodyHash } = encodeRecord(body, this.#sealing);
      records.push({ kind: 'record', ...body, bytes, bodyHash });
      next = { seq: next.seq + 1, previous: bodyHash };
    }
    await this.#write(records);
    return records;
  }

  #expect(expectedSeq: number, previous = this.#next.previous): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (expectedSeq === this.seq && Buffer.compare(previous, this.#next.previous) === 0) return;
    throw new DeskPodError(
      'LOG_CONFLICT',
      `${this.dir}: expected the log at seq ${expectedSeq}, got seq ${this.seq}`,
      {
        details: { expectedSeq, actualSeq: this.seq },
      },
    );
  }

  async #write(records: readonly LogRecord[]): Promise<void> {
    const last = records.at(-1);
    if (last === undefined) return;
    const tail = await this.#tailWithRoom();
    const bytes = Buffer.concat(records.map((record) => record.bytes));
    try {
      await writeFully(tail.file, bytes, tail.length);
      await tail.file.sync();
      tail.length += bytes.length;
      this.#next = { seq: last.seq + 1, previous: last.bodyHash };
    } catch (error) {
      await this.#takeBack(tail, error);
      throw storageError(error, tail.path);
    }
  }

  /** After this the file ends where the last acknowledged append ends, durably, or the log is out of use. */
  async #takeBack(tail: Tail, reason: unknown): Promise<void> {
    try {
      await cutTo(tail);
    } catch (error) {
      const cause = new AggregateError([reason, error]);
      const text = `${tail.path}: at ${tail.length} bytes: an append failed and could not be taken back`;
      this.#failure = new DeskPodError('LOG_DAMAGED', text, {
        hint: 'Check the drive, then open the pod again.',
        details: { file: tail.path, offset: tail.length },
        cause,
      });
      throw this.#failure;
    }
  }

  async #tailWithRoom(): Promise<Tail> {
    const present = this.#tail;
    if (present !== undefined && present.length < this.#fileBytes) return present;
    const path = join(this.dir, logFileName(this.#next.seq));
    const file = await createSynced(path, this.dir);
    await present?.file.close();
    this.#tail = { path, file, length: 0 };
    return this.#tail;
  }
}

async function createSynced(path: string, dir: string): Promise<FileHandle> {
  try {
    const file = await open(path, 'wx+', 0o600);
    try {
      await syncFolder(dir);
      return file;
    } catch (error) {
      await file.close();
      await rm(path, { force: true });
      throw error;
    }
  } catch (error) {
    throw isDeskPodError(error) ? error : storageError(error, path);
  }
}

/** Cuts a file that nobody owns yet: it is closed if that fails. */
async function cutOrClose(tail: Tail): Promise<void> {
  try {
    await cutTo(tail);
  } catch (error) {
    await tail.file.close();
    throw storageError(error, tail.path);
  }
}

async function cutTo({ file, length }: Tail): Promise<void> {
  await file.truncate(length);
  await file.sync();
}

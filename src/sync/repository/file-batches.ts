// Files on their way to the crew: small ones go together, long ones in parts, and never more than are soon read.
import { setImmediate } from 'node:timers';
import { STRETCH_BYTES } from '../../core/chunker.ts';
import { FILE_BATCH_BYTES } from '../workers/bench.ts';
import type { Hand } from '../workers/crew.ts';
import { encodeFileRun } from '../workers/file-runs.ts';
import { type CutFilesAnswer, type FileSource, UNREAD } from '../workers/messages.ts';

/** A message with more would take long to make and to take apart. */
const RUNS_MAX = 256;
/** Orders that a hand may have before it: enough that it never waits. */
const ORDERS_AHEAD = 2;

/** What became of the chunks of a batch. */
export interface DecidedFiles {
  readonly answer: CutFilesAnswer;
  /** One byte for each chunk: 1 if it is new. */
  readonly isNew: Uint8Array;
}

/** The chunks of one file. */
export interface FileChunks extends DecidedFiles {
  /** Which of the answer's chunks they are. */
  readonly from: number;
  readonly to: number;
}

/** Who does the work. */
export interface FileCrew {
  /** The hand for so many bytes. */
  hand(sizeBytes: number): Hand;
  /** Has runs of so many bytes read and cut, decides what is new of them, and has that kept. */
  work(hand: Hand, runs: Uint8Array, sizeBytes: number): Promise<DecidedFiles>;
  /** False while nothing more may be begun. */
  isOpen(): boolean;
  /** True if something is under way whose end {@link FileBatches.pump} is told of. */
  isAtWork(): boolean;
  /** How many stretches of a long file are read side by side. */
  readonly stretches: number;
  nextNumber(): number;
}

interface Batch {
  readonly runs: Uint8Array[];
  readonly files: { resolve(chunks: FileChunks | undefined): void; reject(error: unknown): void }[];
  sizeBytes: number;
}

/** The files of one sort of content. */
export class FileBatches {
  readonly #crew: FileCrew;
  #open: Batch | undefined;
  readonly #waiting: Batch[] = [];
  /** Those who have a part of a long file, and want to be told when a hand has less to do. */
  readonly #parts: (() => void)[] = [];
  #isDispatchDue = false;

  constructor(crew: FileCrew) {
    this.#crew = crew;
  }

  /** The chunks of a file, in order; undefined if it could not be read as what it must be. */
  async read(source: FileSource): Promise<FileChunks[] | undefined> {
    if (source.sizeBytes > FILE_BATCH_BYTES) return this.#readLong(source);
    const chunks = await this.#readWhole(source);
    return chunks === undefined ? undefined : [chunks];
  }

  /** Has everything begun that waits, as soon as that may be. */
  dispatch(): void {
    if (this.#open !== undefined) this.#waiting.push(this.#open);
    this.#open = undefined;
    this.pump();
  }

  /** Begins what may be begun by now. */
  pump(): void {
    while (this.#crew.isOpen()) {
      const batch = this.#waiting[0];
      if (batch === undefined) break;
      const hand = this.#crew.hand(batch.sizeBytes);
      if (this.#mustWait(hand, ORDERS_AHEAD)) return;
      this.#waiting.shift();
      this.#begin(hand, batch);
    }
    if (this.#open !== undefined) this.#dispatchSoon();
    for (const wake of this.#parts.splice(0)) wake();
  }

  /** Turns away those who wait. */
  fail(error: unknown): void {
    for (const { files } of this.#waiting.splice(0)) for (const { reject } of files) reject(error);
    for (const { reject } of this.#open?.files ?? []) reject(error);
    this.#open = undefined;
    for (const wake of this.#parts.splice(0)) wake();
  }

  #readWhole(source: FileSource): Promise<FileChunks | undefined> {
    const { sizeBytes } = source;
    if (this.#open !== undefined && this.#open.sizeBytes + sizeBytes > FILE_BATCH_BYTES) this.dispatch();
    this.#open ??= { runs: [], files: [], sizeBytes: 0 };
    const batch = this.#open;
    batch.sizeBytes += sizeBytes;
    const string = this.#crew.nextNumber();
    batch.runs.push(encodeFileRun({ string, offset: 0, length: sizeBytes, isLast: true }, source));
    const read = new Promise<FileChunks | undefined>((resolve, reject) =>
      batch.files.push({ resolve, reject }),
    );
    if (batch.runs.length >= RUNS_MAX) this.dispatch();
    else this.#dispatchSoon();
    return read;
  }

  /** Whoever is done with a stretch takes the next one, so that it is read from its start to its end, and few stretches at a time. */
  async #readLong(source: FileSource): Promise<FileChunks[] | undefined> {
    const { sizeBytes } = source;
    const parts: Promise<DecidedFiles>[][] = [];
    let next = 0;
    const readStretches = async (): Promise<void> => {
      while (next < sizeBytes) {
        const start = next;
        next += STRETCH_BYTES;
        const stretch: Promise<DecidedFiles>[] = [];
        parts.push(stretch);
        await this.#readStretch(source, start, Math.min(next, sizeBytes), stretch);
      }
    };
    await Promise.all(Array.from({ length: this.#crew.stretches }, readStretches));
    const decided = await Promise.all(parts.flat());
    if (decided.some(({ answer }) => answer.counts[0] === UNREAD)) return undefined;
    return decided.map((each) => ({ ...each, from: 0, to: each.isNew.length }));
  }

  /** Has the bytes from `start` to `end` begun, part by part, each as soon as that may be. */
  async #readStretch(
    source: FileSource,
    start: number,
    end: number,
    parts: Promise<DecidedFiles>[],
  ): Promise<void> {
    let hand = this.#crew.hand(end - start);
    const string = this.#crew.nextNumber();
    for (let offset = start; offset < end; offset += FILE_BATCH_BYTES) {
      while (!this.#crew.isOpen() || this.#mustWait(hand, ORDERS_AHEAD)) {
        await new Promise<void>((resolve) => this.#parts.push(resolve));
        // whoever is free by now: two stretches that came at the same time would go to one hand
        if (offset === start) hand = this.#crew.hand(end - start);
      }
      const length = Math.min(FILE_BATCH_BYTES, end - offset);
      const run = encodeFileRun({ string, offset, length, isLast: offset + length === end }, source);
      const part = this.#crew.work(hand, run, length);
      part.catch(ignoreUntilAwaited);
      parts.push(part);
    }
  }

  /** What waits goes to a hand as soon as one is idle; until then it grows. */
  #dispatchSoon(): void {
    if (this.#isDispatchDue) return;
    this.#isDispatchDue = true;
    setImmediate(() => {
      this.#isDispatchDue = false;
      if (this.#waiting.length > 0) return;
      if (!this.#mustWait(this.#crew.hand(this.#open?.sizeBytes ?? 0), 1)) this.dispatch();
    });
  }

  /** A hand may be busy with what others gave it, of whose end nobody tells: that is not waited for. */
  #mustWait(hand: Hand, ordersMax: number): boolean {
    return hand.busy >= ordersMax && this.#crew.isAtWork();
  }

  #begin(hand: Hand, { runs, files, sizeBytes }: Batch): void {
    this.#crew.work(hand, Buffer.concat(runs), sizeBytes).then(
      (decided) => {
        let from = 0;
        for (const [i, { resolve }] of files.entries()) {
          const count = decided.answer.counts[i] ?? UNREAD;
          resolve(count === UNREAD ? undefined : { ...decided, from, to: from + count });
          if (count !== UNREAD) from += count;
        }
      },
      (error: unknown) => {
        for (const { reject } of files) reject(error);
      },
    );
  }
}

function ignoreUntilAwaited(): void {
  // the whole file awaits its parts together, and gets the first failure
}

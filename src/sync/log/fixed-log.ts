// The log of a repository that is only looked into: its records, and no more of them.
import type { LogRecord } from '../../core/record.ts';
import type { Log } from './log.ts';

/** What a pod needs of a log. */
export type PodLog = Pick<Log, 'read' | 'append' | 'close'>;

/** A log in memory that takes no appends. */
export class FixedLog implements PodLog {
  readonly #records: readonly LogRecord[];
  readonly #refusal: () => Error;

  /** `records` are all from the first on; `refusal` is what an append throws. */
  constructor(records: readonly LogRecord[], refusal: () => Error) {
    this.#records = records;
    this.#refusal = refusal;
  }

  read(fromSeq = 1, toSeq = this.#records.length): Promise<LogRecord[]> {
    return Promise.resolve(this.#records.slice(Math.max(fromSeq - 1, 0), toSeq));
  }

  append(): Promise<never> {
    return Promise.reject(this.#refusal());
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

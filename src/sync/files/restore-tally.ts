// How far a restore is: what it has come by and written, told to whoever looks on.
import type { EntryKind } from '../../core/manifest.ts';
import type { RestoreOptions, RestoreResult } from './restore-request.ts';

/** Counts what a restore does. */
export class RestoreTally {
  readonly #options: Pick<RestoreOptions, 'totals' | 'onProgress'>;
  #files = 0;
  #directories = 0;
  #entries = 0;
  #bytes = 0;
  #writtenBytes = 0;

  constructor(options: Pick<RestoreOptions, 'totals' | 'onProgress'>) {
    this.#options = options;
  }

  /** Counts an entry that the walk has come to. */
  addEntry(kind: EntryKind): void {
    this.#entries++;
    if (kind === 'file') this.#files++;
    else if (kind === 'directory') this.#directories++;
  }

  /** Counts content that is in its place, whether it was written or there before. */
  addContent(sizeBytes: number): void {
    this.#bytes += sizeBytes;
    const { totals, onProgress } = this.#options;
    onProgress?.({
      step: 'writing files',
      doneFiles: this.#files,
      doneBytes: this.#bytes,
      ...(totals === undefined ? {} : { totalFiles: totals.files, totalBytes: totals.bytes }),
    });
  }

  /** Counts content that was written. */
  addWritten(sizeBytes: number): void {
    this.#writtenBytes += sizeBytes;
  }

  /** What it comes to. */
  counts(): Pick<RestoreResult, 'files' | 'directories' | 'entries' | 'bytes' | 'writtenBytes'> {
    return {
      files: this.#files,
      directories: this.#directories,
      entries: this.#entries,
      bytes: this.#bytes,
      writtenBytes: this.#writtenBytes,
    };
  }
}

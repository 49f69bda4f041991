// Has the drive work while a restore goes on: what was written so far is on its way, and the end waits for the rest only.
import { syncFileSystem } from '../posix/sync.ts';

/** So much is worth going over the file system for; a slow drive gets more at once, as one goes at a time. */
const STEP_BYTES = 64 * 1024 * 1024;

/** Syncs the file system of a folder ahead of the end. */
export class EarlySync {
  readonly #dir: Uint8Array | string;
  #unsyncedBytes = 0;
  #syncing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(dir: Uint8Array | string) {
    this.#dir = dir;
  }

  /** Notes that so much was written. */
  note(sizeBytes: number): void {
    this.#unsyncedBytes += sizeBytes;
    if (this.#unsyncedBytes < STEP_BYTES || this.#syncing !== undefined) return;
    this.#unsyncedBytes = 0;
    this.#syncing = syncFileSystem(this.#dir)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#syncing = undefined;
      });
  }

  /** Waits until none is under way, as after a failure. */
  async stop(): Promise<void> {
    await this.#syncing;
  }

  /** On its return everything is on the drive. Throws also what an earlier one met with: the system tells that once. */
  async finish(): Promise<void> {
    await this.#syncing;
    if (this.#failure !== undefined) throw this.#failure.error;
    await syncFileSystem(this.#dir);
  }
}

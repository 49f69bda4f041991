// The buffers in which bytes travel to the crew and back: a fixed number, so that whoever reads faster waits.

/** Long enough that a message costs little beside the work on it. */
const BUFFER_BYTES = 1024 * 1024;
const BUFFERS_MAX = 8;

/** Lends buffers. */
export class BufferPool {
  readonly #isOpen: () => boolean;
  readonly #free: Uint8Array[] = [];
  readonly #waiting: { resolve(buffer: Uint8Array): void; reject(error: unknown): void }[] = [];
  #made = 0;

  /** While `isOpen` says no, nobody gets one; {@link wake} asks again. */
  constructor(isOpen: () => boolean) {
    this.#isOpen = isOpen;
  }

  /** A buffer, as soon as there is one. */
  async take(): Promise<Uint8Array> {
    const free = this.#waiting.length === 0 && this.#isOpen() ? this.#next() : undefined;
    return free ?? new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Gives a buffer back, whichever thread it was on. */
  give(buffer: Uint8Array): void {
    this.#free.push(new Uint8Array(buffer.buffer));
    this.wake();
  }

  /** Serves those who wait, as far as there are buffers. */
  wake(): void {
    while (this.#waiting.length > 0 && this.#isOpen()) {
      const buffer = this.#next();
      if (buffer === undefined) return;
      this.#waiting.shift()?.resolve(buffer);
    }
  }

  /** Turns away those who wait: buffers may be lost with what failed. */
  fail(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  #next(): Uint8Array | undefined {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#made >= BUFFERS_MAX) return undefined;
    this.#made++;
    return new Uint8Array(BUFFER_BYTES);
  }
}

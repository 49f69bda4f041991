// Commands are started before a dump of their session or after it, never meanwhile: a dump knows all connections to let go of.

/** The gate of one session. */
export class DumpGate {
  readonly #starting = new Set<Promise<unknown>>();
  #dump: PromiseWithResolvers<void> | undefined;

  /** True while a dump is made. */
  get isClosed(): boolean {
    return this.#dump !== undefined;
  }

  /** Begins something that connects to the session, when no dump is made. */
  async start<Result>(begin: () => Promise<Result>): Promise<Result> {
    while (this.#dump !== undefined) await this.#dump.promise;
    const starting = begin();
    this.#starting.add(starting);
    try {
      return await starting;
    } finally {
      this.#starting.delete(starting);
    }
  }

  /** Nothing begins from now on; what has begun may take a while yet, see {@link settled}. */
  close(): void {
    this.#dump = Promise.withResolvers<void>();
  }

  /** When what had begun is connected, or has failed. Never rejects. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#starting);
  }

  open(): void {
    this.#dump?.resolve();
    this.#dump = undefined;
  }
}

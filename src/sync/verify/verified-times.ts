// When each object was last read and found whole. A projection: without it all count as never read, and nothing is lost.
import { rm } from 'node:fs/promises';
import { Level } from 'level';
import { isLocked } from '../repository/chunk-index.ts';
import { type ObjectId, objectLabel } from './damage.ts';

/** Remembers when objects were verified. The caller closes it. */
export class VerifiedTimes {
  readonly #level: Level<string, number>;
  readonly #times: Map<string, number>;

  private constructor(level: Level<string, number>, times: Map<string, number>) {
    this.#level = level;
    this.#times = times;
  }

  /** Opens it in `dir`. What LevelDB cannot read is wiped and begins empty. */
  static async open(dir: string): Promise<VerifiedTimes> {
    try {
      return await VerifiedTimes.#open(dir);
    } catch (error) {
      if (isLocked(error)) throw error;
      await rm(dir, { recursive: true, force: true });
      return VerifiedTimes.#open(dir);
    }
  }

  static async #open(dir: string): Promise<VerifiedTimes> {
    const level = new Level<string, number>(dir, { valueEncoding: 'json' });
    try {
      await level.open();
      const times = new Map<string, number>();
      for await (const [label, atMs] of level.iterator())
        if (Number.isSafeInteger(atMs)) times.set(label, atMs);
      return new VerifiedTimes(level, times);
    } catch (error) {
      await level.close();
      throw error;
    }
  }

  /** When an object was last found whole, in milliseconds since 1970; 0 if never. */
  atMs(id: ObjectId): number {
    return this.#times.get(objectLabel(id)) ?? 0;
  }

  /** Remembers that an object was found whole. */
  async note(id: ObjectId, atMs: number): Promise<void> {
    this.#times.set(objectLabel(id), atMs);
    await this.#level.put(objectLabel(id), atMs);
  }

  /** Forgets objects that are not among `present`, or were found damaged. */
  async keepOnly(present: ReadonlySet<string>): Promise<void> {
    for (const label of [...this.#times.keys()].filter((each) => !present.has(each))) {
      this.#times.delete(label);
      await this.#level.del(label);
    }
  }

  async close(): Promise<void> {
    await this.#level.close();
  }
}

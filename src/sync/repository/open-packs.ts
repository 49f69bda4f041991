// The packs that are open for reading: few at a time, none closed while it is read.
import { PackFile } from './pack-file.ts';
import type { Repository } from './repository.ts';

const OPEN_MAX = 16;

interface OpenPack {
  readonly file: Promise<PackFile>;
  userCount: number;
}

/** Opens packs as they are asked for and keeps the latest open. */
export class OpenPacks {
  readonly #repository: Repository;
  readonly #identity: string;
  readonly #packs = new Map<string, OpenPack>();

  constructor(repository: Repository, identity: string) {
    this.#repository = repository;
    this.#identity = identity;
  }

  /** Runs `act` on an open pack. Throws what {@link PackFile.open} and `act` throw. */
  async use<T>(name: string, act: (pack: PackFile) => Promise<T>): Promise<T> {
    const pack = this.#packs.get(name) ?? { file: this.#open(name), userCount: 0 };
    this.#packs.delete(name);
    this.#packs.set(name, pack);
    pack.userCount++;
    try {
      return await act(await pack.file);
    } catch (error) {
      // a pack that failed is opened anew the next time
      if (this.#packs.get(name) === pack) this.#packs.delete(name);
      throw error;
    } finally {
      pack.userCount--;
      await this.#closeIdle(name, pack);
    }
  }

  /** Closes what is open and not in use. */
  async close(): Promise<void> {
    const packs = [...this.#packs.values()];
    this.#packs.clear();
    for (const pack of packs) if (pack.userCount === 0) await closeQuietly(pack);
  }

  async #closeIdle(name: string, pack: OpenPack): Promise<void> {
    if (this.#packs.get(name) !== pack && pack.userCount === 0) await closeQuietly(pack);
    for (const [oldest, candidate] of this.#packs) {
      if (this.#packs.size <= OPEN_MAX) return;
      this.#packs.delete(oldest);
      if (candidate.userCount === 0) await closeQuietly(candidate);
    }
  }

  #open(name: string): Promise<PackFile> {
    return PackFile.open(this.#repository, name, this.#identity);
  }
}

/** A pack that could not be opened has nothing to close, and its user was told. */
async function closeQuietly({ file }: OpenPack): Promise<void> {
  const [opened] = await Promise.allSettled([file]);
  if (opened?.status === 'fulfilled') await opened.value.close();
}

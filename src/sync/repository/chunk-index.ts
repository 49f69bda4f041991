// Where each chunk lies. A projection of the packs' own indexes: losing it loses nothing.
import { rm } from 'node:fs/promises';
import { Level } from 'level';
import { fromHex, toHex } from '../../core/bytes.ts';
import { type Codec, encodePackIndex, PACK_INDEX_ENTRY_BYTES, type PackEntry } from '../../core/pack.ts';
import { ChunkTable } from './chunk-table.ts';

/** Where a chunk lies. */
export interface ChunkLocation {
  /** The name of the pack. */
  readonly pack: string;
  readonly offset: number;
  readonly storedLength: number;
  readonly plainLength: number;
  readonly codec: Codec;
}

/** Finds chunks. It knows the chunks of the packs that it reflects, and of no others. */
export interface ChunkIndex {
  /** Where a chunk lies, or undefined if no reflected pack is known to hold it. */
  locate(id: Uint8Array): ChunkLocation | undefined;
  /** True if {@link locate} would find it. */
  has(id: Uint8Array): boolean;
  /** The names of the packs that it reflects. */
  packs(): ReadonlySet<string>;
  /** How often something was forgotten since it was opened: as long as that stays, what it has it keeps. */
  readonly removals: number;
  /** How many chunks it says lie in each of the packs that it reflects. */
  countChunks(): Promise<ReadonlyMap<string, number>>;
  /** Takes in the index of a pack, which must be in the repository already. */
  addPack(pack: string, entries: readonly PackEntry[]): Promise<void>;
  /** The same, of the bytes of an index that was checked or made here. */
  addPackIndex(pack: string, index: Uint8Array): Promise<void>;
  /** Forgets a pack. A chunk that another pack holds too may be forgotten with it, until the next rebuild. */
  removePack(pack: string): Promise<void>;
  /** Forgets everything. */
  clear(): Promise<void>;
  /** Releases what it holds open. */
  close(): Promise<void>;
}

/** A {@link ChunkIndex} in memory. */
export class MemoryChunkIndex implements ChunkIndex {
  #table = new ChunkTable();
  /** By the number that the table knows them by. */
  #names: string[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #packs = new Set<string>();
  removals = 0;

  locate(id: Uint8Array): ChunkLocation | undefined {
    const place = this.#table.find(id);
    const pack = place === undefined ? undefined : this.#names[place.pack];
    if (place === undefined || pack === undefined || !this.#packs.has(pack)) return undefined;
    const { offset, storedLength, plainLength, isCompressed } = place;
    return { pack, offset, storedLength, plainLength, codec: isCompressed ? 'zstd' : 'raw' };
  }

  has(id: Uint8Array): boolean {
    const pack = this.#names[this.#table.packOf(id) ?? -1];
    return pack !== undefined && this.#packs.has(pack);
  }

  packs(): ReadonlySet<string> {
    return this.#packs;
  }

  countChunks(): Promise<ReadonlyMap<string, number>> {
    const counts = new Map([...this.#packs].map((pack) => [pack, 0]));
    for (const number of this.#table.packs()) {
      const pack = this.#names[number] ?? '';
      const count = counts.get(pack);
      // chunks of packs that are gone stay in the table, and count for nothing
      if (count !== undefined) counts.set(pack, count + 1);
    }
    return Promise.resolve(counts);
  }

  addPack(pack: string, entries: readonly PackEntry[]): Promise<void> {
    return this.addPackIndex(pack, encodePackIndex(entries));
  }

  addPackIndex(pack: string, index: Uint8Array): Promise<void> {
    let number = this.#numbers.get(pack);
    if (number === undefined) {
      number = this.#names.push(pack) - 1;
      this.#numbers.set(pack, number);
    }
    this.#table.addIndex(number, index);
    this.#packs.add(pack);
    return Promise.resolve();
  }

  removePack(pack: string): Promise<void> {
    this.#packs.delete(pack);
    this.removals++;
    return Promise.resolve();
  }

  clear(): Promise<void> {
    this.#table = new ChunkTable();
    this.#names = [];
    this.#numbers.clear();
    this.#packs.clear();
    this.removals++;
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Stands before the name of a pack, whose index is the value. */
const INDEX_PREFIX = 0x69;
const ENCODINGS = { keyEncoding: 'view', valueEncoding: 'view' } as const;

/**
 * A {@link ChunkIndex} in LevelDB: the packs' indexes one beside the other, read into memory when it is opened, as
 * looking up a million chunks one by one takes far longer. Nothing is synced: what a power cut takes is read from the
 * packs again.
 */
export class LevelChunkIndex implements ChunkIndex {
  readonly #level: Level<Uint8Array, Uint8Array>;
  readonly #memory = new MemoryChunkIndex();

  private constructor(level: Level<Uint8Array, Uint8Array>) {
    this.#level = level;
  }

  /** Opens the index in `dir`. One that LevelDB calls corrupt is wiped and begins empty. The caller closes it. */
  static async open(dir: string): Promise<LevelChunkIndex> {
    try {
      return await LevelChunkIndex.#open(dir);
    } catch (error) {
      if (isLocked(error)) throw error;
      await rm(dir, { recursive: true, force: true });
      return await LevelChunkIndex.#open(dir);
    }
  }

  static async #open(dir: string): Promise<LevelChunkIndex> {
    const level = new Level<Uint8Array, Uint8Array>(dir, ENCODINGS);
    try {
      await level.open();
      const index = new LevelChunkIndex(level);
      for await (const [key, value] of level.iterator()) {
        // what another version left, or damage: read from the packs again
        if (isPackIndex(key, value)) await index.#memory.addPackIndex(toHex(key.subarray(1)), value);
        else await level.del(key);
      }
      return index;
    } catch (error) {
      await level.close();
      throw error;
    }
  }

  locate(id: Uint8Array): ChunkLocation | undefined {
    return this.#memory.locate(id);
  }

  has(id: Uint8Array): boolean {
    return this.#memory.has(id);
  }

  packs(): ReadonlySet<string> {
    return this.#memory.packs();
  }

  get removals(): number {
    return this.#memory.removals;
  }

  countChunks(): Promise<ReadonlyMap<string, number>> {
    return this.#memory.countChunks();
  }

  addPack(pack: string, entries: readonly PackEntry[]): Promise<void> {
    return this.addPackIndex(pack, encodePackIndex(entries));
  }

  async addPackIndex(pack: string, index: Uint8Array): Promise<void> {
    await this.#level.put(keyOf(pack), index);
    await this.#memory.addPackIndex(pack, index);
  }

  async removePack(pack: string): Promise<void> {
    await this.#memory.removePack(pack);
    await this.#level.del(keyOf(pack));
  }

  async clear(): Promise<void> {
    await this.#memory.clear();
    await this.#level.clear();
  }

  async close(): Promise<void> {
    await this.#level.close();
  }
}

function keyOf(pack: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(INDEX_PREFIX), fromHex(pack)]);
}

function isPackIndex(key: Uint8Array, value: Uint8Array): boolean {
  if (key.length !== 33 || key[0] !== INDEX_PREFIX || value.length < 4) return false;
  const count = new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(0, true);
  return value.length === 4 + count * PACK_INDEX_ENTRY_BYTES;
}

/** True if another process, or this one, has the index open: no reason to wipe it. */
export function isLocked(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && cause.code === 'LEVEL_LOCKED') return true;
  }
  return false;
}

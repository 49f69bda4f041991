// Where each chunk lies. A projection of the packs' own indexes: losing it loses nothing.
import { rm } from 'node:fs/promises';
import { Level } from 'level';
import { fromHex, toHex } from '../../core/bytes.ts';
import type { Codec, PackEntry } from '../../core/pack.ts';

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
  /** The names of the packs that it reflects. */
  packs(): ReadonlySet<string>;
  /** Takes in the index of a pack, which must be in the repository already. */
  addPack(pack: string, entries: readonly PackEntry[]): Promise<void>;
  /** Forgets a pack. A chunk that another pack holds too may be forgotten with it, until the next rebuild. */
  removePack(pack: string): Promise<void>;
  /** Forgets everything. */
  clear(): Promise<void>;
  /** Releases what it holds open. */
  close(): Promise<void>;
}

/** A {@link ChunkIndex} in memory. */
export class MemoryChunkIndex implements ChunkIndex {
  readonly #locations = new Map<string, ChunkLocation>();
  readonly #packs = new Set<string>();

  locate(id: Uint8Array): ChunkLocation | undefined {
    const location = this.#locations.get(toHex(id));
    return location !== undefined && this.#packs.has(location.pack) ? location : undefined;
  }

  packs(): ReadonlySet<string> {
    return this.#packs;
  }

  addPack(pack: string, entries: readonly PackEntry[]): Promise<void> {
    for (const { id, offset, storedLength, plainLength, codec } of entries) {
      this.#locations.set(toHex(id), { pack, offset, storedLength, plainLength, codec });
    }
    this.#packs.add(pack);
    return Promise.resolve();
  }

  removePack(pack: string): Promise<void> {
    this.#packs.delete(pack);
    return Promise.resolve();
  }

  clear(): Promise<void> {
    this.#locations.clear();
    this.#packs.clear();
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const CHUNK_PREFIX = 0x63;
const PACK_PREFIX = 0x70;
const VALUE_BYTES = 32 + 4 + 4 + 4 + 1;
const ENCODINGS = { keyEncoding: 'view', valueEncoding: 'view' } as const;

/**
 * A {@link ChunkIndex} in LevelDB. Nothing is synced: what a power cut takes is read from the packs again. A pack's key
 * follows its chunks, and a chunk of a pack without a key counts as absent; a chunk that was lost in spite of its
 * pack's key is stored once more, or found when reading it makes `Content` rebuild the index.
 */
export class LevelChunkIndex implements ChunkIndex {
  readonly #level: Level<Uint8Array, Uint8Array>;
  readonly #packs: Set<string>;

  private constructor(level: Level<Uint8Array, Uint8Array>, packs: Set<string>) {
    this.#level = level;
    this.#packs = packs;
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
      const packs = new Set<string>();
      const range = { gte: Uint8Array.of(PACK_PREFIX), lt: Uint8Array.of(PACK_PREFIX + 1) };
      for await (const key of level.keys(range)) packs.add(toHex(key.subarray(1)));
      return new LevelChunkIndex(level, packs);
    } catch (error) {
      await level.close();
      throw error;
    }
  }

  locate(id: Uint8Array): ChunkLocation | undefined {
    const value = this.#level.getSync(prefixed(CHUNK_PREFIX, id));
    if (value === undefined || value.length !== VALUE_BYTES) return undefined;
    const pack = toHex(value.subarray(0, 32));
    if (!this.#packs.has(pack)) return undefined;
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    return {
      pack,
      offset: view.getUint32(32, true),
      storedLength: view.getUint32(36, true),
      plainLength: view.getUint32(40, true),
      codec: view.getUint8(44) === 1 ? 'zstd' : 'raw',
    };
  }

  packs(): ReadonlySet<string> {
    return this.#packs;
  }

  async addPack(pack: string, entries: readonly PackEntry[]): Promise<void> {
    const packBytes = fromHex(pack);
    const puts = entries.map((entry) => ({
      type: 'put' as const,
      key: prefixed(CHUNK_PREFIX, entry.id),
      value: encodeValue(packBytes, entry),
    }));
    await this.#level.batch(puts);
    await this.#level.put(prefixed(PACK_PREFIX, packBytes), new Uint8Array(0));
    this.#packs.add(pack);
  }

  async removePack(pack: string): Promise<void> {
    this.#packs.delete(pack);
    await this.#level.del(prefixed(PACK_PREFIX, fromHex(pack)));
  }

  async clear(): Promise<void> {
    this.#packs.clear();
    await this.#level.clear();
  }

  async close(): Promise<void> {
    await this.#level.close();
  }
}

function prefixed(prefix: number, bytes: Uint8Array): Uint8Array {
  const key = new Uint8Array(1 + bytes.length);
  key[0] = prefix;
  key.set(bytes, 1);
  return key;
}

function encodeValue(pack: Uint8Array, entry: PackEntry): Uint8Array {
  const value = new Uint8Array(VALUE_BYTES);
  const view = new DataView(value.buffer);
  value.set(pack);
  view.setUint32(32, entry.offset, true);
  view.setUint32(36, entry.storedLength, true);
  view.setUint32(40, entry.plainLength, true);
  view.setUint8(44, entry.codec === 'zstd' ? 1 : 0);
  return value;
}

/** True if another process, or this one, has the index open: no reason to wipe it. */
function isLocked(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && cause.code === 'LEVEL_LOCKED') return true;
  }
  return false;
}

// Puts chunks into packs: compressed, sealed, stored, and known to the chunk index.
import { promisify } from 'node:util';
import { constants, type ZstdOptions, zstdCompress, zstdCompressSync } from 'node:zlib';
import { CHUNK_MAX_BYTES, type Codec, PackBuilder, type PackEntry } from '../core/pack.ts';
import { seal } from './age.ts';
import type { ChunkIndex } from './chunk-index.ts';
import type { Repository } from './repository.ts';

const compressAsync = promisify<Uint8Array, ZstdOptions, Buffer>(zstdCompress);
const ZSTD: ZstdOptions = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };
/** Below this a trip to the thread pool costs more than the work. */
const SYNC_BYTES = 16 * 1024;
/** Compression must save a part of this size, or the chunk is stored raw and read without any work. */
const WORTHWHILE = 0.97;
/** How much plaintext may wait for compression before the producer waits. */
const WAITING_MAX_BYTES = 8 * 1024 * 1024;

/** A pack is stored when its plaintext reaches this length. */
export const PACK_TARGET_BYTES = 16 * 1024 * 1024;

/** Where packs go, and for whom they are sealed. */
export interface PackTarget {
  readonly repository: Repository;
  readonly index: ChunkIndex;
  /** The pod's recipient. */
  readonly recipient: string;
  /** Is told of the chunks of each pack once they are durable and in the index. */
  readonly onStored?: (entries: readonly PackEntry[]) => void;
}

/** A pack that was stored. */
export interface StoredPack {
  readonly name: string;
  readonly sizeBytes: number;
}

/** Collects chunks of one sort. An error of any step is thrown by the next call, and by every one after it. */
export class PackWriter {
  readonly #target: PackTarget;
  readonly #packBytes: number;
  #builder = new PackBuilder();
  #waitingBytes = 0;
  /** Compressed chunks enter the pack one after the other, in the order of `add`. */
  #tail: Promise<void> = Promise.resolve();
  #storing: Promise<void> = Promise.resolve();
  #stored: StoredPack[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(target: PackTarget, packBytes = PACK_TARGET_BYTES) {
    this.#target = target;
    this.#packBytes = packBytes;
  }

  /** Takes a chunk, whose bytes must not change afterwards. Resolves when there is room for the next one. */
  async add(id: Uint8Array, plain: Uint8Array): Promise<void> {
    this.#check();
    if (plain.length > CHUNK_MAX_BYTES) {
      throw new RangeError(`expected a chunk of at most ${CHUNK_MAX_BYTES} bytes, got ${plain.length}`);
    }
    this.#waitingBytes += plain.length;
    const compressed = compress(plain);
    this.#enqueue(async () => {
      const { stored, codec } = await compressed;
      this.#waitingBytes -= plain.length;
      this.#builder.add(id, stored, plain.length, codec);
      if (this.#builder.sizeBytes >= this.#packBytes) await this.#store();
    });
    while (this.#waitingBytes > WAITING_MAX_BYTES && this.#failure === undefined) await this.#tail;
    this.#check();
  }

  /** Stores what was taken. Returns the packs stored since the last flush; they are durable and in the index. */
  async flush(): Promise<StoredPack[]> {
    this.#enqueue(() => this.#store());
    await this.#tail;
    await this.#storing;
    this.#check();
    const stored = this.#stored;
    this.#stored = [];
    return stored;
  }

  #enqueue(step: () => Promise<void>): void {
    this.#tail = this.#tail.then(async () => {
      if (this.#failure !== undefined) return;
      try {
        await step();
      } catch (error) {
        this.#failure = { error };
      }
    });
  }

  /** Seals the pack and writes it while the next one fills; at most one is being written. */
  async #store(): Promise<void> {
    const builder = this.#builder;
    if (builder.entries.length === 0) return;
    this.#builder = new PackBuilder();
    await this.#storing;
    this.#check();
    const sealed = await seal(builder.finish(), { recipient: this.#target.recipient });
    this.#storing = this.#write(sealed, builder);
  }

  async #write(sealed: Uint8Array, { entries }: PackBuilder): Promise<void> {
    try {
      const { repository, index, onStored } = this.#target;
      const { name, sizeBytes } = await repository.putObject('packs', sealed);
      await index.addPack(name, entries);
      this.#stored.push({ name, sizeBytes });
      onStored?.(entries);
    } catch (error) {
      this.#failure = { error };
    }
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/** zstd on the thread pool, so that it shares the work with the chunker; raw if that saves next to nothing. */
async function compress(plain: Uint8Array): Promise<{ stored: Uint8Array; codec: Codec }> {
  const stored = plain.length < SYNC_BYTES ? zstdCompressSync(plain, ZSTD) : await compressAsync(plain, ZSTD);
  return stored.length < plain.length * WORTHWHILE
    ? { stored, codec: 'zstd' }
    : { stored: plain, codec: 'raw' };
}

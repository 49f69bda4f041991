// Puts chunks into packs: compressed, sealed, stored, and known to the chunk index.
import { promisify } from 'node:util';
import { constants, type ZstdOptions, zstdCompress, zstdCompressSync } from 'node:zlib';
import { CHUNK_MAX_BYTES, type Codec, PackBuilder, type PackEntry } from '../../core/pack.ts';
import { seal } from '../age/age.ts';
import type { ChunkIndex } from './chunk-index.ts';
import type { Repository } from './repository.ts';

const compressAsync = promisify<Uint8Array, ZstdOptions, Buffer>(zstdCompress);
/** Below this a trip to the thread pool costs more than the work. */
const SYNC_BYTES = 32 * 1024;
/** zstd's own bound on what input that does not compress grows by, and some more. */
const GROWTH_BYTES = 1024;
/** Compression must save a part of this size, or the chunk is stored raw and read without any work. */
const WORTHWHILE = 0.97;
/** How much plaintext may wait for compression before the producer waits. */
const WAITING_MAX_BYTES = 8 * 1024 * 1024;
const WAITING_MAX_COUNT = 256;

/** A pack is stored when its plaintext reaches this length. */
const PACK_TARGET_BYTES = 16 * 1024 * 1024;

/** Where packs go, and for whom they are sealed. */
export interface PackTarget {
  readonly repository: Repository;
  readonly index: ChunkIndex;
  /** The pod's recipient. */
  readonly recipient: string;
  /** Is told of the chunks of each pack once they are durable and in the index. */
  readonly onStored?: (entries: readonly PackEntry[]) => void;
}

/** How a writer packs. */
export interface PackOptions {
  /** The zstd level; 3 without it. */
  readonly level?: number;
  /** A pack is stored when its plaintext reaches this length; {@link PACK_TARGET_BYTES} without it. */
  readonly packBytes?: number;
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
  readonly #level: number;
  #builder = new PackBuilder();
  #waitingBytes = 0;
  /** Settle one after the other as the chunks that wait enter the pack. */
  readonly #entering: Promise<void>[] = [];
  /** Compressed chunks enter the pack one after the other, in the order of `add`. */
  #tail: Promise<void> = Promise.resolve();
  #storing: Promise<void> = Promise.resolve();
  #stored: StoredPack[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(target: PackTarget, options: PackOptions = {}) {
    this.#target = target;
    this.#packBytes = options.packBytes ?? PACK_TARGET_BYTES;
    this.#level = options.level ?? 3;
  }

  /** Takes a chunk, whose bytes must not change afterwards. Resolves when there is room for the next one. */
  async add(id: Uint8Array, plain: Uint8Array): Promise<void> {
    this.#check();
    if (plain.length > CHUNK_MAX_BYTES) {
      throw new RangeError(`expected a chunk of at most ${CHUNK_MAX_BYTES} bytes, got ${plain.length}`);
    }
    this.#waitingBytes += plain.length;
    const compressed = compress(plain, this.#level);
    // the step below awaits it, perhaps later than it fails
    compressed.catch(() => undefined);
    const entered = this.#enqueue(async () => {
      const { stored, codec } = await compressed;
      this.#waitingBytes -= plain.length;
      this.#builder.add(id, stored, plain.length, codec);
      if (this.#builder.sizeBytes >= this.#packBytes) await this.#store();
    });
    this.#entering.push(entered);
    while (this.#isCrowded() && this.#failure === undefined) await (this.#entering.shift() ?? this.#tail);
    this.#check();
  }

  /** Stores what was taken. Returns the packs stored since the last flush; they are durable and in the index. */
  async flush(): Promise<StoredPack[]> {
    await this.#enqueue(() => this.#store());
    await this.#storing;
    this.#entering.length = 0;
    this.#check();
    const stored = this.#stored;
    this.#stored = [];
    return stored;
  }

  #isCrowded(): boolean {
    return this.#waitingBytes > WAITING_MAX_BYTES || this.#entering.length > WAITING_MAX_COUNT;
  }

  #enqueue(step: () => Promise<void>): Promise<void> {
    this.#tail = this.#tail.then(async () => {
      if (this.#failure !== undefined) return;
      try {
        await step();
      } catch (error) {
        this.#failure = { error };
      }
    });
    return this.#tail;
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
async function compress(plain: Uint8Array, level: number): Promise<{ stored: Uint8Array; codec: Codec }> {
  const options: ZstdOptions = {
    params: { [constants.ZSTD_c_compressionLevel]: level },
    // one piece of output, and tables no larger than the input needs: twice as fast for small chunks
    chunkSize: plain.length + (plain.length >> 8) + GROWTH_BYTES,
    pledgedSrcSize: plain.length,
  };
  const stored =
    plain.length < SYNC_BYTES ? zstdCompressSync(plain, options) : await compressAsync(plain, options);
  if (stored.length >= plain.length * WORTHWHILE) return { stored: plain, codec: 'raw' };
  // the output may be a small part of a buffer as long as the input, which would be kept with it
  return {
    stored: stored.buffer.byteLength > 2 * stored.length ? new Uint8Array(stored) : stored,
    codec: 'zstd',
  };
}

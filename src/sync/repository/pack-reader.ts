// Reads chunks out of packs, and proves each by its id.
import { promisify } from 'node:util';
import { type ZstdOptions, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import { equalBytes, toHex } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import { hashing } from '../hashing.ts';
import type { ChunkIndex, ChunkLocation } from './chunk-index.ts';
import { OpenPacks } from './open-packs.ts';
import type { Repository } from './repository.ts';

const decompressAsync = promisify<Uint8Array, ZstdOptions, Buffer>(zstdDecompress);
/** Below this a trip to the thread pool costs more than the work. */
const SYNC_BYTES = 128 * 1024;
/** Small chunks are read with their neighbours: files are restored in about the order in which they were stored. */
const WINDOW_BYTES = 256 * 1024;
const WINDOWS_MAX = 16;

/** What reading needs. */
export interface PackSource {
  readonly repository: Repository;
  readonly index: ChunkIndex;
  /** The pod's identity. */
  readonly identity: string;
  readonly chunkIdKey: Uint8Array;
}

/** Reads chunks by id. The caller closes it. */
export class PackReader {
  readonly #source: PackSource;
  readonly #packs: OpenPacks;
  readonly #windows = new Map<string, Promise<Uint8Array>>();

  constructor(source: PackSource) {
    this.#source = source;
    this.#packs = new OpenPacks(source.repository, source.identity);
  }

  /**
   * The plaintext of a chunk. Throws CHUNK_MISSING if no pack that the index knows holds it, CHUNK_DAMAGED if its bytes
   * do not bear out its id, OBJECT_MISSING or OBJECT_DAMAGED for its pack.
   */
  async read(id: Uint8Array): Promise<Uint8Array> {
    const location = this.#source.index.locate(id);
    if (location === undefined) {
      throw new DeskPodError('CHUNK_MISSING', `chunk ${toHex(id)}: expected a pack that holds it, got none`, {
        details: { id: toHex(id) },
      });
    }
    const stored = await this.#stored(location);
    const plain = await decompress(id, stored, location);
    if (!equalBytes(hashing.hmac(this.#source.chunkIdKey, plain), id)) throw damaged(id, location, undefined);
    return plain;
  }

  /** Closes the packs that are open. */
  async close(): Promise<void> {
    this.#windows.clear();
    await this.#packs.close();
  }

  async #stored(location: ChunkLocation): Promise<Uint8Array> {
    const { offset, storedLength } = location;
    const window = Math.floor(offset / WINDOW_BYTES);
    const isWithin = offset + storedLength <= (window + 1) * WINDOW_BYTES;
    if (!isWithin || storedLength > WINDOW_BYTES / 4) {
      return await this.#packs.use(location.pack, (pack) => pack.read(offset, storedLength));
    }
    const bytes = await this.#window(location.pack, window);
    const start = offset - window * WINDOW_BYTES;
    if (start + storedLength > bytes.length) {
      throw new DeskPodError(
        'PACK_DAMAGED',
        `pack ${location.pack}: expected a chunk at ${offset}, got its end`,
      );
    }
    return bytes.subarray(start, start + storedLength);
  }

  #window(name: string, window: number): Promise<Uint8Array> {
    const from = window * WINDOW_BYTES;
    return remember(this.#windows, `${name}:${window}`, () =>
      this.#packs.use(name, (pack) =>
        pack.read(from, Math.min(WINDOW_BYTES, Math.max(0, pack.plainLength - from))),
      ),
    );
  }
}

/** The value of `key`, made if need be; the one that was used longest ago leaves when there are too many. */
function remember<T>(cache: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const made = cache.get(key) ?? make();
  cache.delete(key);
  cache.set(key, made);
  // a failure must be tried anew the next time; whoever asked is told of it through `made`
  made.catch(() => cache.delete(key));
  const [oldest] = cache.keys();
  if (cache.size > WINDOWS_MAX && oldest !== undefined) cache.delete(oldest);
  return made;
}

async function decompress(id: Uint8Array, stored: Uint8Array, location: ChunkLocation): Promise<Uint8Array> {
  if (location.codec === 'raw') return stored;
  // one piece of output; zlib takes none shorter than 64 bytes
  const options = {
    maxOutputLength: Math.max(1, location.plainLength),
    chunkSize: Math.max(64, location.plainLength),
  };
  try {
    const isSmall = location.plainLength < SYNC_BYTES;
    const plain = isSmall ? zstdDecompressSync(stored, options) : await decompressAsync(stored, options);
    return new Uint8Array(plain.buffer, plain.byteOffset, plain.length);
  } catch (cause) {
    throw damaged(id, location, cause);
  }
}

function damaged(id: Uint8Array, { pack, offset }: ChunkLocation, cause: unknown): DeskPodError {
  const text = `chunk ${toHex(id)}: pack ${pack} at ${offset} bytes: expected the bytes of its id, got others`;
  return new DeskPodError('CHUNK_DAMAGED', text, { details: { id: toHex(id), pack, offset }, cause });
}

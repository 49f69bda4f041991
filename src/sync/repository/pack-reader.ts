// Reads chunks out of packs, and proves each by its id.
import { setImmediate } from 'node:timers';
import { equalBytes, toHex } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import { encodePackIndex } from '../../core/pack.ts';
import type { FilePlace, MadeFile, PlacedChunk } from '../files/content-reader.ts';
import { hashing } from '../hashing.ts';
import { decompressInto } from '../workers/compression.ts';
import type { Crew } from '../workers/crew.ts';
import type { NewFile } from '../workers/new-files.ts';
import type { ChunkIndex, ChunkLocation } from './chunk-index.ts';
import { runsOf } from './chunk-runs.ts';
import { FileMaking } from './file-making.ts';
import { OpenPacks } from './open-packs.ts';
import type { Repository } from './repository.ts';

/** Below this, threads are not worth starting: manifests are read here, a few chunks at a time. */
const READ_THREAD_BYTES = 2 * 1024 * 1024;
/** The same of files that are written: many more will follow. */
const PLACE_THREAD_BYTES = 512 * 1024;
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
  readonly crew: Crew;
}

/** A chunk that somebody waits for. */
interface Wanted {
  readonly id: Uint8Array;
  readonly location: ChunkLocation;
  resolve(plain: Uint8Array): void;
  reject(error: unknown): void;
}

/** A chunk that is to be written to a file. */
interface Placing {
  readonly id: Uint8Array;
  readonly location: ChunkLocation;
  readonly place: FilePlace;
  resolve(isPlaced: boolean): void;
}

/** Reads chunks by id. The caller closes it. */
export class PackReader {
  readonly #source: PackSource;
  readonly #packs: OpenPacks;
  readonly #windows = new Map<string, Promise<Uint8Array>>();
  /** Asked for since the event loop last came round; read together, in the order in which the packs hold them. */
  #wanted: Wanted[] = [];
  /** The same of chunks that go to files. */
  #placing: Placing[] = [];
  readonly #making: FileMaking;
  #number = 0;

  constructor(source: PackSource) {
    this.#source = source;
    this.#packs = new OpenPacks(source.repository, source.identity);
    this.#making = new FileMaking(source.crew, this.#packs);
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
    return new Promise((resolve, reject) => {
      if (this.#wanted.length === 0) setImmediate(() => this.#readWanted());
      this.#wanted.push({ id, location, resolve, reject });
    });
  }

  /** Has a chunk written to a file by a thread, as `ContentReader` says it. */
  place(id: Uint8Array, place: FilePlace): PlacedChunk | undefined {
    const location = this.#source.index.locate(id);
    if (location === undefined || location.plainLength > place.maxBytes) return undefined;
    const isPlaced = new Promise<boolean>((resolve) => {
      if (this.#placing.length === 0) setImmediate(() => this.#placeAll());
      this.#placing.push({ id, location, place, resolve });
    });
    return { sizeBytes: location.plainLength, isPlaced };
  }

  /** Has a file made of a chunk by a thread, as `ContentReader` says it. */
  makeFile(id: Uint8Array, sizeBytes: number, file: NewFile): Promise<MadeFile> | undefined {
    const location = this.#source.index.locate(id);
    return location?.plainLength === sizeBytes ? this.#making.add(id, location, file) : undefined;
  }

  #placeAll(): void {
    const placing = this.#placing;
    this.#placing = [];
    if (this.#isLittle(placing, PLACE_THREAD_BYTES)) for (const { resolve } of placing) resolve(false);
    else for (const run of runsOf(placing)) void this.#placeRun(run);
  }

  async #placeRun(run: readonly Placing[]): Promise<void> {
    const pack = run[0]?.location.pack ?? '';
    const chunks = encodePackIndex(run.map(({ id, location }) => ({ ...location, id })));
    const places = Float64Array.from(
      run.flatMap(({ place: { fd, position, isSparse } }) => [fd, position, isSparse ? 1 : 0]),
    );
    const number = ++this.#number;
    let isPlaced = false;
    try {
      const answer = await this.#packs.use(pack, (file) =>
        this.#source.crew.thread().ask({ type: 'place', number, ...file.shared, chunks, places }),
      );
      isPlaced = answer.isPlaced;
    } catch {
      // what the matter is shows when each of them is read
    }
    for (const { resolve } of run) resolve(isPlaced);
  }

  #isLittle(chunks: readonly { readonly location: ChunkLocation }[], threadBytes: number): boolean {
    const sizeBytes = chunks.reduce((sum, { location }) => sum + location.plainLength, 0);
    return !this.#source.crew.isStarted && sizeBytes < threadBytes;
  }

  #readWanted(): void {
    const wanted = this.#wanted;
    this.#wanted = [];
    if (this.#isLittle(wanted, READ_THREAD_BYTES)) {
      for (const one of wanted) this.#readAlone(one.id, one.location).then(one.resolve, one.reject);
      return;
    }
    for (const run of runsOf(wanted)) {
      this.#readRun(run).catch((error: unknown) => {
        for (const { reject } of run) reject(error);
      });
    }
  }

  /** Reads neighbours on a thread; if anything is wrong with one, each of them here, where it is named. */
  async #readRun(run: readonly Wanted[]): Promise<void> {
    const pack = run[0]?.location.pack ?? '';
    const chunks = encodePackIndex(run.map(({ id, location }) => ({ ...location, id })));
    const number = ++this.#number;
    let plain: Uint8Array | undefined;
    try {
      const answer = await this.#packs.use(pack, (file) =>
        this.#source.crew.thread().ask({ type: 'read', number, ...file.shared, chunks }),
      );
      plain = answer.plain;
    } catch {
      plain = undefined; // what the matter is shows below
    }
    let at = 0;
    for (const { id, location, resolve, reject } of run) {
      const end = at + location.plainLength;
      if (plain === undefined) this.#readAlone(id, location).then(resolve, reject);
      else resolve(plain.subarray(at, end));
      at = end;
    }
  }

  async #readAlone(id: Uint8Array, location: ChunkLocation): Promise<Uint8Array> {
    const stored = await this.#stored(location);
    const plain = decompress(id, stored, location);
    if (!equalBytes(hashing.hmac(this.#source.chunkIdKey, plain), id)) throw damaged(id, location);
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

function decompress(id: Uint8Array, stored: Uint8Array, location: ChunkLocation): Uint8Array {
  if (location.codec === 'raw') return stored;
  const plain = new Uint8Array(location.plainLength);
  if (!decompressInto(plain, stored)) throw damaged(id, location);
  return plain;
}

function damaged(id: Uint8Array, { pack, offset }: ChunkLocation): DeskPodError {
  const text = `chunk ${toHex(id)}: pack ${pack} at ${offset} bytes: expected the bytes of its id, got others`;
  return new DeskPodError('CHUNK_DAMAGED', text, { details: { id: toHex(id), pack, offset } });
}

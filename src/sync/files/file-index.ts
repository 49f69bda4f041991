// The file index: what the last capture knew about each file, so that unchanged files are not read again.
import { rm } from 'node:fs/promises';
import { Level } from 'level';
import { ByteReader, ByteWriter } from '../../core/bytes.ts';
import { isDeskPodError } from '../../core/errors.ts';
import { HASH_BYTES } from '../../core/hashing.ts';

/** By what a file is taken for unchanged. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  /** Changes with content, mode, owner, name and extended attributes, and no program can set it. */
  readonly ctimeNs: bigint;
}

/** What is remembered of a file. */
interface KnownFile extends FileIdentity {
  readonly isSparse: boolean;
  readonly chunkIds: readonly Uint8Array[];
}

/** Remembers files from one capture to the next. Only a cache: losing it costs reading, never data. */
export interface FileIndex {
  /** Starts a capture. `startedAtMs` is when the scan starts, by the clock that stamps the files. One at a time. */
  begin(startedAtMs: number): Promise<FileIndexRun>;
  /** Forgets everything; needed when chunks were removed from the repository. */
  clear(): Promise<void>;
}

/** The file index during one capture. */
export interface FileIndexRun {
  /** The file under this path if it is still the one that was remembered. Paths must come in the manifest's order. */
  find(path: Uint8Array, now: FileIdentity): KnownFile | undefined | Promise<KnownFile | undefined>;
  /** Notes a file that was read; see {@link RACY_MARGIN_MS} for what is not kept. */
  remember(path: Uint8Array, file: KnownFile): void | Promise<void>;
  /** Makes what was remembered count. To be called once its chunks are durable, or they might be missing later. */
  settle(): Promise<void>;
  /** Ends a capture that came to nothing: what it remembered never counts. */
  abandon(): Promise<void>;
}

/**
 * A file whose inode changed less than this before the scan began is not remembered, but read again next time. File
 * systems stamp times in ticks (ext4: up to 10 ms, FAT: 2 s): a file written, read by the scan and written again within
 * one tick would have the same size and the same times with another content.
 */
export const RACY_MARGIN_MS = 2500;

const VERSION = 1;
const SLASH = 0x2f;
const BATCH_FILES = 1000;
const META_KEY = 'runs';

interface Runs {
  /** The number of the latest capture. */
  readonly last: number;
  /** Captures that began and never settled: nothing that carries their number counts. */
  readonly open: readonly number[];
}

type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

/** How a {@link LevelFileIndex} compares. */
export interface FileIndexOptions {
  /**
   * True where the index lies on the same file system as the files: then device numbers, which differ at every mount,
   * need not be equal.
   */
  readonly ignoresDev?: boolean;
}

/** The file index of one tree, in a Level database that other indexes may share. */
export class LevelFileIndex implements FileIndex {
  readonly #db: Level<string, string>;
  readonly #name: string;
  readonly #ignoresDev: boolean;

  /** `name` tells trees apart; the caller opens and closes `db`. */
  constructor(db: Level<string, string>, name: string, options: FileIndexOptions = {}) {
    this.#db = db;
    this.#name = name;
    this.#ignoresDev = options.ignoresDev ?? false;
  }

  /** Opens an index with a database of its own in `dir`; one that LevelDB can not read begins empty. Ends by {@link close}. */
  static async open(dir: string, options: FileIndexOptions = {}): Promise<LevelFileIndex> {
    try {
      return new LevelFileIndex(await openLevel(dir), 'tree', options);
    } catch (error) {
      if (isLocked(error)) throw error;
      await rm(dir, { recursive: true, force: true });
      return new LevelFileIndex(await openLevel(dir), 'tree', options);
    }
  }

  /** Closes the database; for an index that has it to itself. */
  async close(): Promise<void> {
    await this.#db.close();
  }

  begin(startedAtMs: number): Promise<FileIndexRun> {
    return this.#begin(startedAtMs, true);
  }

  /** Like {@link begin}, for a capture of some files: they come in any order, and nothing is forgotten of the others. */
  beginPart(startedAtMs: number): Promise<FileIndexRun> {
    return this.#begin(startedAtMs, false);
  }

  async #begin(startedAtMs: number, isWhole: boolean): Promise<FileIndexRun> {
    const meta = metaOf(this.#db, this.#name);
    const stored = await meta.get(META_KEY);
    const runs: Runs = stored === undefined ? { last: 0, open: [] } : parseRuns(stored);
    const newestNs = BigInt(Math.floor(startedAtMs) - RACY_MARGIN_MS) * 1_000_000n;
    return new LevelFileIndexRun({
      files: filesOf(this.#db, this.#name),
      // durable before anything that carries the number
      saveRuns: (next) =>
        this.#db.batch([{ type: 'put', sublevel: meta, key: META_KEY, value: JSON.stringify(next) }], {
          sync: true,
        }),
      runs,
      newestNs,
      ignoresDev: this.#ignoresDev,
      isWhole,
    });
  }

  async clear(): Promise<void> {
    await filesOf(this.#db, this.#name).clear();
  }
}

async function openLevel(dir: string): Promise<Level<string, string>> {
  const level = new Level<string, string>(dir);
  try {
    await level.open();
    return level;
  } catch (error) {
    await level.close();
    throw error;
  }
}

function isLocked(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_LOCKED';
}

function filesOf(db: Level<string, string>, name: string) {
  return db.sublevel<Uint8Array, Uint8Array>([name, 'files'], { keyEncoding: 'view', valueEncoding: 'view' });
}

function metaOf(db: Level<string, string>, name: string) {
  return db.sublevel<string, string>([name, 'meta'], { keyEncoding: 'utf8', valueEncoding: 'utf8' });
}

interface RunParts {
  readonly files: ReturnType<typeof filesOf>;
  readonly saveRuns: (runs: Runs) => Promise<void>;
  readonly runs: Runs;
  readonly newestNs: bigint;
  readonly ignoresDev: boolean;
  /** True if all files come, in order. */
  readonly isWhole: boolean;
}

/** Walks the stored files beside the scan, both in the same order: one pass, in bounded memory. */
class LevelFileIndexRun implements FileIndexRun {
  readonly #parts: RunParts;
  readonly #generation: number;
  readonly #iterator;
  #ahead: [Uint8Array, Uint8Array][] = [];
  #next = 0;
  #isExhausted = false;
  #operations: Operation[] = [];
  #isMarkedOpen = false;

  constructor(parts: RunParts) {
    this.#parts = parts;
    this.#generation = parts.runs.last + 1;
    this.#iterator = parts.files.iterator();
  }

  find(path: Uint8Array, now: FileIdentity): KnownFile | undefined | Promise<KnownFile | undefined> {
    const key = keyOf(path);
    if (!this.#parts.isWhole) return this.#parts.files.get(key).then((value) => this.#trust(value, now));
    const found = this.#seek(key);
    return found === 'more' ? this.#findLater(key, now) : this.#trust(found, now);
  }

  remember(path: Uint8Array, file: KnownFile): void | Promise<void> {
    const key = keyOf(path);
    const isRacy = file.ctimeNs > this.#parts.newestNs || file.mtimeNs > this.#parts.newestNs;
    this.#operations.push(
      isRacy ? { type: 'del', key } : { type: 'put', key, value: encode(this.#generation, file) },
    );
    return this.#operations.length >= BATCH_FILES ? this.#flush() : undefined;
  }

  async settle(): Promise<void> {
    const { isWhole, runs } = this.#parts;
    // what the scan did not come to is gone
    while (isWhole && (this.#next < this.#ahead.length || (await this.#fill()))) {
      for (const [key] of this.#ahead.slice(this.#next)) this.#operations.push({ type: 'del', key });
      this.#next = this.#ahead.length;
    }
    await this.#iterator.close();
    await this.#flush();
    // a whole scan has replaced or removed all that unsettled captures left behind
    const open = isWhole ? [] : runs.open;
    if (this.#isMarkedOpen) await this.#parts.saveRuns({ last: this.#generation, open });
  }

  async abandon(): Promise<void> {
    this.#operations = [];
    await this.#iterator.close();
  }

  async #findLater(key: Uint8Array, now: FileIdentity): Promise<KnownFile | undefined> {
    let found = this.#seek(key);
    while (found === 'more') {
      await this.#fill();
      found = this.#seek(key);
    }
    return this.#trust(found, now);
  }

  /** The value under `key`; 'more' if that can only be said after reading on. */
  #seek(key: Uint8Array): Uint8Array | undefined | 'more' {
    for (; this.#next < this.#ahead.length; this.#next++) {
      const pair = this.#ahead[this.#next];
      const order = pair === undefined ? 1 : Buffer.compare(pair[0], key);
      if (order > 0) return undefined;
      if (order === 0) {
        this.#next++;
        return pair?.[1];
      }
      if (pair !== undefined) this.#operations.push({ type: 'del', key: pair[0] });
    }
    return this.#isExhausted ? undefined : 'more';
  }

  async #fill(): Promise<boolean> {
    if (this.#isExhausted) return false;
    this.#ahead = await this.#iterator.nextv(BATCH_FILES);
    this.#next = 0;
    this.#isExhausted = this.#ahead.length === 0;
    return !this.#isExhausted;
  }

  #trust(value: Uint8Array | undefined, now: FileIdentity): KnownFile | undefined {
    const stored = value === undefined ? undefined : decode(value);
    if (stored === undefined || this.#parts.runs.open.includes(stored.generation)) return undefined;
    const { file } = stored;
    const isSame =
      (this.#parts.ignoresDev || file.dev === now.dev) &&
      file.ino === now.ino &&
      file.sizeBytes === now.sizeBytes &&
      file.mtimeNs === now.mtimeNs &&
      file.ctimeNs === now.ctimeNs;
    return isSame ? file : undefined;
  }

  async #flush(): Promise<void> {
    const operations = this.#operations;
    if (operations.length === 0) return;
    this.#operations = [];
    if (!this.#isMarkedOpen) {
      this.#isMarkedOpen = true;
      const { last, open } = this.#parts.runs;
      await this.#parts.saveRuns({
        last: Math.max(last, this.#generation),
        open: [...open, this.#generation],
      });
    }
    await this.#parts.files.batch(operations);
  }
}

/** With NUL for the slash, which no name can hold, byte order is the manifest's order. */
function keyOf(path: Uint8Array): Uint8Array {
  return path.map((byte) => (byte === SLASH ? 0 : byte));
}

function encode(generation: number, file: KnownFile): Uint8Array {
  const writer = new ByteWriter(64 + file.chunkIds.length * HASH_BYTES)
    .u8(VERSION)
    .u32(generation)
    .i64(BigInt.asIntN(64, file.dev))
    .i64(BigInt.asIntN(64, file.ino))
    .u64(file.sizeBytes)
    .i64(file.mtimeNs)
    .i64(file.ctimeNs)
    .u8(file.isSparse ? 1 : 0)
    .varint(file.chunkIds.length);
  for (const id of file.chunkIds) writer.fixed(id, HASH_BYTES);
  return writer.finish();
}

/** Undefined for what can not be decoded: the file is then read again. */
function decode(value: Uint8Array): { readonly generation: number; readonly file: KnownFile } | undefined {
  try {
    const reader = new ByteReader(value, 'OBJECT_DAMAGED', 'file index');
    if (reader.u8() !== VERSION) return undefined;
    const generation = reader.u32();
    const dev = BigInt.asUintN(64, reader.i64());
    const ino = BigInt.asUintN(64, reader.i64());
    const sizeBytes = reader.u64();
    const mtimeNs = reader.i64();
    const ctimeNs = reader.i64();
    const isSparse = reader.u8() === 1;
    const chunkIds: Uint8Array[] = [];
    const count = reader.count(reader.varint(), HASH_BYTES);
    for (let i = 0; i < count; i++) chunkIds.push(reader.take(HASH_BYTES));
    reader.end();
    return { generation, file: { dev, ino, sizeBytes, mtimeNs, ctimeNs, isSparse, chunkIds } };
  } catch (error) {
    if (isDeskPodError(error)) return undefined;
    throw error;
  }
}

function parseRuns(stored: string): Runs {
  const runs: unknown = JSON.parse(stored);
  if (typeof runs === 'object' && runs !== null && 'last' in runs && 'open' in runs) {
    const { last, open } = runs;
    if (typeof last === 'number' && Array.isArray(open)) return { last, open: open.map(Number) };
  }
  throw new TypeError(`expected the runs of a file index, got ${stored}`);
}

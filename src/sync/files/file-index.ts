// The file index: what the last capture knew about each path, so that what has not changed is not looked at twice.
import { rm } from 'node:fs/promises';
import { Level } from 'level';
import type { EncodedEntry } from '../../core/encoded-entry.ts';
import { blocksOf, type RunParts, type Runs } from './index-run.ts';
import { PartIndexRun } from './part-index-run.ts';
import { WholeIndexRun } from './whole-index-run.ts';

/** Remembers paths from one capture to the next. Only a cache: losing it costs reading, never data. */
export interface FileIndex {
  /** Starts a capture of everything. `startedAtMs` is when it starts, by the clock that stamps the files. One at a time. */
  begin(startedAtMs: number): Promise<FileIndexRun>;
  /** Forgets everything; needed when chunks were removed from the repository. */
  clear(): Promise<void>;
}

/** The file index during one capture. */
export interface FileIndexRun {
  /**
   * The entry that was remembered of a path, if its inode still has the same stamp, and so the same content and metadata.
   * Of a hardlink group it has the content, and no number. In a capture of everything, paths must come in the manifest's
   * order.
   */
  find(path: Uint8Array, stamp: Uint8Array): EncodedEntry | undefined | Promise<EncodedEntry | undefined>;
  /**
   * Notes an entry whose inode had this stamp; see {@link RACY_MARGIN_MS} for what is not kept. In a capture of everything
   * all that are to be known come, those that were found too, in the manifest's order.
   */
  remember(stamp: Uint8Array, entry: EncodedEntry): void | Promise<void>;
  /**
   * Forgets a path and all below it, but for what this capture finds or remembers there. In a capture of some paths only:
   * one of everything forgets what it does not come to.
   */
  replace?(path: Uint8Array): void;
  /**
   * True if an entry that was found just now is so in the last checkpoint that nobody doubts; others may be, too. Known
   * in a capture of everything only.
   */
  isOfCheckpoint?(entry: EncodedEntry): boolean;
  /**
   * Makes what was remembered count. To be called once its chunks are durable, or they might be missing later.
   * `isOfCheckpoint` if a checkpoint that nobody doubts has been sealed with all that was found.
   */
  settle(isOfCheckpoint?: boolean): Promise<void>;
  /** Ends a capture that came to nothing: what it remembered never counts. */
  abandon(): Promise<void>;
}

/**
 * A file whose inode changed less than this before the scan began is not remembered, but read again next time. File
 * systems stamp times in ticks (ext4: up to 10 ms, FAT: 2 s): a file written, read by the scan and written again within
 * one tick would have the same size and the same times with another content.
 */
export const RACY_MARGIN_MS = 2500;

const META_KEY = 'runs';

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
  #run: WholeIndexRun | undefined;

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

  async begin(startedAtMs: number): Promise<FileIndexRun> {
    // one that was never ended, as what came after its capture failed, holds a snapshot of the database
    await this.#run?.abandon();
    this.#run = new WholeIndexRun(await this.#parts(startedAtMs));
    return this.#run;
  }

  /** Like {@link begin}, for a capture of some paths: they come in any order, and nothing is forgotten of the others. */
  async beginPart(startedAtMs: number): Promise<FileIndexRun> {
    return new PartIndexRun(await this.#parts(startedAtMs));
  }

  async clear(): Promise<void> {
    await blocksOf(this.#db, this.#name).clear();
  }

  async #parts(startedAtMs: number): Promise<RunParts> {
    const meta = metaOf(this.#db, this.#name);
    const stored = await meta.get(META_KEY);
    const runs = stored === undefined ? NO_RUNS : parseRuns(stored);
    // which captures count can not be told any more: none does
    if (runs === undefined) await this.clear();
    return {
      blocks: blocksOf(this.#db, this.#name),
      // durable before anything that carries the number
      saveRuns: (next) =>
        this.#db.batch([{ type: 'put', sublevel: meta, key: META_KEY, value: JSON.stringify(next) }], {
          sync: true,
        }),
      runs: runs ?? NO_RUNS,
      newestNs: BigInt(Math.floor(startedAtMs) - RACY_MARGIN_MS) * 1_000_000n,
      ignoresDev: this.#ignoresDev,
    };
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

function metaOf(db: Level<string, string>, name: string) {
  return db.sublevel<string, string>([name, 'meta'], { keyEncoding: 'utf8', valueEncoding: 'utf8' });
}

const NO_RUNS: Runs = { last: 0, open: [], sealed: 0 };

/** Undefined for what can not be read. */
function parseRuns(stored: string): Runs | undefined {
  try {
    const { last, open, sealed = 0 } = JSON.parse(stored) as Partial<Record<keyof Runs, unknown>>;
    if (typeof last !== 'number' || typeof sealed !== 'number' || !Array.isArray(open)) return undefined;
    return { last, open: open.map(Number), sealed };
  } catch {
    return undefined; // only a cache: it begins anew
  }
}

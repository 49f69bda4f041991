// Capture: makes the manifest of a tree and hands the content of its files to a writer of chunks.
import { setImmediate } from 'node:timers/promises';
import { concatBytes } from '../../core/bytes.ts';
import { EncodedEntry } from '../../core/encoded-entry.ts';
import { MadeAgain } from '../../core/made-again.ts';
import { ManifestEncoder, type ManifestEntry } from '../../core/manifest.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Root } from '../../core/root.ts';
import { findMappedInodes } from '../posix/open-writers.ts';
import type { FileSource } from '../workers/messages.ts';
import { pathBytes } from './byte-path.ts';
import { type CapturedFile, captureFile } from './capture-file.ts';
import { CaptureQueue } from './capture-queue.ts';
import type { FileIndex, FileIndexRun } from './file-index.ts';
import type { ScanAhead } from './scan-ahead.ts';
import { type ScannedEntry, type ScannedInode, type ScanOptions, scanTree } from './scanner.ts';
import { Slots } from './slots.ts';

/** Where the bytes of a capture go. Calls of `writeFile` overlap, also with one of `writeRoot`. */
export interface ContentWriter {
  /** Stores the content of one file; gives the ids of its chunks in order. It reads `pieces` to their end; one is good until the next. */
  writeFile(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]>;
  /** Like `writeFile` of a file that it reads itself; undefined if that is not the file any more that has the stamp. */
  readFile?(source: FileSource): Promise<Uint8Array[] | undefined>;
  /** Stores a byte string (a manifest) under a single name. */
  writeRoot(pieces: AsyncIterable<Uint8Array>): Promise<Root>;
  /** True if a chunk is stored. With it a file that the index knows is read all the same if one of its chunks is gone. */
  hasChunk?(id: Uint8Array): boolean;
  /** True while nothing can be written yet: what is to be read waits, and what is known goes on. */
  readonly isAwaited?: boolean;
  /** How many bytes of content were new to the repository so far. */
  readonly newBytes: number;
}

/** One that can do all of it, now. */
export type ReadyWriter = Required<Omit<ContentWriter, 'isAwaited'>>;

/** What a capture covers and uses. */
export interface CaptureOptions extends ScanOptions {
  /** With it, files that did not change since the last capture are not read. */
  readonly index?: FileIndex;
  /** When the scan starts; now if left out. Only the index needs it. */
  readonly startedAtMs?: number;
  /** The inodes that programs have mapped to write to; of all programs if left out. Asked once, before a file is read. */
  readonly findMapped?: () => ReadonlySet<bigint>;
  /** A scan of this tree that has begun already. */
  readonly ahead?: ScanAhead;
  /** Told of every inode as it is found, before it is read. */
  readonly onScanned?: (inode: ScannedInode) => void;
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/** What a capture found and did. */
export interface CaptureStats {
  readonly files: number;
  /** Those of them that programs do not make again. */
  readonly countedFiles: number;
  readonly directories: number;
  /** Every entry of the manifest, of whatever kind. */
  readonly entries: number;
  /** Length of all files, each inode once. */
  readonly bytes: number;
  /** How many files were read, the others being known. */
  readonly readFiles: number;
  /** How many files are certainly as they were in the last checkpoint that nobody doubts. */
  readonly unchangedFiles: number;
  readonly newBytes: number;
  /** Files that were written to while they were read, twice over: their content is of no single instant. */
  readonly changedWhileRead: readonly Uint8Array[];
  /** Folders on which other file systems are mounted, taken as empty. */
  readonly notCrossed: readonly Uint8Array[];
}

/** A tree in the repository. */
export interface Capture {
  readonly root: Root;
  readonly stats: CaptureStats;
  /** To be called once everything written is durable: the index then counts on it. Without it nothing is lost. True says
   * that a checkpoint which nobody doubts has all of it.
   */
  settle(isOfCheckpoint: boolean): Promise<void>;
}

/** Files that are read at the same time: one waits for the drive while another is hashed. */
const READERS = 4;
/** After so many entries other work gets its turn. */
const ENTRIES_PER_TURN = 256;
/** Entries that may wait for an earlier one to be read. */
const WINDOW_ENTRIES = 512;
/** The same while there is no writer yet, and of how many files: some 10 MB. */
const AWAITING_ENTRIES = 16_384;
const AWAITING_FILES = 1024;
const MANIFEST_PIECE_BYTES = 64 * 1024;

/**
 * Captures the tree under `root`.
 * @throws DeskPodError SOURCE_UNREADABLE; whatever `writer` throws; the reason of `signal`
 */
export async function captureTree(
  root: Uint8Array | string,
  writer: ContentWriter,
  options: CaptureOptions = {},
): Promise<Capture> {
  const run = await options.index?.begin(options.startedAtMs ?? options.ahead?.startedAtMs ?? Date.now());
  const capture = new TreeCapture(pathBytes(root), writer, options, run);
  try {
    const manifestRoot = await writer.writeRoot(capture.manifest());
    return {
      root: manifestRoot,
      stats: capture.stats(),
      settle: async (isOfCheckpoint) => run?.settle(isOfCheckpoint),
    };
  } catch (error) {
    await run?.abandon();
    throw error;
  }
}

/** What the manifest will say of an inode. */
interface Told {
  readonly entry: EncodedEntry;
  /** Of the inode that it is about; undefined if that is not certain. */
  readonly stamp: Uint8Array | undefined;
  /** Of the inode that it is about, see {@link ScannedInode.link}. */
  readonly link: string | undefined;
}

/** An inode whose file may still be read. */
interface Pending {
  readonly inode: ScannedInode;
  /** Undefined if it vanished; not there for another name of an inode that came before. */
  readonly told: Told | Promise<Told | undefined> | undefined;
}

class TreeCapture {
  readonly #root: Uint8Array;
  readonly #writer: ContentWriter;
  readonly #options: CaptureOptions;
  readonly #run: FileIndexRun | undefined;
  readonly #readers = new Slots(READERS);
  #mapped: ReadonlySet<bigint> | undefined;
  readonly #changed: Uint8Array[] = [];
  readonly #mounts: Uint8Array[] = [];
  readonly #encoder = new ManifestEncoder();
  /** What the manifest says of each inode with several names. */
  readonly #links = new Map<string, ManifestEntry>();
  readonly #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  #files = 0;
  #countedFiles = 0;
  readonly #madeAgain = new MadeAgain();
  #directories = 0;
  #entries = 0;
  #bytes = 0;
  #readFiles = 0;
  #unchangedFiles = 0;
  /** Inodes with several names that are as they were: a new name would have changed them. */
  readonly #unchangedLinks = new Set<string>();

  constructor(
    root: Uint8Array,
    writer: ContentWriter,
    options: CaptureOptions,
    run: FileIndexRun | undefined,
  ) {
    this.#root = root;
    this.#writer = writer;
    this.#options = options;
    this.#run = run;
  }

  stats(): CaptureStats {
    return {
      files: this.#files,
      countedFiles: this.#countedFiles,
      directories: this.#directories,
      entries: this.#entries,
      bytes: this.#bytes,
      readFiles: this.#readFiles,
      unchangedFiles: this.#unchangedFiles,
      newBytes: this.#writer.newBytes,
      changedWhileRead: this.#changed,
      notCrossed: this.#mounts,
    };
  }

  /** The manifest in pieces. Files are read ahead of the entry that is waited for; at its end none is open any more. */
  async *manifest(): AsyncGenerator<Uint8Array> {
    this.#push(this.#encoder.start());
    const window = new CaptureQueue<Pending>();
    const seenLinks = new Set<string>();
    let scannedCount = 0;
    const isFull = (): boolean =>
      this.#writer.isAwaited === true
        ? window.length > AWAITING_ENTRIES || window.waitingCount > AWAITING_FILES
        : window.length > WINDOW_ENTRIES;
    try {
      for (const inode of this.#scan()) {
        if (++scannedCount % ENTRIES_PER_TURN === 0) await setImmediate();
        this.#options.signal?.throwIfAborted();
        this.#options.onScanned?.(inode);
        const { link } = inode;
        if (link !== undefined && seenLinks.has(link)) window.push({ inode, told: undefined });
        else {
          if (link !== undefined) seenLinks.add(link);
          const found = this.#run?.find(inode.path, inode.stamp);
          const told = this.#tell(inode, found instanceof Promise ? await found : found);
          if (told !== undefined) window.push({ inode, told });
        }
        for (let { first } = window; isReady(first) || isFull(); first = window.first) {
          window.shift();
          const noting = first === undefined ? undefined : this.#finish(first);
          if (noting !== undefined) await noting;
          if (this.#pieceBytes >= MANIFEST_PIECE_BYTES) yield this.#takePiece();
        }
      }
      for (let first = window.shift(); first !== undefined; first = window.shift()) {
        await this.#finish(first);
        if (this.#pieceBytes >= MANIFEST_PIECE_BYTES) yield this.#takePiece();
      }
    } finally {
      await Promise.allSettled(window.told());
    }
    this.#push(this.#encoder.end());
    yield this.#takePiece();
  }

  #scan(): Generator<ScannedInode> {
    const onMount = (path: Uint8Array): void => {
      this.#mounts.push(path);
      this.#options.onMount?.(path);
    };
    const { ahead } = this.#options;
    return ahead === undefined ? scanTree(this.#root, { ...this.#options, onMount }) : ahead.inodes(onMount);
  }

  /** What the manifest says of an inode; it may have to be read first. Undefined if it has vanished. */
  #tell(inode: ScannedInode, known: EncodedEntry | undefined): Pending['told'] {
    if (known !== undefined && this.#isStored(known)) {
      if (known.kind === 'file' && this.#run?.isOfCheckpoint?.(known) === true) this.#noteUnchanged(inode);
      return { entry: known, stamp: inode.stamp, link: inode.link };
    }
    const scanned = inode.examine(this.#root);
    if (scanned === undefined) return undefined;
    const { kind, sizeBytes, stamp, link } = scanned.inode;
    if (kind !== 'file' || sizeBytes === 0) return { entry: EncodedEntry.of(scanned.entry), stamp, link };
    this.#mapped ??= (this.#options.findMapped ?? findMappedInodes)();
    const reading = this.#read(scanned);
    reading.catch(ignoreUntilAwaited);
    return reading;
  }

  #noteUnchanged({ link }: ScannedInode): void {
    this.#unchangedFiles++;
    if (link !== undefined) this.#unchangedLinks.add(link);
  }

  #isStored(entry: EncodedEntry): boolean {
    for (const id of entry.chunkIds) if (this.#writer.hasChunk?.(id) === false) return false;
    return true;
  }

  async #read(scanned: ScannedEntry): Promise<Told | undefined> {
    const inTurn = <T>(read: () => Promise<T>): Promise<T> =>
      this.#readers.use(async () => {
        this.#options.signal?.throwIfAborted();
        return read();
      });
    const captured = await captureFile(this.#root, scanned, this.#writer, inTurn);
    return captured === undefined ? undefined : this.#noteRead(captured);
  }

  #noteRead({ entry, inode, stamp }: CapturedFile): Told {
    this.#readFiles++;
    if (stamp === undefined) this.#changed.push(entry.path);
    // Through memory a program goes on writing without a new time of the file, until the kernel has stored the page. One
    // that begins to later gives it a time that is too new to be remembered.
    const isCertain = this.#mapped?.has(inode.ino) !== true;
    return { entry: EncodedEntry.of(entry), stamp: isCertain ? stamp : undefined, link: inode.link };
  }

  /** Puts an inode into the manifest, or nothing if it has vanished. Resolves or returns when it is noted. */
  #finish({ inode, told }: Pending): Promise<void> | void {
    const { link, path } = inode;
    const first = link === undefined ? undefined : this.#links.get(link);
    if (first !== undefined) {
      this.#push(this.#encoder.entry({ ...first, path, chunkIds: [] }));
      if (link !== undefined && this.#unchangedLinks.has(link)) this.#unchangedFiles++;
      this.#count(first.kind, path, 0);
      return undefined;
    }
    if (told !== undefined && !(told instanceof Promise)) return this.#emit(inode, told);
    return this.#finishLater(inode, told);
  }

  /** A later name is looked at after all if the first has vanished meanwhile. */
  async #finishLater(inode: ScannedInode, pending: Promise<Told | undefined> | undefined): Promise<void> {
    const told = await (pending ?? this.#tell(inode, await this.#run?.find(inode.path, inode.stamp)));
    if (told !== undefined) await this.#emit(inode, told);
  }

  #emit({ link }: ScannedInode, { entry, stamp, link: toldLink }: Told): Promise<void> | void {
    // of another inode that took the name, the names of the one that was scanned must not have the content
    if (link === undefined || link !== toldLink) {
      this.#encoder.carry(entry);
      this.#push(entry.bytes);
    } else {
      const member = { ...entry.decode(), hardlinkGroup: this.#links.size + 1 };
      this.#links.set(link, { ...member, chunkIds: [] });
      this.#push(this.#encoder.entry(member));
    }
    this.#count(entry.kind, entry.path, entry.sizeBytes);
    return stamp === undefined ? undefined : this.#run?.remember(stamp, entry);
  }

  #push(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#pieceBytes += bytes.length;
  }

  #takePiece(): Uint8Array {
    const { doneFiles, doneBytes } = { doneFiles: this.#files, doneBytes: this.#bytes };
    this.#options.onProgress?.({ step: 'reading files', doneFiles, doneBytes });
    this.#pieceBytes = 0;
    return concatBytes(this.#pieces.splice(0));
  }

  #count(kind: ManifestEntry['kind'], path: Uint8Array, contentBytes: number): void {
    this.#entries++;
    if (kind === 'directory') this.#directories++;
    if (kind !== 'file') return;
    this.#files++;
    if (!this.#madeAgain.has(path)) this.#countedFiles++;
    this.#bytes += contentBytes;
  }
}

/** True if it waits for nothing. */
function isReady(pending: Pending | undefined): boolean {
  return pending !== undefined && !(pending.told instanceof Promise);
}

function ignoreUntilAwaited(): void {
  // the entry's turn in the manifest comes later, and its failure with it
}

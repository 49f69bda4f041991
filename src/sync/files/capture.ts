// Capture: makes the manifest of a tree and hands the content of its files to a writer of chunks.
import { setImmediate } from 'node:timers/promises';
import { concatBytes } from '../../core/bytes.ts';
import { ManifestEncoder, type ManifestEntry } from '../../core/manifest.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Root } from '../../core/root.ts';
import { pathBytes } from './byte-path.ts';
import { type CapturedFile, captureFile, captureSmallFile } from './capture-file.ts';
import type { FileIndex, FileIndexRun } from './file-index.ts';
import { type ScannedEntry, type ScanOptions, scanTree } from './scanner.ts';
import { Slots } from './slots.ts';

/** Where the bytes of a capture go. Calls of `writeFile` overlap, also with one of `writeRoot`. */
export interface ContentWriter {
  /** Stores the content of one file; gives the ids of its chunks in order. It reads `pieces` to their end; one is good until the next. */
  writeFile(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]>;
  /** Like `writeFile` of the content of a small file, which is in a buffer that others use once this has returned. */
  writeBytes?(bytes: Uint8Array): Promise<Uint8Array[]>;
  /** Stores a byte string (a manifest) under a single name. */
  writeRoot(pieces: AsyncIterable<Uint8Array>): Promise<Root>;
  /** True if a chunk is stored. With it a file that the index knows is read all the same if one of its chunks is gone. */
  hasChunk?(id: Uint8Array): boolean;
  /** How many bytes of content were new to the repository so far. */
  readonly newBytes: number;
}

/** What a capture covers and uses. */
export interface CaptureOptions extends ScanOptions {
  /** With it, files that did not change since the last capture are not read. */
  readonly index?: FileIndex;
  /** When the scan starts; now if left out. Only the index needs it. */
  readonly startedAtMs?: number;
  /** Told of every entry as it is found, before it is read. */
  readonly onScanned?: (scanned: ScannedEntry) => void;
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/** What a capture found and did. */
export interface CaptureStats {
  readonly files: number;
  readonly directories: number;
  /** Every entry of the manifest, of whatever kind. */
  readonly entries: number;
  /** Length of all files, each inode once. */
  readonly bytes: number;
  /** How many files were read, the others being known. */
  readonly readFiles: number;
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
  /** To be called once everything written is durable: the index then counts on it. Without it nothing is lost. */
  settle(): Promise<void>;
}

/** Files that are read at the same time: one waits for the drive while another is hashed. */
const READERS = 4;
/** After so many entries other work gets its turn. */
const ENTRIES_PER_TURN = 256;
/** Entries that may wait for an earlier one to be read. */
const WINDOW_ENTRIES = 2048;
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
  const run = await options.index?.begin(options.startedAtMs ?? Date.now());
  const capture = new TreeCapture(pathBytes(root), writer, options, run);
  try {
    const manifestRoot = await writer.writeRoot(capture.manifest());
    return { root: manifestRoot, stats: capture.stats(), settle: async () => run?.settle() };
  } catch (error) {
    await run?.abandon();
    throw error;
  }
}

/** An entry that may still be read. */
interface Pending {
  readonly scanned: ScannedEntry;
  /** Undefined if it vanished; not there for another name of an inode that came before. */
  readonly entry: Promise<ManifestEntry | undefined> | undefined;
}

class TreeCapture {
  readonly #root: Uint8Array;
  readonly #writer: ContentWriter;
  readonly #options: CaptureOptions;
  readonly #run: FileIndexRun | undefined;
  readonly #readers = new Slots(READERS);
  readonly #changed: Uint8Array[] = [];
  readonly #mounts: Uint8Array[] = [];
  /** What the manifest says of each inode with several names. */
  readonly #links = new Map<string, ManifestEntry>();
  #scanned = 0;
  #files = 0;
  #directories = 0;
  #entries = 0;
  #bytes = 0;
  #readFiles = 0;

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
      directories: this.#directories,
      entries: this.#entries,
      bytes: this.#bytes,
      readFiles: this.#readFiles,
      newBytes: this.#writer.newBytes,
      changedWhileRead: this.#changed,
      notCrossed: this.#mounts,
    };
  }

  async *manifest(): AsyncGenerator<Uint8Array> {
    const encoder = new ManifestEncoder();
    let pieces = [encoder.start()];
    let pieceBytes = 0;
    for await (const entry of this.#entriesInOrder()) {
      const bytes = encoder.entry(entry);
      pieces.push(bytes);
      pieceBytes += bytes.length;
      this.#count(entry);
      if (pieceBytes < MANIFEST_PIECE_BYTES) continue;
      yield concatBytes(pieces);
      pieces = [];
      pieceBytes = 0;
    }
    pieces.push(encoder.end());
    yield concatBytes(pieces);
  }

  /** Files are read ahead of the entry that is waited for. Ends only when no file is open any more. */
  async *#entriesInOrder(): AsyncGenerator<ManifestEntry> {
    const window: Pending[] = [];
    const seenLinks = new Set<string>();
    try {
      for (const scanned of this.#scan()) {
        if (++this.#scanned % ENTRIES_PER_TURN === 0) await setImmediate();
        this.#options.signal?.throwIfAborted();
        this.#options.onScanned?.(scanned);
        const link = linkOf(scanned);
        const isLaterName = link !== undefined && seenLinks.has(link);
        if (link !== undefined) seenLinks.add(link);
        window.push(isLaterName ? { scanned, entry: undefined } : await this.#start(scanned));
        const first = window.length > WINDOW_ENTRIES ? window.shift() : undefined;
        if (first !== undefined) yield* this.#finish(first);
      }
      for (let first = window.shift(); first !== undefined; first = window.shift())
        yield* this.#finish(first);
    } finally {
      await Promise.allSettled(window.map(({ entry }) => entry));
    }
  }

  #scan(): Generator<ScannedEntry> {
    const onMount = (path: Uint8Array): void => {
      this.#mounts.push(path);
      this.#options.onMount?.(path);
    };
    return scanTree(this.#root, { ...this.#options, onMount });
  }

  /** Looks a file up in the index, or begins to read it; what it returns may still be reading. */
  async #start(scanned: ScannedEntry): Promise<Pending> {
    const { entry } = scanned;
    if (entry.kind !== 'file' || entry.sizeBytes === 0) return { scanned, entry: Promise.resolve(entry) };
    const found = this.#run?.find(entry.path, { ...scanned, ...entry });
    const known = found instanceof Promise ? await found : found;
    if (known?.chunkIds.every((id) => this.#writer.hasChunk?.(id) ?? true)) {
      const { chunkIds, isSparse } = known;
      return { scanned, entry: Promise.resolve({ ...entry, chunkIds, isSparse }) };
    }
    const reading = this.#readSmall(scanned) ?? this.#readers.use(() => this.#read(scanned));
    reading.catch(ignoreUntilAwaited);
    return { scanned, entry: reading };
  }

  async #read(scanned: ScannedEntry): Promise<ManifestEntry | undefined> {
    this.#options.signal?.throwIfAborted();
    const captured = await captureFile(this.#root, scanned, this.#writer);
    return captured === undefined ? undefined : this.#remember(captured);
  }

  #readSmall(scanned: ScannedEntry): Promise<ManifestEntry> | undefined {
    const { writeBytes } = this.#writer;
    if (writeBytes === undefined) return undefined;
    return captureSmallFile(this.#root, scanned, writeBytes)?.then((captured) => this.#remember(captured));
  }

  async #remember(captured: CapturedFile): Promise<ManifestEntry> {
    this.#readFiles++;
    const { entry, identity } = captured;
    if (identity === undefined) this.#changed.push(entry.path);
    else {
      const { chunkIds, isSparse } = entry;
      await this.#run?.remember(entry.path, { ...identity, isSparse, chunkIds });
    }
    return entry;
  }

  /** The entry as the manifest gets it, or nothing if it has vanished. */
  async *#finish({ scanned, entry: pending }: Pending): AsyncGenerator<ManifestEntry> {
    const link = linkOf(scanned);
    const first = link === undefined ? undefined : this.#links.get(link);
    if (first !== undefined) {
      yield { ...first, path: scanned.entry.path, chunkIds: [] };
      return;
    }
    // a later name is read after all if the first has vanished meanwhile
    const entry = await (pending ?? (scanned.entry.kind === 'file' ? this.#read(scanned) : scanned.entry));
    if (entry === undefined) return;
    if (link === undefined) {
      yield entry;
      return;
    }
    const member = { ...entry, hardlinkGroup: this.#links.size + 1 };
    this.#links.set(link, { ...member, chunkIds: [] });
    yield member;
  }

  #count(entry: ManifestEntry): void {
    this.#entries++;
    if (entry.kind === 'directory') this.#directories++;
    if (entry.kind !== 'file') return;
    this.#files++;
    if (entry.hardlinkGroup === 0 || entry.chunkIds.length > 0) this.#bytes += entry.sizeBytes;
    this.#options.onProgress?.({ step: 'reading files', doneFiles: this.#files, doneBytes: this.#bytes });
  }
}

function linkOf({ linkCount, entry, dev, ino }: ScannedEntry): string | undefined {
  return linkCount > 1 && entry.kind !== 'directory' ? `${dev}:${ino}` : undefined;
}

function ignoreUntilAwaited(): void {
  // the entry's turn in the manifest comes later, and its failure with it
}

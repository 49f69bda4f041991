// Restore: makes a tree from its manifest.
import { closeSync, fdatasync, mkdirSync, readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import type { EntryPicker } from '../../core/entry-picker.ts';
import { DeskPodError } from '../../core/errors.ts';
import { ManifestDecoder, type ManifestEntry } from '../../core/manifest.ts';
import { isWithin } from '../../core/path-order.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Root } from '../../core/root.ts';
import type { NewFile } from '../workers/new-files.ts';
import { displayPath, pathBytes } from './byte-path.ts';
import { EarlySync } from './early-sync.ts';
import { ExistingFiles, type Verdict, type VerdictCounts } from './restore-existing.ts';
import { writeChunks } from './restore-file.ts';
import { type ChunkProof, patchFile } from './restore-patch.ts';
import { type NotRestored, RestoreTarget, writeFailure } from './restore-target.ts';

/** Where the bytes of a restore come from. Calls overlap. */
export interface ContentReader {
  /** The bytes of a chunk, which were checked against its id. */
  readChunk(id: Uint8Array): Promise<Uint8Array>;
  /** The byte string under a root. */
  readRoot(root: Root): AsyncIterable<Uint8Array>;
  /**
   * Begins to write a chunk to a place of an open file, which stays open meanwhile; undefined if it is not one to be written
   * so, or longer than `maxBytes`: then it is read, and what is wrong with it found.
   */
  place?(id: Uint8Array, place: FilePlace): PlacedChunk | undefined;
  /**
   * Begins to make a file of one chunk, which is as long as `sizeBytes`; undefined if it is not one to be made so. What
   * comes of it is told in any case.
   */
  makeFile?(id: Uint8Array, sizeBytes: number, file: NewFile): Promise<MadeFile> | undefined;
}

/** `nothing` is there if it could not be made, whatever the reason; `content` if it is still to be described. */
export type MadeFile = 'whole' | 'content' | 'nothing';

/** A place in an open file. */
export interface FilePlace {
  readonly fd: number;
  readonly position: number;
  /** True if runs of zeros are to be holes: nothing lies there yet. */
  readonly isSparse: boolean;
  readonly maxBytes: number;
}

/** A chunk that is being written. */
export interface PlacedChunk {
  readonly sizeBytes: number;
  /** False if it could not be read or written there, whatever the reason. */
  readonly isPlaced: Promise<boolean>;
}

/** How a tree is restored. */
export interface RestoreOptions {
  /** Entries replace what has their names in the target; everything else there stays. */
  readonly overwrite?: boolean;
  /** Makes only what it picks; everything, if left out. */
  readonly picker?: EntryPicker;
  /**
   * What stands in the target already stays as far as it is the same, and no folder with something in it is replaced.
   * `isThorough` compares also the content of files whose size and time are the same.
   */
  readonly existing?: { readonly proof: ChunkProof; readonly isThorough: boolean };
  /** What the progress is measured against, as the capture counted it. */
  readonly totals?: { readonly files: number; readonly bytes: number };
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/** What a restore made. */
export interface RestoreResult {
  readonly files: number;
  readonly directories: number;
  readonly entries: number;
  readonly bytes: number;
  /** Bytes of content that were written; `bytes` counts those of files that were left, too. */
  readonly writtenBytes: number;
  /** What became of the entries, if `existing` was asked for. */
  readonly verdicts?: VerdictCounts;
  readonly notRestored: NotRestored;
}

const syncData = promisify(fdatasync);

/** Files that are written at once: many small ones, so that their chunks are read together, but few long ones. */
const WRITERS = 128;
const WRITING_MAX_BYTES = 24 * 1024 * 1024;
/** Files that are being made elsewhere: enough that every thread has the next ones. */
const MAKERS = 1024;
/** What a long file holds in memory at most, about. */
const FILE_MAX_BYTES = 8 * 1024 * 1024;
/** Without these bits an owner who is not root can not work in a folder. */
const OWNER_ACCESS = 0o700;

/** A folder whose own metadata waits until nothing in it is being written any more. */
interface OpenFolder {
  readonly entry: ManifestEntry;
  readonly parent: OpenFolder | undefined;
  /** It was there and is not meant: its metadata stays. */
  readonly isKept: boolean;
  /** Itself while entries may still come, files being written, and folders in it. */
  busy: number;
}

/**
 * Restores the tree under a root into `target`, which is made if it is missing. On its return everything is on the
 * target's device.
 * @throws DeskPodError TARGET_NOT_EMPTY, TARGET_WRITE_FAILED, SPACE_EXHAUSTED, MANIFEST_DAMAGED; what `reader` throws,
 * with the name of the file; the reason of `signal`. What was written until then stays.
 */
export async function restoreTree(
  root: Root,
  reader: ContentReader,
  target: Uint8Array | string,
  options: RestoreOptions = {},
): Promise<RestoreResult> {
  openTarget(target, options.overwrite ?? false);
  const place = new RestoreTarget(target, options.overwrite ?? false, options.existing !== undefined);
  const sync = new EarlySync(target);
  const restore = new TreeRestore(place, reader, sync, options);
  const decoder = new ManifestDecoder();
  try {
    for await (const piece of reader.readRoot(root)) {
      for (const entry of decoder.push(piece)) {
        if (options.picker === undefined) await restore.add(entry);
        else
          for (const picked of options.picker.pick(entry)) await restore.add(picked.entry, picked.isPassage);
      }
    }
    decoder.end();
    await restore.finish();
  } catch (error) {
    await restore.stop();
    throw error;
  }
  await sync.finish();
  return restore.result();
}

class TreeRestore {
  readonly #target: RestoreTarget;
  readonly #reader: ContentReader;
  readonly #sync: EarlySync;
  readonly #options: RestoreOptions;
  readonly #existing: ExistingFiles | undefined;
  readonly #writing = new Set<Promise<void>>();
  readonly #groups = new Map<number, ManifestEntry>();
  /** Folders that their owner may not enter: closed only at the end, as later hard links lead through them. */
  readonly #closed: ManifestEntry[] = [];
  #openCount = 0;
  #heldBytes = 0;
  /** Lets the one file that waits look again. */
  #onRoom: (() => void) | undefined;
  #folder: OpenFolder | undefined;
  #failure: { readonly error: unknown } | undefined;
  #files = 0;
  #directories = 0;
  #entries = 0;
  #bytes = 0;
  #writtenBytes = 0;

  constructor(target: RestoreTarget, reader: ContentReader, sync: EarlySync, options: RestoreOptions) {
    this.#target = target;
    this.#reader = reader;
    this.#sync = sync;
    this.#options = options;
    const { existing } = options;
    if (existing !== undefined) this.#existing = new ExistingFiles(target, existing.isThorough);
  }

  result(): RestoreResult {
    return {
      files: this.#files,
      directories: this.#directories,
      entries: this.#entries,
      bytes: this.#bytes,
      writtenBytes: this.#writtenBytes,
      ...(this.#existing === undefined ? {} : { verdicts: this.#existing.counts }),
      notRestored: this.#target.notRestored,
    };
  }

  /** Makes the next entry; a file's content may still be on its way when this returns. */
  async add(entry: ManifestEntry, isPassage = false): Promise<void> {
    this.#throwIfFailed();
    this.#options.signal?.throwIfAborted();
    this.#entries++;
    while (
      this.#folder !== undefined &&
      this.#folder.entry.path.length > 0 &&
      !isWithin(entry.path, this.#folder.entry.path)
    )
      this.#leaveFolder();
    if (entry.kind === 'directory') {
      const verdict = this.#judge(entry, isPassage);
      const isKept = isPassage && verdict === 'leave';
      if (!isKept) this.#target.makeFolder(entry.path);
      if (!isKept) this.#count(verdict);
      this.#directories++;
      const parent = this.#folder;
      if (parent !== undefined) parent.busy++;
      this.#folder = { entry, parent, isKept, busy: 1 };
      return;
    }
    if (entry.kind === 'file') this.#files++;
    const first = this.#groups.get(entry.hardlinkGroup);
    if (first !== undefined) {
      if (first.kind !== entry.kind) throw kindDiffers(first, entry);
      const verdict = this.#judge(entry, false, first.path);
      if (verdict !== 'leave') this.#target.link(first.path, entry.path);
      this.#count(verdict);
      return;
    }
    if (entry.kind === 'file') await this.#startFile(entry);
    else {
      const verdict = this.#judge(entry);
      const isThere = verdict === 'leave' || verdict === 'describe' || this.#target.makeNode(entry);
      if (!isThere) return; // a device that is not there has no further names
      if (verdict !== 'leave') this.#target.describe(entry);
      this.#count(verdict);
    }
    if (entry.hardlinkGroup !== 0) this.#groups.set(entry.hardlinkGroup, { ...entry, chunkIds: [] });
  }

  /** Waits for everything under way and sets what must be set last. */
  async finish(): Promise<void> {
    await Promise.all(this.#writing);
    this.#throwIfFailed();
    while (this.#folder !== undefined) this.#leaveFolder();
    for (const { path, mode } of this.#closed.reverse()) this.#target.setFolderMode(path, mode);
  }

  /** Waits until no file is open any more, after a failure. */
  async stop(): Promise<void> {
    this.#failure ??= { error: new Error('stopped') };
    await Promise.all(this.#writing);
    await this.#sync.stop();
  }

  /** Begins a file; it is filled while the next entries are made. */
  async #startFile(entry: ManifestEntry): Promise<void> {
    const heldBytes = Math.min(entry.sizeBytes, FILE_MAX_BYTES);
    while (
      this.#openCount >= WRITERS ||
      this.#writing.size >= MAKERS ||
      (this.#writing.size > 0 && this.#heldBytes + heldBytes > WRITING_MAX_BYTES)
    )
      await new Promise<void>((resolve) => {
        this.#onRoom = resolve;
      });
    this.#throwIfFailed();
    const verdict = this.#judge(entry);
    if (verdict === 'leave' || verdict === 'describe') {
      if (verdict === 'describe') this.#target.describe(entry);
      this.#count(verdict);
      this.#bytes += entry.sizeBytes;
      this.#report();
      return;
    }
    const folder = this.#folder;
    if (folder !== undefined) folder.busy++;
    const making = verdict === 'make' ? this.#beginMaking(entry) : undefined;
    const writing = (making === undefined ? this.#write(entry, verdict) : this.#finishMaking(entry, making))
      .then(() => this.#leave(folder))
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#writing.delete(writing);
        this.#heldBytes -= heldBytes;
        this.#onRoom?.();
      });
    this.#heldBytes += heldBytes;
    this.#writing.add(writing);
  }

  /** Has a thread make the file as a whole, if it is as simple as most; undefined if it is not. */
  #beginMaking(entry: ManifestEntry): Promise<MadeFile> | undefined {
    const [id] = entry.chunkIds;
    const isSimple = entry.chunkIds.length === 1 && !entry.isSparse && entry.hardlinkGroup === 0;
    if (id === undefined || !isSimple || !this.#target.isPlain(entry)) return undefined;
    const { mode, uid, gid, mtimeNs } = entry;
    const file = { place: this.#target.place(entry.path), mode, uid, gid, mtimeNs };
    return this.#reader.makeFile?.(id, entry.sizeBytes, file);
  }

  async #finishMaking(entry: ManifestEntry, making: Promise<MadeFile>): Promise<void> {
    const made = await making;
    this.#throwIfFailed();
    if (made === 'nothing') {
      await this.#write(entry, 'make');
      return;
    }
    if (made === 'content') this.#target.describe(entry);
    this.#noteWritten(entry.sizeBytes);
    this.#count('make');
  }

  async #write(entry: ManifestEntry, verdict: Verdict): Promise<void> {
    const patched = verdict === 'patch' ? this.#existing?.openFile(entry.path) : undefined;
    const fd = patched ?? this.#target.createFile(entry.path);
    this.#openCount++;
    try {
      await (patched === undefined ? this.#fill(fd, entry, verdict) : this.#patch(fd, entry));
    } finally {
      this.#openCount--;
    }
  }

  async #fill(fd: number, entry: ManifestEntry, verdict: Verdict): Promise<void> {
    try {
      await writeChunks(fd, entry, this.#reader, (sizeBytes) => this.#noteWritten(sizeBytes));
      // a file that ends in a hole has its length before its bytes: cut off then, it would seem done to the next run
      if (this.#existing !== undefined && entry.isSparse) await syncData(fd);
    } finally {
      closeSync(fd);
    }
    this.#target.describe(entry);
    this.#count(verdict === 'make' ? 'make' : 'replace');
  }

  async #patch(fd: number, entry: ManifestEntry): Promise<void> {
    const { existing } = this.#options;
    if (existing === undefined) throw new TypeError('expected a proof of chunks to patch by, got none');
    let isChanged: boolean;
    try {
      const patch = await patchFile(fd, entry, this.#reader, existing.proof, (sizeBytes) =>
        this.#advance(sizeBytes),
      );
      this.#writtenBytes += patch.writtenBytes;
      isChanged = patch.isChanged;
      // its time says that it is done: its bytes must not come later
      if (isChanged) await syncData(fd);
    } finally {
      closeSync(fd);
    }
    const verdict = isChanged ? 'replace' : (this.#existing?.judgeDescription(entry) ?? 'describe');
    if (verdict !== 'leave') this.#target.describe(entry);
    this.#count(verdict);
  }

  #noteWritten(sizeBytes: number): void {
    this.#writtenBytes += sizeBytes;
    this.#sync.note(sizeBytes);
    this.#advance(sizeBytes);
  }

  #advance(sizeBytes: number): void {
    this.#throwIfFailed();
    this.#options.signal?.throwIfAborted();
    this.#bytes += sizeBytes;
    this.#report();
  }

  /** What becomes of an entry, or of a further name of the inode that `first` names. */
  #judge(entry: ManifestEntry, isPassage = false, first?: Uint8Array): Verdict {
    if (this.#existing === undefined) return 'make';
    try {
      return first === undefined
        ? this.#existing.judge(entry, isPassage)
        : this.#existing.judgeLink(first, entry);
    } catch (error) {
      throw writeFailure(entry.path, error);
    }
  }

  #count(verdict: Verdict): void {
    if (verdict !== 'patch') this.#existing?.count(verdict);
  }

  #leaveFolder(): void {
    const folder = this.#folder;
    this.#folder = folder?.parent;
    this.#leave(folder);
  }

  /** One thing less keeps the folder busy; the last one settles it, and then perhaps the folder above. */
  #leave(folder: OpenFolder | undefined): void {
    for (let idle = folder; idle !== undefined && --idle.busy === 0; idle = idle.parent) {
      const { entry, isKept } = idle;
      if (isKept) continue;
      const isClosed = (entry.mode & OWNER_ACCESS) !== OWNER_ACCESS;
      if (isClosed) this.#closed.push(entry);
      this.#target.describe(isClosed ? { ...entry, mode: entry.mode | OWNER_ACCESS } : entry);
    }
  }

  #report(): void {
    const { totals, onProgress } = this.#options;
    onProgress?.({
      step: 'writing files',
      doneFiles: this.#files,
      doneBytes: this.#bytes,
      ...(totals === undefined ? {} : { totalFiles: totals.files, totalBytes: totals.bytes }),
    });
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

function openTarget(target: Uint8Array | string, mayReplace: boolean): void {
  const place = pathBytes(target);
  let names: readonly Buffer[];
  try {
    mkdirSync(place, { recursive: true, mode: 0o700 });
    names = readdirSync(place, { encoding: 'buffer' });
  } catch (error) {
    throw writeFailure(place, error);
  }
  if (names.length === 0 || mayReplace) return;
  throw new DeskPodError(
    'TARGET_NOT_EMPTY',
    `expected an empty folder at ${displayPath(place)}, got ${names.length} names in it`,
    {
      hint: 'choose a folder that is empty or not there yet',
      details: { path: displayPath(place) },
    },
  );
}

function kindDiffers(first: ManifestEntry, entry: ManifestEntry): DeskPodError {
  const { kind } = first;
  return new DeskPodError(
    'MANIFEST_DAMAGED',
    `${displayPath(entry.path)}: expected a ${kind} like its other name, got a ${entry.kind}`,
  );
}

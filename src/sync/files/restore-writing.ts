// The files of a restore that are being written, many at once, while the walk goes on.
import { closeSync, fdatasync } from 'node:fs';
import { promisify } from 'node:util';
import type { ManifestEntry } from '../../core/manifest.ts';
import type { ContentReader, MadeFile } from './content-reader.ts';
import type { EarlySync } from './early-sync.ts';
import type { ExistingFiles, Verdict } from './restore-existing.ts';
import { writeChunks } from './restore-file.ts';
import type { OpenFolders } from './restore-folders.ts';
import { type ChunkProof, patchFile } from './restore-patch.ts';
import type { RestoreTally } from './restore-tally.ts';
import type { RestoreTarget } from './restore-target.ts';
import type { StandingFiles } from './standing-files.ts';

const syncData = promisify(fdatasync);

/** Files that are written at once: many small ones, so that their chunks are read together, but few long ones. */
const WRITERS = 128;
const WRITING_MAX_BYTES = 24 * 1024 * 1024;
/** Files that are being made elsewhere: enough that every thread has the next ones. */
const MAKERS = 1024;
/** What a long file holds in memory at most, about. */
const FILE_MAX_BYTES = 8 * 1024 * 1024;

/** What the files of a restore are written with. */
export interface WritingWork {
  readonly target: RestoreTarget;
  readonly reader: ContentReader;
  readonly sync: EarlySync;
  readonly folders: OpenFolders;
  readonly tally: RestoreTally;
  /** For a target with something in it. */
  readonly existing?: { readonly files: ExistingFiles; readonly proof: ChunkProof };
  readonly standing?: StandingFiles;
  readonly signal?: AbortSignal;
}

/** Writes files side by side. The first failure ends all of them, and is thrown to who asks next. */
export class FileWriting {
  readonly #work: WritingWork;
  readonly #underWay = new Set<Promise<void>>();
  #openCount = 0;
  #heldBytes = 0;
  /** Lets the one file that waits look again. */
  #onRoom: (() => void) | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(work: WritingWork) {
    this.#work = work;
  }

  /** Waits until one more file of this length may begin. Throws what a file has failed with. */
  async room(sizeBytes: number): Promise<void> {
    const heldBytes = heldBy(sizeBytes);
    while (
      this.#openCount >= WRITERS ||
      this.#underWay.size >= MAKERS ||
      (this.#underWay.size > 0 && this.#heldBytes + heldBytes > WRITING_MAX_BYTES)
    )
      await new Promise<void>((resolve) => {
        this.#onRoom = resolve;
      });
    this.throwIfFailed();
  }

  /**
   * Begins a file in the current folder, for which there must be room. If one stands elsewhere that looks the same it is read
   * first: what is returned settles when the name is there, or with what kept it from coming.
   */
  begin(
    entry: ManifestEntry,
    verdict: 'make' | 'replace' | 'patch',
    standing?: Buffer,
  ): Promise<unknown> | undefined {
    const heldBytes = heldBy(entry.sizeBytes);
    const { folders } = this.#work;
    const folder = folders.hold();
    const linking = standing === undefined ? undefined : this.#link(entry, standing);
    const done =
      linking?.then((isLinked) => (isLinked ? undefined : this.#make(entry, verdict))) ??
      this.#make(entry, verdict);
    const writing = done
      .then(() => folders.release(folder))
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#underWay.delete(writing);
        this.#heldBytes -= heldBytes;
        this.#onRoom?.();
      });
    this.#heldBytes += heldBytes;
    this.#underWay.add(writing);
    return linking;
  }

  /** Waits for everything under way. Throws what a file has failed with. */
  async finish(): Promise<void> {
    await Promise.all(this.#underWay);
    this.throwIfFailed();
  }

  /** Waits until no file is open any more, after a failure. */
  async stop(): Promise<void> {
    this.#failure ??= { error: new Error('stopped') };
    await Promise.all(this.#underWay);
  }

  /** Throws what a file has failed with. */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #make(entry: ManifestEntry, verdict: 'make' | 'replace' | 'patch'): Promise<void> {
    const making = verdict === 'make' ? this.#beginMaking(entry) : undefined;
    return making === undefined ? this.#write(entry, verdict) : this.#finishMaking(entry, making);
  }

  /** Gives a file that stands already a name here, if it holds what the entry says. */
  async #link(entry: ManifestEntry, place: Buffer): Promise<boolean> {
    const { standing, target } = this.#work;
    this.#openCount++;
    try {
      if ((await standing?.holds(place, entry)) !== true) return false;
    } finally {
      this.#openCount--;
    }
    this.throwIfFailed();
    if (!target.linkStanding(place, entry.path)) return false;
    this.#advance(entry.sizeBytes);
    return true;
  }

  /** Has a thread make the file as a whole, if it is as simple as most; undefined if it is not. */
  #beginMaking(entry: ManifestEntry): Promise<MadeFile> | undefined {
    const { target, reader } = this.#work;
    const [id] = entry.chunkIds;
    const isSimple = entry.chunkIds.length === 1 && !entry.isSparse && entry.hardlinkGroup === 0;
    if (id === undefined || !isSimple || !target.isPlain(entry)) return undefined;
    const { mode, uid, gid, mtimeNs } = entry;
    const file = { place: target.place(entry.path), mode, uid, gid, mtimeNs };
    return reader.makeFile?.(id, entry.sizeBytes, file);
  }

  async #finishMaking(entry: ManifestEntry, making: Promise<MadeFile>): Promise<void> {
    const made = await making;
    this.throwIfFailed();
    if (made === 'nothing') {
      await this.#write(entry, 'make');
      return;
    }
    if (made === 'content') this.#work.target.describe(entry);
    this.#noteWritten(entry.sizeBytes);
    this.#work.existing?.files.count('make');
  }

  async #write(entry: ManifestEntry, verdict: Verdict): Promise<void> {
    const { existing, target } = this.#work;
    const patched = verdict === 'patch' ? existing?.files.openFile(entry.path) : undefined;
    const fd = patched ?? target.createFile(entry.path);
    this.#openCount++;
    try {
      await (patched === undefined ? this.#fill(fd, entry, verdict) : this.#patch(fd, entry));
    } finally {
      this.#openCount--;
    }
  }

  async #fill(fd: number, entry: ManifestEntry, verdict: Verdict): Promise<void> {
    const { existing, reader, target } = this.#work;
    try {
      await writeChunks(fd, entry, reader, (sizeBytes) => this.#noteWritten(sizeBytes));
      // a file that ends in a hole has its length before its bytes: cut off then, it would seem done to the next run
      if (existing !== undefined && entry.isSparse) await syncData(fd);
    } finally {
      closeSync(fd);
    }
    target.describe(entry);
    existing?.files.count(verdict === 'make' ? 'make' : 'replace');
  }

  async #patch(fd: number, entry: ManifestEntry): Promise<void> {
    const { existing, reader, tally, target } = this.#work;
    if (existing === undefined) throw new TypeError('expected a proof of chunks to patch by, got none');
    const { files, proof } = existing;
    let isChanged: boolean;
    try {
      const patch = await patchFile(fd, entry, reader, proof, (sizeBytes) => this.#advance(sizeBytes));
      tally.addWritten(patch.writtenBytes);
      isChanged = patch.isChanged;
      // its time says that it is done: its bytes must not come later
      if (isChanged) await syncData(fd);
    } finally {
      closeSync(fd);
    }
    const verdict = isChanged ? 'replace' : files.judgeDescription(entry);
    if (verdict !== 'leave') target.describe(entry);
    files.count(verdict);
  }

  #noteWritten(sizeBytes: number): void {
    this.#work.tally.addWritten(sizeBytes);
    this.#work.sync.note(sizeBytes);
    this.#advance(sizeBytes);
  }

  #advance(sizeBytes: number): void {
    this.throwIfFailed();
    this.#work.signal?.throwIfAborted();
    this.#work.tally.addContent(sizeBytes);
  }
}

function heldBy(sizeBytes: number): number {
  return Math.min(sizeBytes, FILE_MAX_BYTES);
}

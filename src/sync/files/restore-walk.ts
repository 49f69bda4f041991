// The walk of a restore: makes one entry after the other, in the manifest's order.
import { DeskPodError } from '../../core/errors.ts';
import type { ManifestEntry } from '../../core/manifest.ts';
import { isUnreadable } from '../storage-failure.ts';
import { displayPath } from './byte-path.ts';
import type { ContentReader } from './content-reader.ts';
import type { EarlySync } from './early-sync.ts';
import { ExistingFiles, type Verdict } from './restore-existing.ts';
import { OpenFolders } from './restore-folders.ts';
import { type ChunkProof, hasContent } from './restore-patch.ts';
import type { RestoreOptions, RestoreResult } from './restore-request.ts';
import { RestoreTally } from './restore-tally.ts';
import { type RestoreTarget, writeFailure } from './restore-target.ts';
import { FileWriting } from './restore-writing.ts';
import type { StandingFiles } from './standing-files.ts';

/** Makes entries in a target. Who walks ends it with {@link finish}, or after a failure with {@link stop}. */
export class RestoreWalk {
  readonly #target: RestoreTarget;
  readonly #signal: AbortSignal | undefined;
  readonly #existing: ExistingFiles | undefined;
  /** With it, files are compared byte by byte. */
  readonly #thoroughProof: ChunkProof | undefined;
  readonly #standing: StandingFiles | undefined;
  readonly #folders: OpenFolders;
  readonly #tally: RestoreTally;
  readonly #writing: FileWriting;
  /** The first name of each inode that has several. */
  readonly #groups = new Map<number, ManifestEntry>();

  constructor(target: RestoreTarget, reader: ContentReader, sync: EarlySync, options: RestoreOptions) {
    const { existing, standing, signal } = options;
    this.#target = target;
    this.#thoroughProof = existing?.isThorough === true ? existing.proof : undefined;
    this.#standing = standing;
    this.#signal = signal;
    this.#folders = new OpenFolders(target);
    this.#tally = new RestoreTally(options);
    if (existing !== undefined) this.#existing = new ExistingFiles(target, existing.isThorough);
    this.#writing = new FileWriting({
      ...{ target, reader, sync, folders: this.#folders, tally: this.#tally },
      ...(this.#existing === undefined || existing === undefined
        ? {}
        : { existing: { files: this.#existing, proof: existing.proof } }),
      ...(standing === undefined ? {} : { standing }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  result(): RestoreResult {
    return {
      ...this.#tally.counts(),
      ...(this.#existing === undefined ? {} : { verdicts: this.#existing.counts }),
      notRestored: this.#target.notRestored,
    };
  }

  /** Makes the next entry; a file's content may still be on its way when this returns. */
  async add(entry: ManifestEntry, isPassage = false): Promise<void> {
    this.#writing.throwIfFailed();
    this.#signal?.throwIfAborted();
    this.#tally.addEntry(entry.kind);
    this.#folders.leaveFor(entry.path);
    if (entry.kind === 'directory') {
      this.#addFolder(entry, isPassage);
      return;
    }
    const first = this.#groups.get(entry.hardlinkGroup);
    if (first !== undefined) {
      this.#addName(first, entry);
      return;
    }
    if (entry.kind === 'file') await this.#addFile(entry);
    else if (!this.#addNode(entry)) return; // a device that is not there has no further names
    if (entry.hardlinkGroup !== 0) this.#groups.set(entry.hardlinkGroup, { ...entry, chunkIds: [] });
  }

  /** Waits for everything under way and sets what must be set last. */
  async finish(): Promise<void> {
    await this.#writing.finish();
    this.#folders.finish();
  }

  /** Waits until no file is open any more, after a failure. */
  stop(): Promise<void> {
    return this.#writing.stop();
  }

  #addFolder(entry: ManifestEntry, isPassage: boolean): void {
    const verdict = this.#judge(entry, isPassage);
    const isKept = isPassage && verdict === 'leave';
    if (!isKept) {
      this.#target.makeFolder(entry.path);
      this.#existing?.count(verdict);
    }
    this.#folders.enter(entry, isKept);
  }

  /** A further name of an inode. */
  #addName(first: ManifestEntry, entry: ManifestEntry): void {
    if (first.kind !== entry.kind) throw kindDiffers(first, entry);
    const verdict = this.#judge(entry, false, first.path);
    if (verdict !== 'leave') this.#target.link(first.path, entry.path);
    this.#existing?.count(verdict);
  }

  /** Begins a file; it is filled while the next entries are made. */
  async #addFile(entry: ManifestEntry): Promise<void> {
    await this.#writing.room(entry.sizeBytes);
    const judged = this.#judge(entry);
    // a file with several names is not written to: one that only seemed the same is made anew, before those are linked to it
    const verdict = judged === 'leave' && !(await this.#isProven(entry)) ? 'replace' : judged;
    if (verdict !== 'leave' && verdict !== 'describe') {
      const standing = verdict === 'make' ? this.#standing?.find(entry) : undefined;
      const named = this.#writing.begin(entry, verdict, standing);
      // its further names are links to this one
      if (entry.hardlinkGroup !== 0) await named;
      return;
    }
    if (verdict === 'describe') this.#target.describe(entry);
    this.#existing?.count(verdict);
    this.#tally.addContent(entry.sizeBytes);
  }

  /** True if a file that seems to be the same is, as far as that was asked for. */
  async #isProven(entry: ManifestEntry): Promise<boolean> {
    if (this.#thoroughProof === undefined) return true;
    try {
      return await hasContent(this.#target.place(entry.path), entry, this.#thoroughProof);
    } catch (error) {
      if (isUnreadable(error)) return false;
      throw writeFailure(entry.path, error);
    }
  }

  /** What is neither file nor folder. False if it could not be made. */
  #addNode(entry: ManifestEntry): boolean {
    const verdict = this.#judge(entry);
    const isThere = verdict === 'leave' || verdict === 'describe' || this.#target.makeNode(entry);
    if (!isThere) return false;
    if (verdict !== 'leave') this.#target.describe(entry);
    this.#existing?.count(verdict);
    return true;
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
}

function kindDiffers(first: ManifestEntry, entry: ManifestEntry): DeskPodError {
  const { kind } = first;
  return new DeskPodError(
    'MANIFEST_DAMAGED',
    `${displayPath(entry.path)}: expected a ${kind} like its other name, got a ${entry.kind}`,
  );
}

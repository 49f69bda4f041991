// Captures of a watched tree: of what has changed since the last one, or of everything if that cannot be told.
import { isDeskPodError } from '../../core/errors.ts';
import { PatchMismatch } from '../../core/manifest-patch.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Root } from '../../core/root.ts';
import { readEncodedManifest } from '../browse/manifest-stream.ts';
import { pathKey } from '../files/byte-path.ts';
import type { CaptureStats } from '../files/capture.ts';
import type { ScannedEntry } from '../files/scanner.ts';
import { type CapturedTree, writerInto } from '../pod/seal-checkpoint.ts';
import type { Tree } from '../pod/tree.ts';
import { BlindSpots, type FoundPart } from './blind-spots.ts';
import type { GapCause } from './gap-cause.ts';
import { type Hints, isOfPod, type TakenHints } from './hints.ts';
import { lookAt, notCrossedAfter } from './look-at.ts';
import { capturePatch, type PatchWork } from './patch-capture.ts';
import { doubting, withoutUnsure } from './unsure-index.ts';

/** Everything is looked at again at least this often, whatever the watch says: nobody knows what nobody thought of. */
const SCAN_EVERY_MS = 60 * 60_000;
/** When there is nothing else to do, it is done sooner. */
const SCAN_EARLY_MS = 30 * 60_000;

/** While everything is on the move, a look at all of it comes to an end sooner. */
const PATCH_ATTEMPTS = 3;

/** The manifest of a moment since when every change is known. */
interface Known {
  readonly root: Root;
  readonly mounts: readonly Uint8Array[];
  readonly stats: CaptureStats;
  readonly spots: BlindSpots;
}

/** What a capture came to. */
export interface Captured {
  readonly files: CapturedTree;
  /** To be called when it is durable, or has come to nothing. `isSealed` if a checkpoint that nobody doubts has it. */
  settle(isDurable: boolean, isSealed: boolean): Promise<void>;
}

/** Captures a tree by the hints on it. One capture is settled before the next begins. */
export class TreeCapture {
  readonly #tree: Tree;
  readonly #root: Buffer;
  readonly #hints: Hints;
  #known: Known | undefined;
  #scannedAtMs = 0;

  constructor(tree: Tree, root: Buffer, hints: Hints) {
    this.#tree = tree;
    this.#root = root;
    this.#hints = hints;
  }

  /** True if the next capture looks at everything. */
  get needsScan(): boolean {
    return (
      this.#known === undefined ||
      this.#hints.doubts.length > 0 ||
      performance.now() - this.#scannedAtMs > SCAN_EVERY_MS
    );
  }

  /** True if a scan is worth its time when there is nothing else to do. */
  get mayScan(): boolean {
    return this.needsScan || performance.now() - this.#scannedAtMs >= SCAN_EARLY_MS;
  }

  /** The manifest that a scan would make by all that is known; undefined if another one is to be expected. */
  get expectedRoot(): Root | undefined {
    return this.needsScan || !this.#hints.isEmpty ? undefined : this.#known?.root;
  }

  /** Takes what there is to know before a capture. */
  look(): Promise<void> {
    return this.#hints.look(this.#known?.spots);
  }

  /** What is known is worth nothing any more: somebody has changed the repository. */
  distrust(): void {
    this.#known = undefined;
  }

  /** Captures the tree as it is. @throws DeskPodError SOURCE_UNREADABLE, SPACE_EXHAUSTED */
  async capture(onProgress: ProgressListener): Promise<Captured> {
    let patched: Captured | 'misfit' | undefined = 'misfit';
    for (let attempt = 1; patched === 'misfit'; attempt++) {
      await this.look();
      if (this.needsScan) break;
      patched = attempt > PATCH_ATTEMPTS ? await this.#refuse('mismatch') : await this.#patch(onProgress);
    }
    return patched === undefined || patched === 'misfit' ? this.scan(onProgress) : patched;
  }

  /** Captures everything. What happens from now on is dirty, whether the scan comes by before or after it. */
  async scan(onProgress: ProgressListener, signal?: AbortSignal): Promise<Captured> {
    const { pod } = this.#tree;
    const atMs = Date.now();
    const startedMs = performance.now();
    const { doubts } = this.#hints;
    this.#known = undefined;
    const { unsure } = this.#hints.take();
    const spots = new BlindSpots(this.#root);
    const mounts = new Set<string>();
    try {
      const files = await this.#tree.capture({
        index: withoutUnsure(pod.projections.files, (path) => unsure.has(pathKey(path))),
        onProgress,
        onMount: (path) => mounts.add(pathKey(path)),
        onScanned: (inode) => {
          const { path } = inode;
          spots.see(path, inode, atMs);
          if (mounts.delete(pathKey(path))) spots.seeMount(path, inode, atMs);
        },
        ...(signal === undefined ? {} : { signal }),
      });
      const settle = async (isDurable: boolean, isSealed: boolean): Promise<void> => {
        if (!isDurable) return this.#fail({ unsure });
        this.#hints.settle(doubts);
        this.#known = knownOf(files, isSealed, spots);
        this.#scannedAtMs = startedMs;
      };
      return { files, settle };
    } catch (error) {
      this.#fail({ unsure });
      throw error;
    }
  }

  /**
   * Captures what has changed; undefined if that cannot be told. A misfit is mostly of what changed while it was looked
   * at: its events come with the next look.
   */
  async #patch(onProgress: ProgressListener): Promise<Captured | 'misfit' | undefined> {
    const known = this.#known;
    if (known === undefined) return undefined;
    const { pod } = this.#tree;
    const taken = this.#hints.take();
    const { dirty, unsure } = taken;
    if (dirty.size === 0) return this.#unchanged(known);
    const atMs = Date.now();
    try {
      const mounts: ScannedEntry[] = [];
      const parts = this.#lookAtAll(taken, known, mounts);
      if (parts === undefined) return this.#refuse('many', taken);
      if (!known.spots.hasAllNames(parts)) return this.#refuse('links', taken);
      const isUnsure = (path: Uint8Array): boolean => unsure.has(pathKey(path));
      const run = doubting(await pod.projections.files.beginPart(atMs), isUnsure);
      const work: PatchWork = {
        root: this.#root,
        writer: writerInto(pod.content, 'data'),
        run,
        onProgress,
      };
      const { files: fileCount, unchangedFiles } = known.stats;
      const entries = readEncodedManifest(pod.content, known.root);
      const notCrossed = notCrossedAfter(known.stats.notCrossed, parts, mounts);
      const before = { entries, differingFiles: fileCount - unchangedFiles, notCrossed };
      const files = await capturePatch(before, parts, work);
      const settle = async (isDurable: boolean, isSealed: boolean): Promise<void> => {
        if (!isDurable) return this.#fail(taken);
        known.spots.update(parts, atMs);
        for (const { inode, entry } of mounts) known.spots.seeMount(entry.path, inode, atMs);
        this.#known = knownOf(files, isSealed, known.spots);
      };
      return { files, settle };
    } catch (error) {
      this.#fail(taken);
      if (isMisfit(error)) return 'misfit';
      throw error;
    }
  }

  /** What is at the dirty paths and at all other names of the inodes there, which become dirty, too. */
  #lookAtAll(
    { dirty }: TakenHints,
    { spots }: Known,
    mounts: ScannedEntry[],
  ): readonly FoundPart[] | undefined {
    for (;;) {
      const parts = lookAt(this.#root, dirty.inOrder(), {
        isExcluded: isOfPod,
        onMount: (scanned) => mounts.push(scanned),
      });
      const beside = parts === undefined ? [] : spots.namesBeside(parts);
      if (beside.length === 0) return parts;
      for (const path of beside) dirty.mark(path);
    }
  }

  /** Nothing has changed: the manifest is the one that is there. */
  #unchanged({ root, stats, mounts, spots }: Known): Captured {
    const files: CapturedTree = {
      ...{ root, mounts, stats: { ...stats, changedWhileRead: [] } },
      settle: async (isOfCheckpoint) => {
        const run = await this.#tree.pod.projections.files.beginPart(Date.now());
        await run.settle(isOfCheckpoint);
      },
    };
    const settle = async (_isDurable: boolean, isSealed: boolean): Promise<void> => {
      if (isSealed) this.#known = knownOf(files, isSealed, spots);
    };
    return { files, settle };
  }

  /** Everything is to be looked at instead; what is unsure is then read again, too. */
  async #refuse(cause: GapCause, taken?: TakenHints): Promise<undefined> {
    if (taken !== undefined) this.#hints.giveBack({ unsure: taken.unsure });
    await this.#hints.doubtAlso(cause);
    return undefined;
  }

  /** What was written and is not durable is forgotten, or nothing could be written ever again. */
  #fail(taken: Partial<TakenHints>): void {
    this.#tree.pod.content.discard();
    this.#hints.giveBack(taken);
  }
}

/** What the next patch builds on: a sealed tree is the one that is compared with. */
function knownOf({ root, stats, mounts }: CapturedTree, isSealed: boolean, spots: BlindSpots): Known {
  return { root, mounts, spots, stats: isSealed ? { ...stats, unchangedFiles: stats.files } : stats };
}

/** A failure that a scan of everything may not have, or tells better. */
function isMisfit(error: unknown): boolean {
  return (
    error instanceof PatchMismatch ||
    isDeskPodError(error, 'SOURCE_UNREADABLE') ||
    isDeskPodError(error, 'CHUNK_MISSING')
  );
}

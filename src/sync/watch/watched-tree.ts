// A tree pod that is watched: a checkpoint looks at what has changed, or at everything if the watch may have missed some.
import { realpathSync } from 'node:fs';
import { DirtyPaths } from '../../core/dirty-paths.ts';
import { isDeskPodError } from '../../core/errors.ts';
import { PatchMismatch } from '../../core/manifest-patch.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { isSameRoot, type Root } from '../../core/root.ts';
import { latestCheckpoint } from '../../core/state.ts';
import { readManifest } from '../browse/manifest-stream.ts';
import type { CaptureStats } from '../files/capture.ts';
import type { ScannedEntry } from '../files/scanner.ts';
import { noteUnreadable } from '../pod/doubt.ts';
import type { Pod } from '../pod/pod.ts';
import {
  type CapturedTree,
  type CheckpointReport,
  type DoubtAnswer,
  sealCheckpoint,
  writerInto,
} from '../pod/seal-checkpoint.ts';
import { TREE_POD_PATH, type Tree } from '../pod/tree.ts';
import { BlindSpots, type FoundPart } from './blind-spots.ts';
import type { GapCause } from './gap-cause.ts';
import { HeldFileWatch } from './held-files.ts';
import { lookAt, notCrossedAfter } from './look-at.ts';
import { capturePatch, type PatchWork } from './patch-capture.ts';
import { ReadAhead } from './read-ahead.ts';
import { Surroundings } from './surroundings.ts';
import { TreeWatch } from './tree-watch.ts';
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
interface Captured {
  readonly files: CapturedTree;
  /** To be called when it is durable, or has come to nothing. `isSealed` if a checkpoint that nobody doubts has it. */
  settle(isDurable: boolean, isSealed: boolean): Promise<void>;
}

/** How a checkpoint is made. */
export interface WatchedCheckpointOptions {
  readonly reason: 'files' | 'schedule';
  /** Seals none if the files are those of the last one. */
  readonly isOptional: boolean;
  readonly ifDoubtful: DoubtAnswer;
}

/** Owns a tree and its watch. Its owner calls one thing after another, and closes it. */
export class WatchedTree {
  readonly watch: TreeWatch;
  readonly readAhead: ReadAhead;
  readonly #tree: Tree;
  readonly #root: Buffer;
  readonly #surroundings: Surroundings;
  readonly #held: HeldFileWatch;
  #known: Known | undefined;
  /** What may differ from what is known. */
  #dirty = new DirtyPaths();
  /** Files that programs write to in memory: they are read again. */
  #unsure = new Set<string>();
  /** Why what is known is not enough; each is in the log. */
  readonly #doubts = new Set<GapCause>();
  /** Causes that were there when it was last asked: one that lasts is logged once. */
  #lasting: ReadonlySet<GapCause> = new Set();
  #scannedAtMs = 0;
  /** Changes happen here that no event tells of. */
  #isBlind = false;

  private constructor(tree: Tree) {
    this.#tree = tree;
    const root = realpathSync(tree.dir);
    this.#root = Buffer.from(root);
    this.#surroundings = new Surroundings(root);
    this.#held = new HeldFileWatch(root, isOfPod);
    this.readAhead = new ReadAhead(tree.pod, this.#root, isOfPod);
    this.watch = TreeWatch.start(this.#root, [TREE_POD_PATH]);
  }

  /** Begins to watch a tree, which it owns from now on. */
  static async start(tree: Tree): Promise<WatchedTree> {
    const watched = new WatchedTree(tree);
    try {
      await watched.#doubt(['start']);
      return watched;
    } catch (error) {
      await watched.watch.stop();
      throw error;
    }
  }

  get pod(): Pod {
    return this.#tree.pod;
  }

  /** See {@link Tree.notCrossed}. */
  notCrossed(): Uint8Array[] {
    return this.#tree.notCrossed();
  }

  /** True if the next checkpoint looks at everything. */
  get needsScan(): boolean {
    return (
      this.#known === undefined ||
      this.#doubts.size > 0 ||
      performance.now() - this.#scannedAtMs > SCAN_EVERY_MS
    );
  }

  /** Seals the folder as it is. @throws DeskPodError SOURCE_UNREADABLE, CHECKPOINT_DOUBTFUL, SPACE_EXHAUSTED */
  async checkpoint(
    onProgress: ProgressListener,
    ifDoubtful: DoubtAnswer = 'stop',
  ): Promise<CheckpointReport> {
    const report = await this.seal({ reason: 'files', isOptional: false, ifDoubtful }, onProgress);
    if (report === undefined) throw new TypeError('a checkpoint that was not optional');
    return report;
  }

  /** Like {@link checkpoint}; undefined if none was needed. */
  async seal(
    { reason, isOptional, ifDoubtful }: WatchedCheckpointOptions,
    onProgress: ProgressListener,
  ): Promise<CheckpointReport | undefined> {
    const startedMs = performance.now();
    const { files, settle } = await this.#captureInPlace(reason, onProgress);
    try {
      const { state } = this.pod;
      const last = state.doubt === undefined ? latestCheckpoint(state) : undefined;
      const isSealed = isOptional && last !== undefined && isSameRoot(last.files, files.root);
      const parts = { reason, files, pauseMs: 0, startedMs, ifDoubtful };
      const report = isSealed ? await this.#keep(files) : await sealCheckpoint(this.pod, parts);
      await settle(true, this.pod.state.doubt === undefined);
      this.readAhead.clear();
      return report;
    } catch (error) {
      // what is doubtful is stored, and needs not be read again when the question is answered
      await settle(isDeskPodError(error, 'CHECKPOINT_DOUBTFUL'), false);
      throw error;
    }
  }

  /** Looks at everything if that is due, so that the next checkpoint need not; what it finds is stored already. */
  async reconcile(onProgress: ProgressListener, signal?: AbortSignal): Promise<void> {
    await this.#look();
    if (!this.needsScan && performance.now() - this.#scannedAtMs < SCAN_EARLY_MS) return;
    const expected = this.needsScan || this.#dirty.size > 0 ? undefined : this.#known?.root;
    const { files, settle } = await this.#scan(onProgress, signal);
    try {
      await this.#keep(files);
      await settle(true, false);
    } catch (error) {
      await settle(false, false);
      throw error;
    }
    if (expected !== undefined && !isSameRoot(expected, files.root)) await this.#findMissed();
  }

  /** What is known is worth nothing any more: somebody has changed the repository. */
  distrust(): void {
    this.#known = undefined;
  }

  /** A scan found what nobody had told of. If nothing has happened since either, the watch is not to be trusted here. */
  async #findMissed(): Promise<void> {
    await this.#look();
    if (this.#dirty.size > 0 || this.#doubts.size > 0) return;
    this.#isBlind = true;
    await this.#doubt(['missed']);
  }

  /** Makes what was captured last, without a checkpoint. */
  async #keep(files: CapturedTree): Promise<undefined> {
    await this.pod.content.flush();
    await files.settle(false);
    return undefined;
  }

  /** Ends the watch and closes the tree. */
  async close(): Promise<void> {
    await this.watch.stop();
    await this.#tree.close();
  }

  /** Takes what the watch has noticed, and what else there is to doubt. */
  async #look(): Promise<void> {
    const taken = this.watch.take();
    const surroundings = this.#surroundings.doubts();
    const held = this.#held.look();
    const { dirty, gaps } = await taken;
    this.#dirty.markAll(dirty.inOrder());
    for (const path of held.dirty) this.#dirty.mark(path);
    for (const path of held.unsure) {
      this.#dirty.mark(path);
      this.#unsure.add(keyOf(path));
    }
    for (const path of this.#known?.spots.changed() ?? []) this.#dirty.mark(path);
    const causes = [...gaps, ...surroundings];
    if (this.#known?.spots.isTooMany) causes.push('links');
    if (this.#isBlind) causes.push('missed');
    await this.#doubt(causes);
  }

  /** Notes why everything is to be looked at; a cause that was there the last time, too, is in the log. */
  async #doubt(causes: readonly GapCause[]): Promise<void> {
    for (const cause of new Set(causes)) {
      if (!this.#doubts.has(cause) && !this.#lasting.has(cause))
        await this.pod.append({ type: 'noteGap', cause });
      this.#doubts.add(cause);
    }
    this.#lasting = new Set(causes);
  }

  /** Captures what is where the tree was opened; a schedule that cannot says so in the log, as nobody looks on. */
  async #captureInPlace(
    reason: WatchedCheckpointOptions['reason'],
    onProgress: ProgressListener,
  ): Promise<Captured> {
    try {
      this.#tree.place.requireInPlace();
      return await this.#capture(onProgress);
    } catch (error) {
      const isAbout = isDeskPodError(error, 'SOURCE_UNREADABLE');
      if (reason === 'schedule' && isAbout) await noteUnreadable(this.pod, error);
      throw error;
    }
  }

  async #capture(onProgress: ProgressListener): Promise<Captured> {
    let patched: Captured | 'misfit' | undefined = 'misfit';
    for (let attempt = 1; patched === 'misfit'; attempt++) {
      await this.#look();
      if (this.needsScan) break;
      patched = attempt > PATCH_ATTEMPTS ? await this.#refuse('mismatch') : await this.#patch(onProgress);
    }
    return patched === undefined || patched === 'misfit' ? this.#scan(onProgress) : patched;
  }

  /**
   * Captures what has changed; undefined if that cannot be told. A misfit is mostly of what changed while it was looked
   * at: its events come with the next look.
   */
  async #patch(onProgress: ProgressListener): Promise<Captured | 'misfit' | undefined> {
    const known = this.#known;
    if (known === undefined) return undefined;
    const [dirty, unsure] = [this.#dirty, this.#unsure];
    const giveBack = (): void => {
      this.#dirty.markAll(dirty.inOrder());
      for (const key of unsure) this.#unsure.add(key);
    };
    this.#dirty = new DirtyPaths();
    this.#unsure = new Set();
    if (dirty.size === 0) return this.#unchanged(known);
    const atMs = Date.now();
    try {
      const mounts: ScannedEntry[] = [];
      let parts = this.#lookAt(dirty, mounts);
      for (let beside = others(known, parts); beside.length > 0; beside = others(known, parts)) {
        for (const path of beside) dirty.mark(path);
        parts = this.#lookAt(dirty, mounts);
      }
      if (parts === undefined) return this.#refuse('many');
      if (!known.spots.hasAllNames(parts)) return this.#refuse('links');
      const isUnsure = (path: Uint8Array): boolean => unsure.has(keyOf(path));
      const run = doubting(await this.pod.projections.files.beginPart(atMs), isUnsure);
      const work: PatchWork = {
        root: this.#root,
        writer: writerInto(this.pod.content, 'data'),
        run,
        onProgress,
      };
      const { files: fileCount, unchangedFiles } = known.stats;
      const entries = readManifest(this.pod.content, known.root);
      const notCrossed = notCrossedAfter(known.stats.notCrossed, parts, mounts);
      const before = { entries, differingFiles: fileCount - unchangedFiles, notCrossed };
      const files = await capturePatch(before, parts, work);
      const settle = async (isDurable: boolean, isSealed: boolean): Promise<void> => {
        if (!isDurable) return this.#fail(giveBack);
        known.spots.update(parts, atMs);
        for (const { inode, entry } of mounts) known.spots.seeMount(entry.path, inode, atMs);
        this.#known = knownOf(files, isSealed, known.spots);
      };
      return { files, settle };
    } catch (error) {
      await this.#fail(giveBack);
      if (isMisfit(error)) return 'misfit';
      throw error;
    }
  }

  /** Nothing has changed: the manifest is the one that is there. */
  #unchanged({ root, stats, mounts, spots }: Known): Captured {
    const files: CapturedTree = {
      ...{ root, mounts, stats: { ...stats, changedWhileRead: [] } },
      settle: async (isOfCheckpoint) => {
        const run = await this.pod.projections.files.beginPart(Date.now());
        await run.settle(isOfCheckpoint);
      },
    };
    const settle = async (_isDurable: boolean, isSealed: boolean): Promise<void> => {
      if (isSealed) this.#known = knownOf(files, isSealed, spots);
    };
    return { files, settle };
  }

  #lookAt(dirty: DirtyPaths, mounts: ScannedEntry[]): readonly FoundPart[] | undefined {
    return lookAt(this.#root, dirty.inOrder(), {
      isExcluded: isOfPod,
      onMount: (scanned) => mounts.push(scanned),
    });
  }

  async #refuse(cause: GapCause): Promise<undefined> {
    await this.#doubt([...this.#lasting, cause]);
    return undefined;
  }

  /** Captures everything. What happens from now on is dirty, whether the scan comes by before or after it. */
  async #scan(onProgress: ProgressListener, signal?: AbortSignal): Promise<Captured> {
    const atMs = Date.now();
    const startedMs = performance.now();
    const doubts = [...this.#doubts];
    const unsure = this.#unsure;
    const giveBack = (): void => {
      for (const key of unsure) this.#unsure.add(key);
    };
    this.#known = undefined;
    this.#dirty = new DirtyPaths();
    this.#unsure = new Set();
    const spots = new BlindSpots(this.#root);
    const mounts = new Set<string>();
    try {
      const files = await this.#tree.capture({
        index: withoutUnsure(this.pod.projections.files, (path) => unsure.has(keyOf(path))),
        onProgress,
        onMount: (path) => mounts.add(keyOf(path)),
        onScanned: (inode) => {
          const { path } = inode;
          spots.see(path, inode, atMs);
          if (mounts.delete(keyOf(path))) spots.seeMount(path, inode, atMs);
        },
        ...(signal === undefined ? {} : { signal }),
      });
      const settle = async (isDurable: boolean, isSealed: boolean): Promise<void> => {
        if (!isDurable) return this.#fail(giveBack);
        for (const cause of doubts) this.#doubts.delete(cause);
        this.#known = knownOf(files, isSealed, spots);
        this.#scannedAtMs = startedMs;
      };
      return { files, settle };
    } catch (error) {
      await this.#fail(giveBack);
      throw error;
    }
  }

  /** What was written and is not durable is forgotten, or nothing could be written ever again. */
  async #fail(giveBack: () => void): Promise<void> {
    this.pod.content.discard();
    giveBack();
  }
}

function others({ spots }: Known, parts: readonly FoundPart[] | undefined): Uint8Array[] {
  return parts === undefined ? [] : spots.namesBeside(parts);
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

function isOfPod(path: Uint8Array): boolean {
  return (
    Buffer.compare(path.subarray(0, TREE_POD_PATH.length), TREE_POD_PATH) === 0 &&
    (path.length === TREE_POD_PATH.length || path[TREE_POD_PATH.length] === 0x2f)
  );
}

function keyOf(path: Uint8Array): string {
  return Buffer.from(path.buffer, path.byteOffset, path.length).toString('latin1');
}

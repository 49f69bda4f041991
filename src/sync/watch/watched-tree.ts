// A tree pod that is watched: a checkpoint looks at what has changed, or at everything if the watch may have missed some.
import { realpathSync } from 'node:fs';
import { isDeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { isSameRoot } from '../../core/root.ts';
import { latestCheckpoint } from '../../core/state.ts';
import { noteUnreadable } from '../pod/doubt.ts';
import type { Pod } from '../pod/pod.ts';
import {
  type CapturedTree,
  type CheckpointReport,
  type DoubtAnswer,
  sealCheckpoint,
} from '../pod/seal-checkpoint.ts';
import type { Tree } from '../pod/tree.ts';
import { Hints, isOfPod } from './hints.ts';
import { ReadAhead } from './read-ahead.ts';
import { type Captured, TreeCapture } from './tree-capture.ts';
import type { TreeWatch } from './tree-watch.ts';

/** How a checkpoint is made. */
export interface WatchedCheckpointOptions {
  readonly reason: 'files' | 'schedule' | 'dock';
  /** Seals none if the files are those of the last one. */
  readonly isOptional: boolean;
  readonly ifDoubtful: DoubtAnswer;
}

/** Owns a tree and its watch. Its owner calls one thing after another, and closes it. */
export class WatchedTree {
  readonly readAhead: ReadAhead;
  readonly #tree: Tree;
  readonly #hints: Hints;
  readonly #capture: TreeCapture;

  private constructor(tree: Tree) {
    this.#tree = tree;
    const root = realpathSync(tree.dir);
    this.readAhead = new ReadAhead(tree.pod, Buffer.from(root), isOfPod);
    this.#hints = new Hints(tree.pod, root);
    this.#capture = new TreeCapture(tree, Buffer.from(root), this.#hints);
  }

  /** Begins to watch a tree, which it owns from now on. */
  static async start(tree: Tree): Promise<WatchedTree> {
    const watched = new WatchedTree(tree);
    try {
      await watched.#hints.doubt(['start']);
      return watched;
    } catch (error) {
      await watched.watch.stop();
      throw error;
    }
  }

  get pod(): Pod {
    return this.#tree.pod;
  }

  /** The folder. */
  get dir(): string {
    return this.#tree.dir;
  }

  get watch(): TreeWatch {
    return this.#hints.watch;
  }

  /** See {@link Tree.notCrossed}. */
  notCrossed(): Uint8Array[] {
    return this.#tree.notCrossed();
  }

  /** True if the next checkpoint looks at everything. */
  get needsScan(): boolean {
    return this.#capture.needsScan;
  }

  /** Seals the folder as it is. @throws DeskPodError SOURCE_UNREADABLE, CHECKPOINT_DOUBTFUL, SPACE_EXHAUSTED */
  async checkpoint(
    onProgress: ProgressListener,
    ifDoubtful: DoubtAnswer = 'stop',
    reason: 'files' | 'dock' = 'files',
  ): Promise<CheckpointReport> {
    const report = await this.seal({ reason, isOptional: false, ifDoubtful }, onProgress);
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
    await this.#capture.look();
    if (!this.#capture.mayScan) return;
    const expected = this.#capture.expectedRoot;
    const { files, settle } = await this.#capture.scan(onProgress, signal);
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
    this.#capture.distrust();
  }

  /** A scan found what nobody had told of. If nothing has happened since either, the watch is not to be trusted here. */
  async #findMissed(): Promise<void> {
    await this.#capture.look();
    if (!this.#hints.isEmpty || this.#hints.doubts.length > 0) return;
    await this.#hints.doubtForever();
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

  /** Captures what is where the tree was opened; a schedule that cannot says so in the log, as nobody looks on. */
  async #captureInPlace(
    reason: WatchedCheckpointOptions['reason'],
    onProgress: ProgressListener,
  ): Promise<Captured> {
    try {
      this.#tree.place.requireInPlace();
      return await this.#capture.capture(onProgress);
    } catch (error) {
      const isAbout = isDeskPodError(error, 'SOURCE_UNREADABLE');
      if (reason === 'schedule' && isAbout) await noteUnreadable(this.pod, error);
      throw error;
    }
  }
}

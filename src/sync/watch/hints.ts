// Hints: what may differ from what is known of a tree, by its watch and what that does not see, or why they may not be all.
import { equalBytes } from '../../core/bytes.ts';
import { DirtyPaths } from '../../core/dirty-paths.ts';
import { isWithin } from '../../core/path-order.ts';
import { pathKey } from '../files/byte-path.ts';
import type { Pod } from '../pod/pod.ts';
import { TREE_POD_PATH } from '../pod/tree.ts';
import type { BlindSpots } from './blind-spots.ts';
import type { GapCause } from './gap-cause.ts';
import { HeldFileWatch } from './held-files.ts';
import { Surroundings } from './surroundings.ts';
import { TreeWatch } from './tree-watch.ts';

/** Hints that somebody has taken to look at. */
export interface TakenHints {
  /** What may differ from what is known. */
  readonly dirty: DirtyPaths;
  /** Files that programs write to in memory, by {@link pathKey}: they are read again. */
  readonly unsure: ReadonlySet<string>;
}

/** Collects hints on a tree from when it is made until its watch is stopped. Doubts about them are logged. */
export class Hints {
  readonly watch: TreeWatch;
  readonly #pod: Pod;
  readonly #surroundings: Surroundings;
  readonly #held: HeldFileWatch;
  #dirty = new DirtyPaths();
  #unsure = new Set<string>();
  /** Why what is known is not enough; each is in the log, or {@link #unlogged}. */
  readonly #doubts = new Set<GapCause>();
  /** Doubts that are still to be logged: the drive may have been full. */
  readonly #unlogged = new Set<GapCause>();
  /** Causes that were there when it was last asked: one that lasts is logged once. */
  #lasting: ReadonlySet<GapCause> = new Set();
  /** Changes happen here that no event tells of. */
  #isBlind = false;

  constructor(pod: Pod, root: string) {
    this.#pod = pod;
    this.#surroundings = new Surroundings(root);
    this.#held = new HeldFileWatch(root, isOfPod);
    this.watch = TreeWatch.start(Buffer.from(root), [TREE_POD_PATH]);
  }

  /** True if nothing is to be looked at. */
  get isEmpty(): boolean {
    return this.#dirty.size === 0;
  }

  /** Why everything is to be looked at; empty if the hints are all there is. */
  get doubts(): readonly GapCause[] {
    return [...this.#doubts];
  }

  /** Takes what the watch has noticed, and what else there is to doubt. `spots` are those of what is known, if it is. */
  async look(spots: BlindSpots | undefined): Promise<void> {
    const taken = this.watch.take();
    const surroundings = this.#surroundings.doubts();
    const held = this.#held.look();
    const { dirty, gaps } = await taken;
    this.#dirty.markAll(dirty.inOrder());
    for (const path of held.dirty) this.#dirty.mark(path);
    for (const path of held.unsure) {
      this.#dirty.mark(path);
      this.#unsure.add(pathKey(path));
    }
    for (const path of spots?.changed() ?? []) this.#dirty.mark(path);
    const causes = [...gaps, ...surroundings];
    if (spots?.isTooMany || held.isNameless) causes.push('links');
    if (this.#isBlind) causes.push('missed');
    await this.doubt(causes);
  }

  /** Notes why everything is to be looked at; a cause that was there the last time, too, is in the log. */
  async doubt(causes: readonly GapCause[]): Promise<void> {
    for (const cause of new Set(causes)) {
      if (!this.#doubts.has(cause) && !this.#lasting.has(cause)) this.#unlogged.add(cause);
      this.#doubts.add(cause);
    }
    this.#lasting = new Set(causes);
    // last: what was missed is doubted even if it cannot be logged
    for (const cause of this.#unlogged) {
      await this.#pod.append({ type: 'noteGap', cause });
      this.#unlogged.delete(cause);
    }
  }

  /** Notes one more cause beside those of the last look. */
  async doubtAlso(cause: GapCause): Promise<void> {
    await this.doubt([...this.#lasting, cause]);
  }

  /** The watch has missed something though nothing told of a gap: it is not to be trusted here from now on. */
  async doubtForever(): Promise<void> {
    this.#isBlind = true;
    await this.doubt(['missed']);
  }

  /** These doubts are no more: everything was looked at since. */
  settle(doubts: readonly GapCause[]): void {
    for (const cause of doubts) this.#doubts.delete(cause);
  }

  /** Takes all hints: what comes from now on is another look's. */
  take(): TakenHints {
    const taken = { dirty: this.#dirty, unsure: this.#unsure };
    this.#dirty = new DirtyPaths();
    this.#unsure = new Set();
    return taken;
  }

  /** Takes hints back whose look has come to nothing. */
  giveBack({ dirty, unsure }: Partial<TakenHints>): void {
    this.#dirty.markAll(dirty?.inOrder() ?? []);
    for (const key of unsure ?? []) this.#unsure.add(key);
  }
}

/** True for the pod's own folder in a tree, and what is below it. */
export function isOfPod(path: Uint8Array): boolean {
  return equalBytes(path, TREE_POD_PATH) || isWithin(path, TREE_POD_PATH);
}

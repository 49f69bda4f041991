// A watch on a tree: what has changed in it since it was last asked, complete, or why that cannot be told.
import { closeSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { type Observable, ReplaySubject, Subject } from 'rxjs';
import { DirtyPaths } from '../../core/dirty-paths.ts';
import { makeBell } from '../posix/inotify.ts';
import type { GapCause } from './gap-cause.ts';
import type { DirtyKeys, WatchOrder, WatchReport, WatchRequest } from './watch-messages.ts';

/** What a watch noticed. */
export interface Taken {
  /** All that may have changed since the last time. Worth nothing if there are gaps. */
  readonly dirty: DirtyPaths;
  /** Why it may not be all; empty if it is. */
  readonly gaps: readonly GapCause[];
  readonly folderCount: number;
}

const RING = Buffer.from(new BigUint64Array([1n]).buffer);

/** Watches from {@link start} to {@link stop}, on a thread of its own. */
export class TreeWatch {
  readonly #worker: Worker;
  readonly #bell: number;
  readonly #waiting: ((taken: Taken) => void)[] = [];
  readonly #ended: Promise<void>;
  readonly #changed = new Subject<DirtyPaths>();
  readonly #gaps = new Subject<readonly GapCause[]>();
  readonly #ready = new ReplaySubject<boolean>(1);
  #failure: unknown;
  #hasEnded = false;

  private constructor(root: Uint8Array, excluded: readonly Uint8Array[]) {
    this.#bell = makeBell();
    const order: WatchOrder = { root, excluded, bell: this.#bell };
    this.#worker = new Worker(new URL('./watch-thread.ts', import.meta.url), {
      workerData: order,
      // its queue is the kernel's, not one that Node has opened
      trackUnmanagedFds: false,
    });
    this.#worker.on('message', (report: WatchReport) => this.#hear(report));
    this.#worker.on('error', (error) => {
      this.#failure = error;
    });
    this.#ended = new Promise((resolve) => this.#worker.once('exit', () => resolve(this.#end())));
  }

  /** Begins to watch all folders under `root` but those `excluded`; see {@link ready}. */
  static start(root: Uint8Array, excluded: readonly Uint8Array[]): TreeWatch {
    return new TreeWatch(root, excluded);
  }

  /** What changed lately: hints, which may come twice or never. */
  get changed(): Observable<DirtyPaths> {
    return this.#changed;
  }

  /** Causes of gaps, as they happen. */
  get gaps(): Observable<readonly GapCause[]> {
    return this.#gaps;
  }

  /** Whether every folder is watched: says so at first, when that is known, and again after a failure. */
  get ready(): Observable<boolean> {
    return this.#ready;
  }

  /** Why the thread ended, if it did not mean to. */
  get failure(): unknown {
    return this.#failure;
  }

  /**
   * All that was noticed since the last call. Every change that a program had made before this call is in it, as far as
   * the kernel tells of it, or there is a gap.
   */
  take(): Promise<Taken> {
    if (this.#hasEnded) return Promise.resolve(BROKEN);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#ask({ type: 'take' });
    });
  }

  /** Ends the watch. */
  async stop(): Promise<void> {
    if (!this.#hasEnded) this.#ask({ type: 'stop' });
    await this.#ended;
  }

  #ask(request: WatchRequest): void {
    this.#worker.postMessage(request);
    writeSync(this.#bell, RING);
  }

  #hear(report: WatchReport): void {
    if (report.type === 'changed') this.#changed.next(dirtyOf(report.paths));
    else if (report.type === 'gap') this.#gaps.next(report.causes);
    else if (report.type === 'ready') this.#ready.next(report.isWatching);
    else {
      const { dirty, gaps, folderCount } = report;
      this.#waiting.shift()?.({ dirty: dirtyOf(dirty), gaps, folderCount });
    }
  }

  #end(): void {
    this.#hasEnded = true;
    closeSync(this.#bell);
    for (const resolve of this.#waiting.splice(0)) resolve(BROKEN);
    if (this.#failure !== undefined) this.#gaps.next(BROKEN.gaps);
    this.#changed.complete();
    this.#gaps.complete();
    this.#ready.complete();
  }
}

const BROKEN: Taken = { dirty: new DirtyPaths(), gaps: ['error'], folderCount: 0 };

function dirtyOf({ alone, whole }: DirtyKeys): DirtyPaths {
  const dirty = new DirtyPaths();
  for (const key of alone) dirty.mark(Buffer.from(key, 'latin1'));
  for (const key of whole) dirty.mark(Buffer.from(key, 'latin1'), true);
  return dirty;
}

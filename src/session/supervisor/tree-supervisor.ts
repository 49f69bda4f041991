// The supervisor of a watched tree pod: answers for the pod, keeps ahead of its checkpoints, and makes some by itself.
import type { Server } from 'node:http';
import { exhaustMap, filter, interval, type Observable, Subscription } from 'rxjs';
import { isDeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { browsePod } from '../../sync/browse/browsed-pod.ts';
import type { CheckpointReport } from '../../sync/pod/seal-checkpoint.ts';
import { QuietPaths } from '../../sync/watch/quiet-paths.ts';
import type { WatchedTree } from '../../sync/watch/watched-tree.ts';
import { type HookOptions, withHooks } from '../hooks/step-hooks.ts';
import { steppedTree } from '../hooks/steps.ts';
import { podOperations } from '../operation/pod-operations.ts';
import { streamOperations } from '../operation/stream-operations.ts';
import { afterwards } from '../pod/afterwards.ts';
import { type Clock, HOST_CLOCK } from '../schedule/clock.ts';
import { SCHEDULED_WORK, ScheduleRunner } from '../schedule/schedule-runner.ts';
import { sealWithRoom } from '../schedule/seal-with-room.ts';
import { following } from './follow.ts';
import { OpenReads } from './read-stream.ts';
import { type Operation, type StreamOperation, serveSupervisor } from './server.ts';
import { Turns } from './turns.ts';
import { Works } from './works.ts';

/** Operations that only look: they wait for nothing. */
const READS: ReadonlySet<string> = new Set([
  'status',
  'log',
  'timeline',
  'checkpoints',
  'home-list',
  'branches',
  'key-list',
  'schedule-list',
]);
/** Operations that may take away what the last checkpoint needs, or put it back. */
const UNSETTLING: ReadonlySet<string> = new Set(['prune', 'verify']);
/** How often it is seen to that everything was looked at lately. */
const RECONCILE_EVERY_MS = 10 * 60_000;
/** What a person is asked about: until then the schedule makes no checkpoint. */
const STOPPED_BY: ReadonlySet<string> = new Set(['CHECKPOINT_DOUBTFUL', 'SOURCE_UNREADABLE']);
const SILENT: ProgressListener = () => undefined;

/** What a supervisor tells whoever started it. */
export interface TreeNews {
  /** Every folder is watched, or why not all are. */
  onWatching(isWatching: boolean): void;
  onGap(causes: readonly string[]): void;
  onCheckpoint(report: CheckpointReport): void;
  onFailure(what: string, error: unknown): void;
}

/** Owns a watched tree until it is told to end. */
export class TreeSupervisor {
  readonly #tree: WatchedTree;
  readonly #news: TreeNews;
  readonly #turns = new Turns();
  readonly #works = new Works();
  readonly #reads = new OpenReads();
  readonly #quiet = new QuietPaths();
  readonly #background = new Subscription();
  readonly #ended = Promise.withResolvers<void>();
  readonly #schedules: ScheduleRunner;
  #server: Server | undefined;
  #ending: Promise<void> | undefined;

  constructor(tree: WatchedTree, news: TreeNews, clock: Clock = HOST_CLOCK) {
    this.#tree = tree;
    this.#news = news;
    this.#schedules = new ScheduleRunner(
      {
        pod: tree.pod,
        inTurn: (act) => this.#turns.take(SCHEDULED_WORK, act, { isPatient: true }),
        seal: (isWanted) =>
          withHooks(steppedTree(tree), 'checkpoint', { onProgress: SILENT }, () =>
            this.#turns.take(
              SCHEDULED_WORK,
              async (signal) => (isWanted() ? this.#sealIfChanged(signal) : undefined),
              { isPatient: true },
            ),
          ),
        // nobody sits at a folder: it is in use if it changes
        idleMs: async () => undefined,
        onFailure: (what, error) => news.onFailure(what, error),
      },
      clock,
    );
  }

  /** Listens on the pod's socket, and begins its own work. */
  async serve(socketPath: string): Promise<void> {
    const runner = () => this.#schedules.report;
    const operations: Record<string, Operation> = {
      ping: async () => ({}),
      'stop-watching': () => this.end().then(() => ({})),
    };
    for (const [name, handler] of Object.entries(podOperations(this.#tree, undefined, runner)))
      operations[name] = this.#served(name, handler as Served);
    const streams: Record<string, StreamOperation> = {
      follow: this.#reads.serving(following(this.#tree.pod, this.#works)),
    };
    for (const [name, read] of Object.entries(streamOperations(browsePod(this.#tree.pod))))
      streams[name] = this.#reads.serving(read);
    this.#server = await serveSupervisor(socketPath, { operations, streams });
    this.#begin();
  }

  /** Settles when the pod is free. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Ends in turn, after a last checkpoint if the pod makes some by itself. */
  end(hurry: Pick<HookOptions, 'hurriesMs'> = {}): Promise<void> {
    this.#ending ??= afterwards(
      async () => {
        if (this.#tree.pod.state.scheduling.schedules.length === 0) return;
        // a hook may use the pod: it waits for no turn that it keeps from ending
        await withHooks(steppedTree(this.#tree), 'checkpoint', { onProgress: SILENT, ...hurry }, () =>
          this.#turns.take('checkpoint', (signal) => this.#sealIfChanged(signal)),
        );
      },
      () => this.#turns.take('end', () => this.#finish()),
    );
    return this.#ending;
  }

  #served(name: string, run: Served): Operation {
    if (READS.has(name)) return (parameters, onProgress) => run(parameters, onProgress);
    return (parameters, onProgress) =>
      withHooks(steppedTree(this.#tree), name, { onProgress }, () =>
        this.#turns.take(name, async (signal) => {
          if (UNSETTLING.has(name)) this.#tree.distrust();
          const answer = await this.#works.do(name, onProgress, (listener) =>
            run(parameters, listener, signal),
          );
          if (name === 'checkpoint') this.#quiet.reset();
          return answer;
        }),
      );
  }

  #begin(): void {
    const { watch, readAhead } = this.#tree;
    const reconcile = (signal: AbortSignal): Promise<void> => this.#tree.reconcile(SILENT, signal);
    this.#background.add(watch.ready.subscribe((isWatching) => this.#news.onWatching(isWatching)));
    this.#background.add(watch.gaps.subscribe((causes) => this.#news.onGap(causes)));
    this.#work('looking at everything', watch.ready.pipe(filter((isWatching) => isWatching)), reconcile);
    this.#work('looking at everything', interval(RECONCILE_EVERY_MS), reconcile);
    this.#work('reading ahead', this.#quiet.of(watch.changed), (signal, paths) =>
      readAhead.take(paths, signal),
    );
    this.#background.add(this.#schedules.begin());
  }

  /** Does something in turn whenever `when` says so, but not while it is still at it. What a user asks for goes first. */
  #work<Cue>(
    what: string,
    when: Observable<Cue>,
    act: (signal: AbortSignal, cue: Cue) => Promise<unknown>,
  ): void {
    const once = async (cue: Cue): Promise<void> => {
      const given = new AbortController();
      try {
        const inTurn = async (signal: AbortSignal): Promise<void> => {
          // a checkpoint wants what is being done here, the others do not
          const giveWay = (): void => {
            if (signal.reason !== 'checkpoint') given.abort();
          };
          if (signal.aborted) giveWay();
          signal.addEventListener('abort', giveWay, { once: true });
          if (!given.signal.aborted) await act(given.signal, cue);
        };
        await this.#turns.take(what, inTurn, { isPatient: true });
      } catch (error) {
        if (given.signal.aborted || isDeskPodError(error, 'SUPERVISOR_UNREACHABLE')) return;
        this.#news.onFailure(what, error);
      }
    };
    this.#background.add(when.pipe(exhaustMap(once)).subscribe());
  }

  async #sealIfChanged(signal?: AbortSignal): Promise<CheckpointReport | undefined> {
    const wasOpen = this.#tree.pod.state.doubt;
    try {
      const options = { reason: 'schedule', isOptional: true, ifDoubtful: 'stop' } as const;
      const report = await this.#works.do('checkpoint', SILENT, (onProgress) =>
        sealWithRoom(this.#tree.pod, { onProgress, signal, onThinning: () => this.#tree.distrust() }, () =>
          this.#tree.seal(options, onProgress),
        ),
      );
      if (report !== undefined) this.#news.onCheckpoint(report);
      return report;
    } catch (error) {
      const { doubt } = this.#tree.pod.state;
      if (!isDeskPodError(error) || !STOPPED_BY.has(error.code) || doubt === undefined) throw error;
      // it stands in the log, and is asked once; the schedule goes on when it is answered
      if (doubt.seq !== wasOpen?.seq) this.#news.onFailure(SCHEDULED_WORK, error);
      return undefined;
    }
  }

  /** Frees the pod; whoever asks while it does is told to ask again. */
  async #finish(): Promise<void> {
    this.#turns.end();
    this.#background.unsubscribe();
    try {
      await this.#reads.stop();
      await this.#tree.close();
    } finally {
      this.#server?.close(() => this.#ended.resolve());
    }
  }
}

type Served = (parameters: unknown, onProgress: ProgressListener, signal?: AbortSignal) => Promise<unknown>;

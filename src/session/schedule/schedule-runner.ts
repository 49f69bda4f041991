// Keeps the schedules of a pod while it is open: makes one checkpoint when one is due, and waits for the next.
import {
  defer,
  exhaustMap,
  filter,
  merge,
  Observable,
  repeat,
  Subject,
  type Subscription,
  startWith,
  switchMap,
} from 'rxjs';
import { type DueFacts, dueTime, isUnused } from '../../core/due-time.ts';
import { isDeskPodError } from '../../core/errors.ts';
import type { KeptSchedule } from '../../core/schedule.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { toWireError, type WireError } from '../supervisor/wire.ts';
import type { Clock } from './clock.ts';

/** A timer stands still while the computer sleeps, and knows nothing of a clock that is set: it is looked at so often. */
const LOOK_EVERY_MS = 60_000;
/** What failures of the runner are called. */
export const SCHEDULED_WORK = 'a checkpoint on schedule';

/** What a schedule has a pod's owner do. */
export interface ScheduledWork {
  readonly pod: { readonly state: Pick<Pod['state'], 'podId' | 'scheduling'> } & Pick<Pod, 'onAppended'>;
  /** Does `act` when nothing else is done with the pod. @throws DeskPodError SUPERVISOR_UNREACHABLE when the owner ends */
  inTurn(act: () => Promise<void>): Promise<void>;
  /** Makes a checkpoint in a turn of its own, unless it is not wanted any more when that comes, or there is nothing to seal. */
  seal(isWanted: () => boolean): Promise<unknown>;
  /** For how long nobody has used keyboard or pointer; undefined if that is not known. */
  idleMs(): Promise<number | undefined>;
  onFailure(what: string, error: unknown): void;
}

/** What a runner says of itself. */
export interface RunnerReport {
  /** When each schedule is done next, by its number. */
  readonly nextAtMs: ReadonlyMap<number, number>;
  /** Why the last checkpoint on schedule was not made, if it was not. */
  readonly failure: ScheduleFailure | undefined;
}

/** A checkpoint on schedule that failed: the next time it is tried again. */
export interface ScheduleFailure {
  readonly atMs: number;
  readonly error: WireError;
}

/** Runs the schedules of one pod. It never does two things at a time. */
export class ScheduleRunner {
  readonly #work: ScheduledWork;
  readonly #clock: Clock;
  readonly #tried = new Map<number, number>();
  readonly #finished = new Subject<void>();
  #baselineMs: number;
  #lookedAtMs: number;
  #isRunning = false;
  #failure: ScheduleFailure | undefined;

  constructor(work: ScheduledWork, clock: Clock) {
    this.#work = work;
    this.#clock = clock;
    this.#baselineMs = clock.now();
    this.#lookedAtMs = this.#baselineMs;
  }

  /** Begins; whoever subscribes ends it. */
  begin(): Subscription {
    const changed = new Observable<void>((told) => this.#work.pod.onAppended(() => told.next()));
    return merge(changed, this.#finished)
      .pipe(
        startWith(undefined),
        switchMap(() => defer(() => this.#clock.after(this.#waitMs())).pipe(repeat())),
        filter(() => !this.#isRunning && this.#due().length > 0),
        exhaustMap(() => this.#run()),
      )
      .subscribe({ error: (error) => this.#work.onFailure(SCHEDULED_WORK, error) });
  }

  /** How it stands. */
  get report(): RunnerReport {
    const facts = this.#facts();
    const nextAtMs = this.#schedules.map(
      (schedule) => [schedule.number, this.#dueMs(schedule, facts)] as const,
    );
    return { nextAtMs: new Map(nextAtMs), failure: this.#failure };
  }

  get #schedules(): readonly KeptSchedule[] {
    return this.#work.pod.state.scheduling.schedules;
  }

  /** How long to wait before looking again. */
  #waitMs(): number {
    if (this.#isRunning) return LOOK_EVERY_MS;
    const facts = this.#facts();
    const next = Math.min(...this.#schedules.map((schedule) => this.#dueMs(schedule, facts)));
    return Math.min(Math.max(0, next - this.#clock.now()), LOOK_EVERY_MS);
  }

  #due(): readonly KeptSchedule[] {
    const facts = this.#facts();
    return this.#schedules.filter((schedule) => this.#dueMs(schedule, facts) <= facts.nowMs);
  }

  #dueMs(schedule: KeptSchedule, facts: Omit<DueFacts, 'triedAtMs'>): number {
    return dueTime(schedule, { ...facts, triedAtMs: this.#tried.get(schedule.number) }).dueMs;
  }

  #facts(): Omit<DueFacts, 'triedAtMs'> {
    const clockMs = this.#clock.now();
    // set back: what was tried at times that come again says nothing
    if (clockMs < this.#lookedAtMs - LOOK_EVERY_MS) {
      this.#lookedAtMs = clockMs;
      this.#baselineMs = clockMs;
      this.#tried.clear();
    }
    // a clock that is kept right goes back a little now and then: no time passes until it is as late as it was
    const nowMs = Math.max(clockMs, this.#lookedAtMs);
    this.#lookedAtMs = nowMs;
    const { podId, scheduling } = this.#work.pod.state;
    return {
      nowMs,
      offsetAt: (atMs) => this.#clock.offsetAt(atMs),
      podId,
      servedAtMs: scheduling.servedAtMs,
      baselineMs: this.#baselineMs,
    };
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      let isWanted = false;
      await this.#work.inTurn(async () => {
        isWanted = await this.#judge();
      });
      if (!isWanted) return;
      const { servedAtMs } = this.#facts();
      // while it waits for its turn, what was asked for may answer it
      await this.#work.seal(() => this.#facts().servedAtMs === servedAtMs);
      this.#failure = undefined;
    } catch (error) {
      if (isDeskPodError(error, 'SUPERVISOR_UNREACHABLE')) return;
      this.#failure = { atMs: this.#clock.now(), error: toWireError(error) };
      this.#work.onFailure(SCHEDULED_WORK, error);
    } finally {
      this.#isRunning = false;
      this.#finished.next();
    }
  }

  /** True if a checkpoint is to be made now. */
  async #judge(): Promise<boolean> {
    const due = this.#due();
    if (due.length === 0) return false;
    const facts = this.#facts();
    for (const { number } of due) this.#tried.set(number, facts.nowMs);
    const isForUse = due.every(({ isWhileInUse }) => isWhileInUse);
    return !(isForUse && isUnused(await this.#work.idleMs(), facts));
  }
}

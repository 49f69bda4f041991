// Who keeps the schedules of a pod: on time, one at a time, made up for once, skipped where nobody works, tried again.
import assert from 'node:assert/strict';
import type { Subscription } from 'rxjs';
import { type Command, decide } from '../../../src/core/decide.ts';
import { DeskPodError } from '../../../src/core/errors.ts';
import type { PodEvent } from '../../../src/core/events.ts';
import { parseSchedule } from '../../../src/core/schedule-words.ts';
import { fold, type PodState } from '../../../src/core/state.ts';
import { ScheduleRunner } from '../../../src/session/schedule/schedule-runner.ts';
import { Turns } from '../../../src/session/supervisor/turns.ts';
import { EVENTS } from '../../core/support/sample-events.ts';
import { ManualClock } from './manual-clock.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const NOON_MS = Date.UTC(2026, 10, 29, 12);

/** A pod's log in memory, whose owner does one thing at a time as a supervisor does, by a clock that the test sets. */
class KeptPod {
  readonly clock = new ManualClock(NOON_MS);
  readonly turns = new Turns();
  readonly failures: unknown[] = [];
  /** When each checkpoint on schedule was sealed. */
  readonly sealed: string[] = [];
  idleMs: number | undefined;
  /** What happens while it is found out whether the session is used. */
  whileJudging: () => unknown = () => undefined;
  /** What a checkpoint takes, or why it fails. */
  sealing: () => Promise<void> = async () => undefined;
  state: PodState = fold([]);
  readonly runner: ScheduleRunner;
  readonly #listeners = new Set<() => void>();
  #keeping: Subscription | undefined;

  constructor() {
    this.#append([EVENTS['pod.created']]);
    this.runner = new ScheduleRunner(
      {
        pod: this,
        inTurn: (act) => this.turns.take('a checkpoint on schedule', act, { isPatient: true }),
        seal: (isWanted) =>
          this.turns.take(
            'a checkpoint on schedule',
            async () => {
              if (!isWanted()) return;
              await this.sealing();
              this.sealed.push(new Date(this.clock.now()).toISOString().slice(5, 16).replace('T', ' '));
              this.seal();
            },
            { isPatient: true },
          ),
        idleMs: async () => {
          this.whileJudging();
          return this.idleMs;
        },
        onFailure: (_what, error) => this.failures.push(error),
      },
      this.clock,
    );
  }

  onAppended(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  begin(): void {
    this.#keeping = this.runner.begin();
  }

  end(): void {
    this.#keeping?.unsubscribe();
  }

  command(command: Command): void {
    this.#append(decide(this.state, command));
  }

  add(words: string): void {
    this.command({ type: 'setSchedule', schedule: { ...parseSchedule(words), jitterMs: 0 } });
  }

  /** A checkpoint, whoever asked for it. */
  seal(): void {
    this.#append([{ ...EVENTS['checkpoint.sealed'], number: this.state.lastCheckpoint + 1 }]);
  }

  /** Lets time pass in steps of a minute, and all that is done in it be done. */
  async pass(durationMs: number): Promise<void> {
    for (let left = durationMs; left > 0; left -= MINUTE_MS) {
      this.clock.pass(Math.min(left, MINUTE_MS));
      await this.settle();
    }
  }

  /** Waits until all that was begun is done. */
  async settle(): Promise<void> {
    // a judgement, and what follows from it
    for (let turn = 0; turn < 2; turn++) {
      await this.turns.take('a test', async () => undefined, { isPatient: true });
      await new Promise(setImmediate);
    }
  }

  #append(events: readonly PodEvent[]): void {
    const { seq } = this.state;
    const atMs = this.clock.now();
    this.state = fold(
      events.map((event, index) => ({ seq: seq + index + 1, atMs, event })),
      this.state,
    );
    for (const listener of this.#listeners) listener();
  }
}

describe('who keeps the schedules of a pod', () => {
  let pod: KeptPod;
  beforeEach(() => {
    pod = new KeptPod();
    pod.begin();
  });
  afterEach(() => pod.end());

  it('makes a checkpoint at each time, and none between, from the moment that a schedule is set until it is removed', async () => {
    await pod.pass(7 * MINUTE_MS);
    pod.add('every 15 minutes');
    await pod.pass(HOUR_MS);
    assert.deepEqual(pod.sealed, ['11-29 12:15', '11-29 12:30', '11-29 12:45', '11-29 13:00']);
    assert.equal(pod.runner.report.nextAtMs.get(1), NOON_MS + 75 * MINUTE_MS);
    pod.command({ type: 'removeSchedule', number: 1 });
    await pod.pass(DAY_MS);
    assert.equal(pod.sealed.length, 4);
  });

  it('answers several schedules of one moment by one checkpoint', async () => {
    pod.add('hourly');
    pod.add('daily at 15');
    pod.add('every 3 hours');
    await pod.pass(4 * HOUR_MS);
    assert.deepEqual(pod.sealed, ['11-29 13:00', '11-29 14:00', '11-29 15:00', '11-29 16:00']);
  });

  it('makes none while nobody uses the session, unless one was asked for all the same', async () => {
    pod.add('every 15 minutes while in use');
    pod.seal();
    pod.idleMs = DAY_MS;
    await pod.pass(HOUR_MS);
    assert.deepEqual(pod.sealed, []);
    pod.idleMs = 5 * MINUTE_MS;
    await pod.pass(15 * MINUTE_MS);
    assert.deepEqual(pod.sealed, ['11-29 13:15']);
    pod.idleMs = 20 * MINUTE_MS;
    await pod.pass(15 * MINUTE_MS);
    assert.equal(pod.sealed.length, 1);
    pod.idleMs = DAY_MS;
    pod.add('daily at 14');
    await pod.pass(30 * MINUTE_MS);
    assert.deepEqual(pod.sealed.slice(1), ['11-29 14:00']);
    // who cannot say takes no checkpoint away
    pod.idleMs = undefined;
    await pod.pass(15 * MINUTE_MS);
    assert.deepEqual(pod.sealed.slice(2), ['11-29 14:15']);
  });

  it('begins none while one is being made, and owes none for the times in it', async () => {
    pod.add('every 15 minutes');
    const slow = Promise.withResolvers<void>();
    pod.sealing = () => slow.promise;
    pod.clock.pass(15 * MINUTE_MS);
    await new Promise(setImmediate);
    pod.clock.pass(40 * MINUTE_MS);
    await new Promise(setImmediate);
    pod.sealing = async () => undefined;
    slow.resolve();
    await pod.settle();
    assert.deepEqual(pod.sealed, ['11-29 12:55']);
    await pod.pass(10 * MINUTE_MS);
    assert.deepEqual(pod.sealed.slice(1), ['11-29 13:00']);
  });

  it('makes none if what it waited for was a checkpoint', async () => {
    pod.add('every 15 minutes');
    const asked = Promise.withResolvers<void>();
    const turn = pod.turns.take('checkpoint', async () => {
      await asked.promise;
      pod.seal();
    });
    pod.clock.pass(16 * MINUTE_MS);
    asked.resolve();
    await turn;
    await pod.settle();
    assert.deepEqual(pod.sealed, []);
    await pod.pass(14 * MINUTE_MS);
    assert.deepEqual(pod.sealed, ['11-29 12:30']);
    // also if it is asked for only now, and goes first
    pod.command({ type: 'removeSchedule', number: 1 });
    pod.add('every 15 minutes while in use');
    pod.whileJudging = () => pod.turns.take('checkpoint', async () => pod.seal());
    await pod.pass(15 * MINUTE_MS);
    assert.deepEqual([pod.sealed.length, pod.state.lastCheckpoint], [1, 3]);
  });

  it('makes up for all that was missed while the computer slept by one, within a minute', async () => {
    pod.add('hourly');
    await pod.pass(30 * MINUTE_MS);
    pod.clock.set(NOON_MS + 3 * DAY_MS + 20 * MINUTE_MS);
    await pod.pass(MINUTE_MS);
    assert.deepEqual(pod.sealed, ['12-02 12:21']);
    await pod.pass(HOUR_MS);
    assert.deepEqual(pod.sealed.slice(1), ['12-02 13:00']);
  });

  it('makes up for what was missed before it began, but not for a time at which the pod stood as a checkpoint has it', async () => {
    pod.end();
    pod.add('nightly at 3');
    pod.seal();
    pod.clock.set(NOON_MS + DAY_MS);
    const late = pod.state;
    for (const isResumed of [false, true]) {
      const again = new KeptPod();
      again.clock.set(NOON_MS + DAY_MS);
      again.state = isResumed
        ? fold([{ seq: late.seq + 1, atMs: again.clock.now(), event: EVENTS['session.resumed'] }], late)
        : late;
      again.begin();
      await again.pass(5 * MINUTE_MS);
      assert.equal(again.sealed.length, isResumed ? 0 : 1);
      await again.pass(DAY_MS);
      assert.equal(again.sealed.at(-1), '12-01 03:00');
      again.end();
    }
  });

  it('tells a failure, tries again at the next time, and goes on', async () => {
    pod.add('every 15 minutes');
    pod.sealing = () => Promise.reject(new DeskPodError('SUSPEND_FAILED', 'something is in the way'));
    await pod.pass(20 * MINUTE_MS);
    const { failure, nextAtMs } = pod.runner.report;
    assert.deepEqual([pod.failures.length, failure?.error.code], [1, 'SUSPEND_FAILED']);
    assert.equal(nextAtMs.get(1), NOON_MS + 30 * MINUTE_MS);
    // as a clock does that is kept right over the network
    for (const backMs of [1, 500, 30_000]) {
      pod.clock.set(pod.clock.now() - backMs);
      assert.equal(pod.runner.report.nextAtMs.get(1), NOON_MS + 30 * MINUTE_MS);
      await pod.pass(MINUTE_MS);
    }
    assert.equal(pod.failures.length, 1);
    pod.sealing = async () => undefined;
    await pod.pass(15 * MINUTE_MS);
    assert.deepEqual([pod.sealed, pod.failures.length], [['11-29 12:30'], 1]);
    assert.equal(pod.runner.report.failure, undefined);
  });

  it('lets nobody wait for years because a clock was wrong', async () => {
    pod.add('every 15 minutes');
    // ahead, as of a host that was just set up, and found to be wrong after a checkpoint
    pod.clock.set(NOON_MS + 3000 * DAY_MS);
    await pod.pass(MINUTE_MS);
    assert.equal(pod.sealed.length, 1);
    pod.clock.set(NOON_MS + MINUTE_MS);
    await pod.pass(30 * MINUTE_MS);
    assert.deepEqual(pod.sealed.slice(1), ['11-29 12:15', '11-29 12:30']);
    // behind, as of one without a battery
    pod.clock.set(0);
    await pod.pass(31 * MINUTE_MS);
    assert.deepEqual(pod.sealed.slice(3), ['01-01 00:15', '01-01 00:30']);
  });

  it('ends quietly with its owner', async () => {
    pod.add('every 15 minutes');
    pod.turns.end();
    pod.clock.pass(15 * MINUTE_MS);
    pod.end();
    await new Promise(setImmediate);
    assert.deepEqual([pod.sealed, pod.failures, pod.runner.report.failure], [[], [], undefined]);
  });
});

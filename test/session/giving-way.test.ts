// A session that gives way to a twin: when it is suspended, when not any more, and what is told of a suspend that fails.
import assert from 'node:assert/strict';
import { DeskPodError } from '../../src/core/errors.ts';
import { INITIAL_STATE, type PodState } from '../../src/core/state.ts';
import { GivingWay } from '../../src/session/supervisor/giving-way.ts';
import { ManualClock } from './schedule/manual-clock.ts';

const DAY_MS = 86_400_000;

describe('a session whose twin may be started', () => {
  let clock: ManualClock;
  let pod: { state: PodState };
  let done: string[];
  let turn: PromiseWithResolvers<void>;
  let suspended: Promise<void>;
  let givingWay: GivingWay;
  beforeEach(() => {
    clock = new ManualClock(Date.now());
    done = [];
    turn = Promise.withResolvers();
    suspended = Promise.resolve();
    pod = { state: INITIAL_STATE };
    lease(clock.now() + DAY_MS);
    givingWay = new GivingWay(
      {
        get state() {
          return pod.state;
        },
      },
      clock,
      {
        turn: () => turn.promise,
        suspend: () => {
          done.push('suspend');
          return suspended;
        },
        notify: (notice) => done.push(notice),
      },
    );
  });

  function lease(endMs: number): void {
    const leases = [{ leaseMs: DAY_MS, sinceMs: endMs - DAY_MS }];
    pod.state = { ...INITIAL_STATE, homes: [{ url: 'twin:///t', seq: 0, recordHash: '', atMs: 0, leases }] };
  }
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('is suspended once the lease is out, as soon as it is its turn', async () => {
    givingWay.look();
    clock.pass(DAY_MS);
    givingWay.look();
    givingWay.look();
    await settle();
    assert.deepEqual(done, []);
    turn.resolve();
    await settle();
    assert.deepEqual(done, ['suspend']);
  });

  it('goes on if it was its turn after the sync that began the lease anew', async () => {
    clock.pass(DAY_MS);
    givingWay.look();
    lease(clock.now() + DAY_MS);
    turn.resolve();
    await settle();
    assert.deepEqual(done, []);
  });

  it('is told that a suspend has failed, and is suspended a minute later', async () => {
    turn.resolve();
    clock.pass(DAY_MS);
    suspended = Promise.reject(new DeskPodError('SPACE_EXHAUSTED', 'there is no room'));
    givingWay.look();
    await settle();
    assert.equal(done.length, 2);
    assert.match(done[1] ?? '', /could not be suspended: there is no room/);
    suspended = Promise.resolve();
    givingWay.look();
    clock.pass(60_000);
    givingWay.look();
    await settle();
    assert.deepEqual(done.slice(2), ['suspend']);
  });
});

// A device that meets its home: the steps it goes through, what it is told of, and what is due at home.
import assert from 'node:assert/strict';
import { obstaclesNow } from '../../src/core/circumstances.ts';
import {
  type DockSignal,
  type DockState,
  type DockStep,
  nextDockState,
  UNSEEN,
} from '../../src/core/dock-machine.ts';
import { dockWords } from '../../src/core/dock-words.ts';
import { isDue, type UpkeepRecord } from '../../src/core/upkeep.ts';

const IDENTITY = { podId: 'ab'.repeat(16), epoch: 1 };
const RESULT = { seq: 7, sentObjects: 2, sentBytes: 5_000_000, durationMs: 1200, warnings: [] };
const PROBLEM = { code: 'HOME_FULL', message: 'the home has no space left', hint: 'Free some.' };

const SIGNALS: readonly DockSignal[] = [
  { type: 'notice' },
  { type: 'identify', identity: IDENTITY },
  { type: 'wait', reasons: ['another backup runs: restic'] },
  { type: 'open' },
  { type: 'checkpoint' },
  { type: 'sync' },
  { type: 'verify' },
  { type: 'keep', result: RESULT },
  { type: 'release', result: RESULT },
  { type: 'refuse', problem: PROBLEM },
  { type: 'fail', problem: PROBLEM },
  { type: 'remove' },
];

/** The steps that a run of signals leads through. */
function steps(...types: readonly DockSignal['type'][]): DockStep[] {
  let state = UNSEEN;
  return types.map((type) => {
    const signal = SIGNALS.find((each) => each.type === type);
    assert.ok(signal !== undefined);
    state = nextDockState(state, signal);
    return state.step;
  });
}

/** Every state that signals lead to. */
function allStates(): DockState[] {
  const found = new Map<string, DockState>([[JSON.stringify(UNSEEN), UNSEEN]]);
  for (const state of found.values()) {
    for (const signal of SIGNALS) {
      const next = nextDockState(state, signal);
      if (!found.has(JSON.stringify(next))) found.set(JSON.stringify(next), next);
    }
  }
  return [...found.values()];
}

describe('a device that meets its home', () => {
  it('goes from noticed to safe to unplug', () => {
    assert.deepEqual(steps('notice', 'identify', 'open', 'sync', 'verify', 'release'), [
      'noticed',
      'identified',
      'opened',
      'syncing',
      'verifying',
      'safe',
    ]);
    assert.deepEqual(
      steps('notice', 'identify', 'wait', 'open', 'checkpoint', 'sync', 'verify', 'keep', 'notice'),
      [
        'noticed',
        'identified',
        'waiting',
        'opened',
        'checkpointing',
        'syncing',
        'verifying',
        'backed-up',
        'noticed',
      ],
    );
  });

  it('is safe to unplug only after it was opened', () => {
    const before = allStates().filter(({ step }) =>
      ['gone', 'noticed', 'identified', 'waiting', 'checkpointing', 'refused', 'failed'].includes(step),
    );
    assert.ok(before.length >= 7);
    for (const state of before)
      assert.equal(nextDockState(state, { type: 'release', result: RESULT }), state, state.step);
  });

  it('can be taken away, can fail and can be refused at each step, and says in which it was interrupted', () => {
    for (const state of allStates()) {
      const gone = nextDockState(state, { type: 'remove' });
      assert.equal(gone.step, 'gone');
      const isAtWork = ['opened', 'checkpointing', 'syncing', 'verifying'].includes(state.step);
      if (state.step !== 'gone') assert.equal(gone.interrupted, isAtWork ? state.step : undefined);
      if (!isAtWork) continue;
      assert.equal(nextDockState(state, { type: 'fail', problem: PROBLEM }).step, 'failed');
      assert.equal(nextDockState(state, { type: 'refuse', problem: PROBLEM }).step, 'refused', state.step);
    }
  });

  it('takes no notice of what comes after it was taken away', () => {
    for (const signal of SIGNALS)
      if (signal.type !== 'notice') assert.equal(nextDockState(UNSEEN, signal), UNSEEN);
  });

  it('is told of in words wherever it stops', () => {
    for (const state of allStates()) {
      const words = dockWords(state, '/dev/sdb');
      const isStop = ['safe', 'backed-up', 'waiting', 'refused', 'failed'].includes(state.step);
      assert.equal(words !== undefined, isStop || state.interrupted !== undefined, JSON.stringify(state));
      if (words !== undefined) assert.match(words.text, /^\/dev\/sdb.*\.$/);
      assert.equal(words?.title === 'Safe to unplug', state.step === 'safe');
    }
  });
});

describe('whether now is a time to back up', () => {
  const fine = { isMetered: undefined, batteryLeft: undefined, otherBackups: [] };
  const patience = { usesNetwork: true, batteryLimit: 0.2 };

  it('is one where nothing is known', () => {
    assert.deepEqual(obstaclesNow(fine, patience), []);
    assert.deepEqual(obstaclesNow({ ...fine, isMetered: false, batteryLeft: 0.2 }, patience), []);
  });

  it('is none on a metered network, a low battery, or beside another backup; all of it is said', () => {
    const all = obstaclesNow({ isMetered: true, batteryLeft: 0.199, otherBackups: ['borg'] }, patience);
    assert.deepEqual(all, [
      'the network is metered',
      'the battery has 19 %, less than 20 %',
      'another backup runs: borg',
    ]);
    assert.deepEqual(obstaclesNow({ ...fine, isMetered: true }, { ...patience, usesNetwork: false }), []);
  });
});

describe('what is due at home', () => {
  const DAY_MS = 86_400_000;
  const plan = { check: { everyMs: DAY_MS }, drill: { everyMs: 30 * DAY_MS } };
  const NOW_MS = 1000 * DAY_MS;
  const done = (atMs: number, isDone = true): UpkeepRecord => ({ kind: 'check', atMs, isDone });

  it('is what was never done, or too long ago, however long the computer was off', () => {
    assert.equal(isDue(plan, 'check', [], NOW_MS), true);
    assert.equal(isDue(plan, 'check', [done(NOW_MS - DAY_MS + 1)], NOW_MS), false);
    assert.equal(isDue(plan, 'check', [done(NOW_MS - 400 * DAY_MS)], NOW_MS), true);
    assert.equal(isDue(plan, 'prune', [], NOW_MS), false, 'nobody asked for it');
  });

  it('is tried again after a failure, but not at once', () => {
    assert.equal(isDue(plan, 'check', [done(NOW_MS - 1000, false)], NOW_MS), false);
    assert.equal(isDue(plan, 'check', [done(NOW_MS - 4_000_000, false)], NOW_MS), true);
  });

  it('is not put off by a clock that was years ahead', () => {
    assert.equal(isDue(plan, 'check', [done(NOW_MS + 4000 * DAY_MS)], NOW_MS), true);
  });

  it('goes by each pod for drills', () => {
    const drilled: UpkeepRecord = { kind: 'drill', atMs: NOW_MS - DAY_MS, podId: 'a', isDone: true };
    assert.equal(isDue(plan, 'drill', [drilled], NOW_MS, 'a'), false);
    assert.equal(isDue(plan, 'drill', [drilled], NOW_MS, 'b'), true);
  });
});

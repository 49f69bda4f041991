// What a policy keeps: compared with a plain reading of it, and with clocks that are wrong.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SLOT_LENGTHS, type SlotLength, slotOf } from '../../src/core/calendar.ts';
import { judgeCheckpoints } from '../../src/core/checkpoint-retention.ts';
import { credibleTimes } from '../../src/core/credible-times.ts';
import { decide } from '../../src/core/decide.ts';
import {
  applyRetention,
  type Candidate,
  describePolicy,
  type Pin,
  type RetentionPolicy,
  requirePolicy,
} from '../../src/core/retention.ts';
import { type Checkpoint, INITIAL_STATE, type PodState } from '../../src/core/state.ts';
import { assertCode } from './parser-suite.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = Date.UTC(2026, 4, 20, 12);

function keptOf(candidates: readonly Candidate[], policy: RetentionPolicy, nowMs = NOW_MS): number[] {
  return applyRetention(candidates, policy, nowMs).flatMap((reasons, index) =>
    reasons.length > 0 ? [index] : [],
  );
}

function at(...times: number[]): Candidate[] {
  return times.map((atMs) => ({ atMs }));
}

/** Days before now. */
function daysAgo(...days: number[]): Candidate[] {
  return at(...days.map((day) => NOW_MS - day * DAY_MS));
}

const someCounts = fc.record(
  {
    last: fc.nat(4),
    hourly: fc.nat(4),
    daily: fc.nat(6),
    weekly: fc.nat(4),
    monthly: fc.nat(4),
    yearly: fc.nat(3),
    withinMs: fc.nat(20).map((days) => days * DAY_MS),
  },
  { requiredKeys: [] },
);
const somePolicy = someCounts.filter((policy) => Object.values(policy).some((count) => count > 0));
/** Times of good clocks, oldest first. */
const someTimes = fc
  .array(fc.integer({ min: Date.UTC(2023, 10, 1), max: NOW_MS }), { maxLength: 40 })
  .map((times) => times.sort((a, b) => a - b));

/** The slot by Date, for comparison. */
function labelOf(length: SlotLength, atMs: number): string {
  const iso = new Date(atMs).toISOString();
  if (length === 'hourly') return `${iso.slice(0, 10)} ${iso.slice(11, 13)}:00`;
  if (length === 'daily') return iso.slice(0, 10);
  if (length === 'monthly') return iso.slice(0, 7);
  if (length === 'yearly') return iso.slice(0, 4);
  const thursday = new Date(atMs);
  thursday.setUTCDate(thursday.getUTCDate() + 3 - ((thursday.getUTCDay() + 6) % 7));
  const year = thursday.getUTCFullYear();
  const week = Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY_MS)) + 1;
  return `${year}-W${String(week).padStart(2, '0')}`;
}

/** What a policy keeps of checkpoints whose times are all good, read off its words. */
function plainlyKept(times: readonly number[], policy: RetentionPolicy): number[] {
  const kept = new Set<number>();
  const newest = times.length - 1;
  if (newest >= 0) kept.add(newest);
  for (let nth = 0; nth < Math.min(policy.last ?? 0, times.length); nth++) kept.add(newest - nth);
  for (const length of SLOT_LENGTHS) {
    const slots = new Map<string, number>();
    for (const [index, atMs] of times.entries()) slots.set(labelOf(length, atMs), index);
    for (const index of [...slots.values()].reverse().slice(0, policy[length] ?? 0)) kept.add(index);
  }
  for (const [index, atMs] of times.entries()) {
    if ((policy.withinMs ?? 0) > 0 && atMs >= (times[newest] ?? 0) - (policy.withinMs ?? 0)) kept.add(index);
  }
  return [...kept].sort((a, b) => a - b);
}

describe('a slot of the calendar', () => {
  it('is the one that the Gregorian calendar and ISO 8601 say, and its keys ascend with time', () => {
    const time = fc.integer({ min: 0, max: Date.UTC(2400, 0, 1) });
    fc.assert(
      fc.property(time, time, fc.constantFrom(...SLOT_LENGTHS), (a, b, length) => {
        const [slotA, slotB] = [slotOf(length, a), slotOf(length, b)];
        assert.equal(slotA.label, labelOf(length, a));
        assert.equal(slotA.key === slotB.key, slotA.label === slotB.label);
        if (a <= b) assert.ok(slotA.key <= slotB.key);
      }),
    );
    assert.equal(slotOf('weekly', Date.UTC(2027, 0, 3)).label, '2026-W53');
    assert.equal(slotOf('daily', Date.UTC(2024, 1, 29)).label, '2024-02-29');
  });
});

describe('a retention policy', () => {
  it('that keeps nothing, or less than nothing, is an error', () => {
    for (const policy of [{}, { last: 0, daily: 0 }, { withinMs: 0 }, { last: -1 }, { daily: 1.5 }]) {
      assertCode(() => applyRetention([], policy, NOW_MS), 'USAGE');
    }
    requirePolicy({ yearly: 1 });
  });

  it('says what was asked for', () => {
    assert.equal(
      describePolicy({ last: 3, daily: 7, hourly: 0, withinMs: 36 * HOUR_MS }),
      'last 3, daily 7, within 36h',
    );
    assert.equal(describePolicy({ yearly: 1, withinMs: 30 * DAY_MS }), 'yearly 1, within 30d');
  });

  it('keeps, of good clocks, what its words say, and of that all when it is applied again', () => {
    fc.assert(
      fc.property(someTimes, somePolicy, (times, policy) => {
        const kept = keptOf(at(...times), policy);
        assert.deepEqual(kept, plainlyKept(times, policy));
        const left = kept.map((index) => times[index] ?? 0);
        assert.equal(keptOf(at(...left), policy).length, left.length);
      }),
    );
  });

  it('always keeps the newest and what is pinned, whatever the clocks say', () => {
    const candidate = fc.record({
      atMs: fc.nat({ max: 2 * NOW_MS }),
      pins: fc.constantFrom<readonly Pin[]>([], [], ['suspended'], ['images']),
      isWhole: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(candidate, { minLength: 1 }),
        somePolicy,
        fc.nat({ max: 2 * NOW_MS }),
        (candidates, policy, nowMs) => {
          const kept = new Set(keptOf(candidates, policy, nowMs));
          assert.ok(kept.has(candidates.length - 1));
          for (const [index, { pins }] of candidates.entries())
            if (pins.length > 0) assert.ok(kept.has(index));
        },
      ),
    );
  });

  it('names the slot that each one fills', () => {
    assert.deepEqual(applyRetention(daysAgo(40, 1, 0), { last: 1, daily: 1, monthly: 2 }, NOW_MS), [
      [{ rule: 'monthly', slot: '2026-04' }],
      [],
      [
        { rule: 'newest' },
        { rule: 'last', slot: '1' },
        { rule: 'daily', slot: '2026-05-20' },
        { rule: 'monthly', slot: '2026-05' },
      ],
    ]);
  });

  it('lets one with a time in the future, or of a clock that had stopped, displace no other', () => {
    const wrong = fc.oneof(fc.integer({ min: NOW_MS + 2 * HOUR_MS, max: 2 * NOW_MS }), fc.nat(1000 * DAY_MS));
    const policyOfTime = somePolicy.filter(
      ({ last = 0, ...rest }) => last === 0 && Object.keys(rest).length > 0,
    );
    fc.assert(
      fc.property(someTimes, fc.nat(), wrong, policyOfTime, (times, place, wrongMs, policy) => {
        const without = keptOf(at(...times), policy);
        const index = place % (times.length + 1);
        const kept = new Set(keptOf(at(...times.toSpliced(index, 0, wrongMs)), policy));
        const isNewest = index === times.length;
        for (const each of without) {
          // the newest is kept as such; with another behind it, it has to be so for its own sake
          const isPinnedOnly = isNewest && each === times.length - 1;
          if (!isPinnedOnly) assert.ok(kept.has(each < index ? each : each + 1), `${each}`);
        }
      }),
    );
  });

  it('keeps one whose time says nothing as long as its rules reach back beyond it', () => {
    const future = NOW_MS + 400 * DAY_MS;
    const list = daysAgo(9, 0, 6, 2, 1, 0).with(1, { atMs: future });
    assert.deepEqual(keptOf(list, { daily: 3 }), [3, 4, 5]);
    assert.deepEqual(applyRetention(list, { daily: 4 }, NOW_MS)[1], [{ rule: 'clock' }]);
    assert.deepEqual(keptOf(list, { withinMs: 3 * DAY_MS }), [3, 4, 5]);
    assert.deepEqual(keptOf(list, { daily: 3, withinMs: 7 * DAY_MS }), [1, 2, 3, 4, 5]);
    assert.deepEqual(keptOf(list, { last: 3 }), [3, 4, 5]);
  });

  it('keeps all when this host’s own clock is years behind', () => {
    assert.deepEqual(keptOf(daysAgo(3, 2, 1, 0), { daily: 2 }, 0), [0, 1, 2, 3]);
  });

  it('measures from the newest and not from now, so that a pod may rest for years', () => {
    assert.deepEqual(keptOf(daysAgo(802, 801, 800), { withinMs: 36 * HOUR_MS }), [1, 2]);
  });

  it('lets one that is not whole stand for no other, and keeps it besides', () => {
    const list = daysAgo(3, 2, 1, 0).map((one, index) => ({ ...one, isWhole: index !== 2 }));
    assert.deepEqual(keptOf(list, { last: 2 }), [1, 2, 3]);
    assert.deepEqual(applyRetention(list, { daily: 2 }, NOW_MS)[2], [{ rule: 'incomplete' }]);
  });
});

describe('times that can be believed', () => {
  it('are as many as never go back', () => {
    const hours = (...times: number[]) =>
      credibleTimes(
        times.map((time) => time * HOUR_MS),
        100 * HOUR_MS,
      );
    assert.deepEqual(hours(10, 90, 20, 30), [true, false, true, true]);
    assert.deepEqual(hours(10, 0, 20, 30), [true, false, true, true]);
    assert.deepEqual(hours(10, 20, 200, 30), [true, true, false, true]);
    assert.deepEqual(hours(10, 10, 10), [true, true, true]);
    assert.deepEqual(hours(), []);
  });

  it('never go back and never lie ahead, and none can be added to them', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200)), (times) => {
        const nowMs = 100 * HOUR_MS;
        const isCredible = credibleTimes(
          times.map((time) => time * HOUR_MS),
          nowMs,
        );
        const chosen = times.filter((_, index) => isCredible[index]);
        assert.deepEqual(
          chosen,
          [...chosen].sort((a, b) => a - b),
        );
        assert.ok(chosen.every((time) => time <= 101));
        for (const [index, time] of times.entries()) {
          if (isCredible[index] || time > 101) continue;
          const before = times.slice(0, index).filter((_, at) => isCredible[at]);
          const after = times.filter((_, at) => at > index && isCredible[at]);
          assert.ok((before.at(-1) ?? 0) > time || (after[0] ?? 1000) < time);
        }
      }),
    );
  });
});

describe('the checkpoints of a pod', () => {
  const checkpoint = (number: number, hasImages: boolean): Checkpoint => ({
    number,
    seq: number,
    atMs: NOW_MS - (10 - number) * DAY_MS,
    reason: 'live',
    files: { id: '', depth: 0, sizeBytes: 0 },
    ...(hasImages ? { images: { id: '', depth: 0, sizeBytes: 0 } } : {}),
    packs: [],
    stats: { fileCount: 0, fileBytes: 0, imageBytes: 0, storedBytes: 0, pauseMs: 0 },
  });
  const state: PodState = {
    ...INITIAL_STATE,
    podId: 'aa',
    checkpoints: [1, 2, 3, 4, 5].map((number) => checkpoint(number, number === 2 || number === 3)),
    lastCheckpoint: 5,
    session: { status: 'suspended', checkpoint: 2 },
  };

  it('are kept if the pod goes on from them', () => {
    const kept = judgeCheckpoints(state, { last: 1 }, NOW_MS).map(({ checkpoint: { number }, reasons }) => [
      number,
      reasons.map(({ rule }) => rule),
    ]);
    assert.deepEqual(kept, [
      [1, []],
      [2, ['suspended']],
      [3, ['images']],
      [4, []],
      [5, ['newest', 'last']],
    ]);
  });

  it('are forgotten by number, and never those', () => {
    const forget = (...numbers: number[]) =>
      decide(state, { type: 'forgetCheckpoints', numbers, policy: 'last 1' });
    assert.deepEqual(forget(4, 1), [
      { type: 'checkpoints.forgotten', v: 1, numbers: [1, 4], policy: 'last 1' },
    ]);
    for (const number of [2, 3, 5]) assert.throws(() => forget(number), TypeError);
    assertCode(() => forget(6), 'CHECKPOINT_NOT_FOUND');
  });
});

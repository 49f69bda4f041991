// When a schedule is due: on time, later by its delay, made up for once, and never years from now because a clock was wrong.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type DueFacts, dueTime, isUnused } from '../../src/core/due-time.ts';
import type { KeptSchedule } from '../../src/core/schedule.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const NOON_MS = Date.UTC(2026, 10, 29, 12);
const NIGHTLY: KeptSchedule = {
  ...{ number: 1, when: '0 3 * * *', isWhileInUse: false },
  ...{ jitterMs: 0, setAtMs: NOON_MS - 10 * DAY_MS },
};
const FACTS: DueFacts = {
  nowMs: NOON_MS,
  offsetAt: () => 0,
  podId: '80000000'.repeat(4),
  servedAtMs: NOON_MS - HOUR_MS,
  triedAtMs: undefined,
  baselineMs: NOON_MS - 2 * DAY_MS,
};

const somePodId = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString('hex'));
const someTime = fc.integer({ min: 0, max: Date.UTC(2100, 0, 1) });

describe('a schedule', () => {
  it('is due at its next time after what was sealed last', () => {
    const { slotMs, dueMs } = dueTime(NIGHTLY, FACTS);
    assert.deepEqual([slotMs, dueMs], [NOON_MS + 15 * HOUR_MS, slotMs]);
    const missed = dueTime(NIGHTLY, { ...FACTS, servedAtMs: NOON_MS - 3 * DAY_MS });
    assert.ok(missed.dueMs < NOON_MS);
  });

  it('is not due again once it was tried', () => {
    const facts = { ...FACTS, servedAtMs: NOON_MS - 3 * DAY_MS, triedAtMs: NOON_MS };
    assert.equal(dueTime(NIGHTLY, facts).dueMs, NOON_MS + 15 * HOUR_MS);
  });

  it('owes nothing for the time before it was set', () => {
    const schedule = { ...NIGHTLY, setAtMs: NOON_MS - MINUTE_MS };
    assert.equal(dueTime(schedule, { ...FACTS, servedAtMs: 0 }).dueMs, NOON_MS + 15 * HOUR_MS);
  });

  it('makes up for what was missed while it was not kept, once a start has settled', () => {
    const { dueMs } = dueTime(NIGHTLY, { ...FACTS, servedAtMs: NOON_MS - DAY_MS, baselineMs: NOON_MS });
    assert.ok(dueMs > NOON_MS && dueMs <= NOON_MS + MINUTE_MS);
  });

  it('comes later by a delay that is the same for a pod, within its bound and before its next time', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_080 }),
        fc.nat(12 * HOUR_MS),
        somePodId,
        fc.integer({ min: 1, max: 1000 }),
        (minutes, jitterMs, podId, number) => {
          const schedule = { ...NIGHTLY, when: `every ${minutes} minutes`, jitterMs, number };
          const { slotMs, dueMs } = dueTime(schedule, { ...FACTS, podId });
          assert.deepEqual(dueTime(schedule, { ...FACTS, podId }), { slotMs, dueMs });
          assert.ok(dueMs >= slotMs && dueMs <= slotMs + jitterMs);
          assert.ok(dueMs < slotMs + minutes * MINUTE_MS);
        },
      ),
    );
  });

  it('waits no longer than until its next time, whatever clocks have said', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_080 }),
        someTime,
        someTime,
        someTime,
        someTime,
        someTime,
        fc.nat(12 * HOUR_MS),
        (minutes, nowMs, setAtMs, servedAtMs, triedAtMs, sinceMs, jitterMs) => {
          const schedule = { ...NIGHTLY, when: `every ${minutes} minutes`, setAtMs, jitterMs };
          const baselineMs = Math.min(nowMs, sinceMs);
          const { dueMs } = dueTime(schedule, { ...FACTS, nowMs, servedAtMs, triedAtMs, baselineMs });
          assert.ok(dueMs <= nowMs + 2 * minutes * MINUTE_MS + 30_000);
        },
      ),
    );
  });

  it('of a session that nobody has used since its last checkpoint needs none, unless that is not known', () => {
    const facts = { nowMs: NOON_MS, servedAtMs: NOON_MS - HOUR_MS };
    assert.equal(isUnused(HOUR_MS + 1, facts), true);
    assert.equal(isUnused(HOUR_MS - 1, facts), false);
    assert.equal(isUnused(undefined, facts), false);
    // sealed by a host whose clock is ahead
    assert.equal(isUnused(DAY_MS, { ...facts, servedAtMs: NOON_MS + 1 }), false);
  });
});

// What a log says of schedules and of the reserve: set, found again, removed, and which times are served.
import assert from 'node:assert/strict';
import { utf8 } from '../../src/core/bytes.ts';
import { decide } from '../../src/core/decide.ts';
import { decodeEvent } from '../../src/core/event-codec.ts';
import type { PodEvent } from '../../src/core/events.ts';
import type { Schedule } from '../../src/core/schedule.ts';
import { fold, type PodState } from '../../src/core/state.ts';
import { assertCode } from './parser-suite.ts';
import { EVENTS } from './support/sample-events.ts';

const NIGHTLY: Schedule = { when: '0 3 * * *', isWhileInUse: false, jitterMs: 60_000 };
const OFTEN: Schedule = { when: 'every 15 minutes', isWhileInUse: true, jitterMs: 0 };

/** Each event a second after the one before. */
function stateAfter(...events: readonly PodEvent[]): PodState {
  return fold(
    [EVENTS['pod.created'], ...events].map((event, index) => ({ seq: index + 1, atMs: index * 1000, event })),
  );
}

function setting(schedule: Schedule, ...former: readonly PodEvent[]): PodEvent[] {
  return decide(stateAfter(...former), { type: 'setSchedule', schedule });
}

describe('the schedules of a pod', () => {
  it('are numbered for ever, and not set twice', () => {
    const first = setting(NIGHTLY);
    const both = [...first, ...setting(OFTEN, ...first)];
    const { schedules } = stateAfter(...both).scheduling;
    assert.deepEqual(schedules, [
      { number: 1, ...NIGHTLY, setAtMs: 1000 },
      { number: 2, ...OFTEN, setAtMs: 2000 },
    ]);
    assert.deepEqual(setting(OFTEN, ...both), []);
    const removed = [...both, ...decide(stateAfter(...both), { type: 'removeSchedule', number: 2 })];
    assert.deepEqual(
      stateAfter(...removed).scheduling.schedules.map(({ number }) => number),
      [1],
    );
    assert.deepEqual(setting(OFTEN, ...removed), [{ type: 'schedule.set', v: 1, number: 3, ...OFTEN }]);
    assertCode(
      () => decide(stateAfter(...removed), { type: 'removeSchedule', number: 2 }),
      'SCHEDULE_NOT_FOUND',
    );
  });

  it('are served by each checkpoint, and by a resume, which goes on from one', () => {
    const { servedAtMs } = stateAfter(EVENTS['checkpoint.sealed'], EVENTS['home.added']).scheduling;
    assert.equal(servedAtMs, 1000);
    assert.equal(
      stateAfter(EVENTS['checkpoint.sealed'], EVENTS['session.resumed']).scheduling.servedAtMs,
      2000,
    );
    assert.equal(stateAfter(EVENTS['session.started']).scheduling.servedAtMs, 0);
  });

  it('are nothing that a log could not keep', () => {
    const wrong = [{ when: 'sometimes' }, { when: '0 0 30 2 *' }, { jitterMs: -1 }, { jitterMs: 0.5 }];
    for (const fields of wrong) {
      assert.throws(() => setting({ ...NIGHTLY, ...fields }), RangeError);
      const event = { ...EVENTS['schedule.set'], ...fields };
      assertCode(() => decodeEvent(utf8(JSON.stringify(event))), 'RECORD_DAMAGED');
    }
  });
});

describe('the reserve of a device', () => {
  it('is what was said last', () => {
    const { reserveBytes } = stateAfter(EVENTS['reserve.set']).scheduling;
    assert.equal(reserveBytes, EVENTS['reserve.set'].reserveBytes);
    assert.equal(
      stateAfter(EVENTS['reserve.set'], { type: 'reserve.set', v: 1 }).scheduling.reserveBytes,
      undefined,
    );
  });

  it('is told to be short once, and to be kept again once', () => {
    const room = { freeBytes: 1, reserveBytes: 2 };
    const noting = (isEnough: boolean, ...former: PodEvent[]) =>
      decide(stateAfter(...former), { type: 'noteRoom', isEnough, room });
    assert.deepEqual(noting(true), []);
    const short = noting(false);
    assert.deepEqual(short, [{ type: 'reserve.short', v: 1, ...room }]);
    assert.deepEqual(stateAfter(...short).scheduling.shortage, { ...room, atMs: 1000 });
    assert.deepEqual(noting(false, ...short), []);
    const kept = noting(true, ...short);
    assert.deepEqual(kept, [{ type: 'reserve.kept', v: 1, ...room }]);
    assert.equal(stateAfter(...short, ...kept).scheduling.shortage, undefined);
    // another device has its own room
    assert.equal(stateAfter(...short, EVENTS['restore.completed']).scheduling.shortage, undefined);
  });
});

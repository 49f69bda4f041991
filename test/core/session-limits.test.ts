// Limits of sessions: what can be one, and what a log with several says.
import assert from 'node:assert/strict';
import { decide } from '../../src/core/decide.ts';
import type { PodEvent } from '../../src/core/events.ts';
import { LEAST_LIMITS, type SessionLimits, wrongLimit } from '../../src/core/session-limits.ts';
import { fold } from '../../src/core/state.ts';
import { EVENTS } from './support/sample-events.ts';

function stateAfter(events: readonly PodEvent[]) {
  return fold(events.map((event, index) => ({ seq: index + 1, atMs: 0, event })));
}

describe('the limits of sessions', () => {
  it('are none at first, and then what was said last', () => {
    const { type: _type, v: _v, ...limits } = EVENTS['session.limited'];
    assert.deepEqual(stateAfter([EVENTS['pod.created']]).limits, {});
    const state = stateAfter([EVENTS['pod.created'], EVENTS['session.limited']]);
    assert.deepEqual(state.limits, limits);
    const [event] = decide(state, { type: 'limitSession', limits: { processCount: 64 } });
    assert.ok(event !== undefined);
    const events = [EVENTS['pod.created'], EVENTS['session.limited'], event];
    assert.deepEqual(stateAfter(events).limits, { processCount: 64 });
  });

  it('let a desktop live', () => {
    assert.equal(wrongLimit({}), undefined);
    assert.equal(wrongLimit(LEAST_LIMITS), undefined);
    const wrong: readonly SessionLimits[] = [
      { memoryBytes: LEAST_LIMITS.memoryBytes - 1 },
      { memoryBytes: LEAST_LIMITS.memoryBytes + 0.5 },
      { processCount: 1 },
      { processCount: Number.NaN },
      { processorCount: 0 },
      { processorCount: Number.POSITIVE_INFINITY },
    ];
    for (const limits of wrong) {
      assert.equal(wrongLimit(limits), Object.keys(limits)[0]);
      const state = stateAfter([EVENTS['pod.created']]);
      assert.throws(() => decide(state, { type: 'limitSession', limits }), RangeError);
    }
  });
});

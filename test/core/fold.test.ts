// The fold of a log: the same whether events come one by one or in runs, and no state changes afterwards.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { LoggedEvent, PodEvent } from '../../src/core/events.ts';
import { evolve, fold, INITIAL_STATE } from '../../src/core/state.ts';
import { EVENTS } from './support/sample-events.ts';

/** Events of the lists that grow with a pod's life, and of what makes them shorter. */
const growing = fc.constantFrom<PodEvent['type']>(
  'checkpoint.sealed',
  'checkpoints.forgotten',
  'packs.pruned',
  'home.added',
);

const log = fc
  .array(fc.tuple(growing, fc.integer({ min: 1, max: 6 })), { maxLength: 30 })
  .map((choices) => choices.map(([type, number], index) => logged(type, number, index + 1)));

function logged(type: PodEvent['type'], number: number, seq: number): LoggedEvent {
  const packs = [`${seq}`.padStart(64, '0')];
  const event = {
    ...EVENTS[type],
    ...(type === 'checkpoint.sealed' ? { number: seq, packs } : {}),
    ...(type === 'checkpoints.forgotten' ? { numbers: [number] } : {}),
    ...(type === 'packs.pruned' ? { added: packs, removed: [`${number}`.padStart(64, '0')] } : {}),
  } as PodEvent;
  return { seq, atMs: seq, event };
}

describe('the fold of a log', () => {
  it('is the same in runs as one by one, and leaves the states between as they were', () => {
    fc.assert(
      fc.property(log, fc.nat(), (events, cut) => {
        const at = events.length === 0 ? 0 : cut % events.length;
        const stepwise = events.reduce((state, event) => evolve(state, event), INITIAL_STATE);
        const between = fold(events.slice(0, at));
        const kept = structuredClone(between);
        assert.deepEqual(fold(events.slice(at), between), stepwise);
        assert.deepEqual(between, kept);
        assert.deepEqual(fold(events), stepwise);
      }),
    );
  });
});

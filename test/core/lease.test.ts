// Leases of twins: the device gives way before the twin goes on, whatever was synced, acknowledged or cut off.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decide } from '../../src/core/decide.ts';
import type { PodEvent } from '../../src/core/events.ts';
import { firstLeaseEnd, isRenewalDue, takeoverMs } from '../../src/core/lease.ts';
import { fold, INITIAL_STATE, type PodState } from '../../src/core/state.ts';
import { EVENTS } from './support/sample-events.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const URL = 'twin:///twin';

/** A log of these events, each at a moment. */
function stateOf(events: readonly (readonly [atMs: number, event: PodEvent])[]): PodState {
  const all: (readonly [number, PodEvent])[] = [
    [0, EVENTS['pod.created']],
    [0, { type: 'home.added', v: 1, url: URL }],
    ...events,
  ];
  return fold(
    all.map(([atMs, event], i) => ({ seq: i + 1, atMs, event })),
    INITIAL_STATE,
  );
}
const leased = (leaseMs?: number, deviceId?: string): PodEvent => ({
  type: 'home.leased',
  v: 1,
  url: URL,
  ...(leaseMs === undefined ? {} : { leaseMs }),
  ...(deviceId === undefined ? {} : { deviceId }),
});
const acknowledged = (seq: number): PodEvent =>
  ({ ...EVENTS['home.acknowledged'], url: URL, seq }) as PodEvent;
const twinIn = ({ homes }: PodState) => homes[0] ?? { leases: [] };

describe('the lease of a twin', () => {
  it('is none until somebody gives it, and of homes that the pod knows', () => {
    const state = stateOf([]);
    assert.equal(firstLeaseEnd(state.homes), undefined);
    assert.equal(takeoverMs(twinIn(state)), undefined);
    assert.throws(() => decide(state, { type: 'leaseHome', lease: { url: '/other', leaseMs: DAY_MS } }), {
      code: 'HOME_UNKNOWN',
    });
  });

  it('ends for the device before it does for the twin, by a tenth and an hour at least', () => {
    const week = stateOf([[DAY_MS, leased(7 * DAY_MS)]]);
    assert.deepEqual(firstLeaseEnd(week.homes), { url: URL, endMs: 8 * DAY_MS });
    assert.equal(takeoverMs(twinIn(week)), 8 * DAY_MS + 0.7 * DAY_MS);
    assert.equal(takeoverMs(twinIn(stateOf([[0, leased(2 * HOUR_MS)]]))), 3 * HOUR_MS);
  });

  it('is longer for the device only once the twin has acknowledged that', () => {
    const sent: (readonly [number, PodEvent])[] = [
      [0, leased(DAY_MS)],
      [1, acknowledged(3)],
      [DAY_MS / 2, leased(DAY_MS)],
    ];
    assert.equal(firstLeaseEnd(stateOf(sent).homes)?.endMs, DAY_MS);
    const known = stateOf([...sent, [DAY_MS / 2 + 1, acknowledged(5)]]);
    assert.equal(firstLeaseEnd(known.homes)?.endMs, 1.5 * DAY_MS);
  });

  it('that is taken back binds the device until the twin has acknowledged that', () => {
    const taken: (readonly [number, PodEvent])[] = [
      [0, leased(DAY_MS)],
      [1, leased()],
    ];
    assert.equal(firstLeaseEnd(stateOf(taken).homes)?.endMs, DAY_MS);
    assert.equal(takeoverMs(twinIn(stateOf(taken))), undefined, 'a twin that knows it asks');
    assert.equal(firstLeaseEnd(stateOf([...taken, [2, acknowledged(4)]]).homes), undefined);
    const removed: PodEvent = { type: 'home.removed', v: 1, url: URL };
    assert.equal(firstLeaseEnd(stateOf([...taken, [2, removed]]).homes), undefined);
  });

  it('is renewed by a sync once a quarter of it is over, or if it began in the future', () => {
    const state = stateOf([[DAY_MS, leased(DAY_MS, 'a')]]);
    const isDue = (days: number, deviceId: string | undefined = 'a', of = state): boolean =>
      isRenewalDue(twinIn(of), { nowMs: days * DAY_MS, clockMs: of.clockMs, deviceId });
    assert.deepEqual(
      [1.2, 1.25, 0.9].map((days) => isDue(days)),
      [false, true, true],
    );
    assert.deepEqual([isDue(1.2, 'b'), isDue(1.2, undefined)], [true, false], 'to another twin at its place');
    assert.equal(isDue(9, 'a', stateOf([[DAY_MS, leased(undefined, 'a')]])), false);
    assert.equal(isDue(9, 'a', stateOf([])), false);
  });

  it('binds the device to every twin that lay at its place, and each goes by what it was told itself', () => {
    const rotated = stateOf([
      [0, leased(7 * DAY_MS, 'a')],
      [1, acknowledged(3)],
      [2 * DAY_MS, leased(7 * DAY_MS, 'b')],
      [2 * DAY_MS + 1, acknowledged(5)],
    ]);
    assert.equal(firstLeaseEnd(rotated.homes)?.endMs, 7 * DAY_MS);
    assert.equal(twinIn(rotated).leases?.at(-1)?.deviceId, 'b');
    const back = fold(
      [
        { seq: 7, atMs: 3 * DAY_MS, event: leased(7 * DAY_MS, 'a') },
        { seq: 8, atMs: 3 * DAY_MS, event: acknowledged(7) },
      ],
      rotated,
    );
    assert.equal(firstLeaseEnd(back.homes)?.endMs, 9 * DAY_MS);
  });

  it('lets nobody go by it if a clock was set back before, and is told again once it is right', () => {
    const behind = stateOf([
      [30 * DAY_MS, leased(7 * DAY_MS, 'a')],
      [30 * DAY_MS, acknowledged(3)],
      [DAY_MS, leased(7 * DAY_MS, 'a')],
      [DAY_MS, acknowledged(5)],
    ]);
    assert.equal(takeoverMs(twinIn(behind)), undefined);
    assert.equal(firstLeaseEnd(behind.homes), undefined);
    const isDue = (nowMs: number): boolean =>
      isRenewalDue(twinIn(behind), { nowMs, clockMs: behind.clockMs, deviceId: 'a' });
    assert.deepEqual([isDue(2 * DAY_MS), isDue(30 * DAY_MS)], [false, true]);
    const soon = stateOf([
      [DAY_MS, leased(7 * DAY_MS, 'a')],
      [DAY_MS - HOUR_MS / 2, leased(7 * DAY_MS, 'a')],
    ]);
    assert.notEqual(takeoverMs(twinIn(soon)), undefined, 'clocks differ by as much');
  });

  it('never lets both go on, wherever syncs were cut off', () => {
    const step = fc.record({
      afterMs: fc.integer({ min: 0, max: 20 * DAY_MS }),
      leaseMs: fc.option(fc.integer({ min: HOUR_MS, max: 30 * DAY_MS }), { nil: undefined }),
      // what came of the sync that carried it
      end: fc.constantFrom('never began', 'twin has it', 'acknowledged'),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        const events: (readonly [number, PodEvent])[] = [];
        let atMs = 0;
        let twin = stateOf([]);
        for (const { afterMs, leaseMs, end } of steps) {
          atMs += afterMs;
          events.push([atMs, leased(leaseMs)]);
          if (end !== 'never began') twin = stateOf(events);
          if (end === 'acknowledged') events.push([atMs, acknowledged(events.length + 2)]);
          const free = takeoverMs(twinIn(twin));
          if (free === undefined) continue;
          const endMs = firstLeaseEnd(stateOf(events).homes)?.endMs;
          assert.ok(endMs !== undefined && endMs + HOUR_MS <= free, `${endMs} and ${free}`);
        }
      }),
    );
  });
});

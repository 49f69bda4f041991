// The list of checkpoints: what each adds, where it lies, and that a long life of a pod does not make it slow.
import assert from 'node:assert/strict';
import type { CheckpointSealed, LoggedEvent, PodEvent } from '../../src/core/events.ts';
import { fold, type PodState } from '../../src/core/state.ts';
import { listCheckpoints } from '../../src/sync/retention/list-checkpoints.ts';

const HASH = '0123456789abcdef'.repeat(4);
const ROOT = { id: HASH, depth: 1, sizeBytes: 1 };
const HOUR_MS = 3_600_000;
/** On a busy machine; here it takes a small part of that. */
const TIME_LIMIT_MS = 2000;

const added = (url: string): PodEvent => ({ type: 'home.added', v: 1, url });
const acknowledged = (url: string, seq: number): PodEvent => ({
  type: 'home.acknowledged',
  v: 1,
  url,
  seq,
  recordHash: HASH,
  sentBytes: 0,
});
const sealed = (number: number, stats: Partial<CheckpointSealed['stats']> = {}): PodEvent => ({
  type: 'checkpoint.sealed',
  v: 1,
  number,
  reason: 'live',
  files: ROOT,
  images: ROOT,
  base: HASH,
  packs: [number, number + 0.25, number + 0.5].map((part) => String(part).padStart(64, '0')),
  stats: { fileCount: 10, fileBytes: 1000, imageBytes: 0, storedBytes: 0, pauseMs: 0, ...stats },
});

/** The state after these events, at positions from 1 on. */
function stateAfter(...events: readonly PodEvent[]): PodState {
  return fold(events.map((event, index): LoggedEvent => ({ seq: index + 1, atMs: index * HOUR_MS, event })));
}

describe('the list of checkpoints', () => {
  it('says of each how its files grew since the one before that is there', () => {
    const state = stateAfter(
      sealed(1, { fileCount: 3, fileBytes: 300 }),
      sealed(2, { fileCount: 9, fileBytes: 900 }),
      sealed(3, { fileCount: 2, fileBytes: 500 }),
      { type: 'checkpoints.forgotten', v: 1, numbers: [2], policy: 'last 2' },
    );
    const { place, checkpoints } = listCheckpoints(state);
    assert.equal(place, 'device');
    assert.deepEqual(
      checkpoints.map(({ number, growth }) => [number, growth]),
      [
        [1, undefined],
        [3, { fileCount: -1, fileBytes: 200 }],
      ],
    );
  });

  it('says which homes have each: those that acknowledged it, were not removed, and were not found without it', () => {
    const events = [
      ...[added('/a'), added('/b'), sealed(1), acknowledged('/a', 3), acknowledged('/b', 3)],
      ...[sealed(2), acknowledged('/a', 6), sealed(3)],
    ];
    const homesAfter = (...more: readonly PodEvent[]): (readonly string[])[] =>
      listCheckpoints(stateAfter(...events, ...more)).checkpoints.map(({ homes }) => homes);
    assert.deepEqual(homesAfter(), [['/a', '/b'], ['/a'], []]);
    const reverted: PodEvent = { type: 'home.reverted', v: 1, url: '/a', seq: 4, acknowledgedSeq: 6 };
    assert.deepEqual(homesAfter(reverted), [['/a', '/b'], [], []]);
    assert.deepEqual(homesAfter(reverted, acknowledged('/a', 9)), [['/a', '/b'], ['/a'], ['/a']]);
    const removed: PodEvent = { type: 'home.removed', v: 1, url: '/a' };
    assert.deepEqual(homesAfter(removed, added('/a')), [['/b'], [], []]);
  });

  it('counts the home that was asked among those that have what lies there', () => {
    const { place, checkpoints } = listCheckpoints(stateAfter(added('/a'), sealed(1)), undefined, '/a');
    assert.deepEqual([place, checkpoints[0]?.homes], ['/a', ['/a']]);
  });

  it('is there at once after 10,000 checkpoints, with a policy, too', () => {
    const count = 10_000;
    const events = [added('/a'), added('/b')];
    for (let number = 1; number <= count; number++)
      events.push(sealed(number, { fileCount: number }), acknowledged('/a', events.length + 1));
    const startedMs = performance.now();
    const state = stateAfter(...events);
    const list = listCheckpoints(state, { last: 10, hourly: 48, daily: 30, yearly: 10 });
    const json = JSON.stringify(list);
    const tookMs = performance.now() - startedMs;
    assert.equal(list.checkpoints.length, count);
    assert.ok(list.checkpoints.every(({ homes }) => homes.length === 1));
    assert.ok(tookMs < TIME_LIMIT_MS, `${Math.round(tookMs)} ms for ${json.length} characters`);
  });
});

// Where checkpoints come from and where they lie, by the log alone.
import assert from 'node:assert/strict';
import type { LoggedEvent, PodEvent } from '../../src/core/events.ts';
import { traceCheckpoints } from '../../src/core/provenance.ts';

const STATS = { fileCount: 0, fileBytes: 0, imageBytes: 0, storedBytes: 0, pauseMs: 0 };
const created: PodEvent = {
  ...{ type: 'pod.created', v: 1, podId: 'p', deviceId: 'first', epoch: 1, kind: 'tree' },
  ...{ name: 'n', keyring: 'k', vault: 'none' },
} as const;
const sealed = (number: number): PodEvent => ({
  ...({ type: 'checkpoint.sealed', v: 1, number, reason: 'files', packs: [], stats: STATS } as const),
  files: { id: '00', depth: 0, sizeBytes: 0 },
});
const acknowledged = (url: string, seq: number): PodEvent => ({
  ...({ type: 'home.acknowledged', v: 1, recordHash: '', sentBytes: 0 } as const),
  url,
  seq,
});
const restored: PodEvent = {
  ...{
    type: 'restore.completed',
    v: 1,
    url: '/a',
    epoch: 2,
    deviceId: 'second',
    checkpoint: 2,
    vault: 'none',
  },
} as const;

function trace(...events: readonly PodEvent[]): ReturnType<typeof traceCheckpoints> {
  return traceCheckpoints(
    events.map((event, i): LoggedEvent => ({ seq: i + 1, atMs: (i + 1) * 1000, event })),
  );
}

describe('the provenance of checkpoints', () => {
  it('names the device and epoch that sealed each, and the restores since', () => {
    const traces = trace(created, sealed(1), sealed(2), restored, sealed(3));
    assert.deepEqual([traces.get(1)?.deviceId, traces.get(1)?.epoch], ['first', 1]);
    assert.deepEqual([traces.get(3)?.deviceId, traces.get(3)?.epoch], ['second', 2]);
    assert.deepEqual(
      [1, 2, 3].map((number) => traces.get(number)?.arrivals.map(({ seq, url }) => [seq, url])),
      [[[4, '/a']], [[4, '/a']], []],
    );
  });

  it('names a copy that went its own way by the name that it took, and a promoted device by its own', () => {
    const forked: PodEvent = { type: 'device.forked', v: 1, deviceId: 'copy', cause: 'asked' };
    const promoted: PodEvent = { type: 'device.promoted', v: 1, deviceId: 'third', epoch: 3, urls: ['/a'] };
    const traces = trace(created, forked, sealed(1), promoted, sealed(2));
    const devices = [1, 2].map((number) => [traces.get(number)?.deviceId, traces.get(number)?.epoch]);
    assert.deepEqual(devices, [
      ['copy', 1],
      ['third', 3],
    ]);
  });

  it('tells since when each home has a checkpoint, not when it was last heard of', () => {
    const traces = trace(
      created,
      sealed(1),
      acknowledged('/a', 2),
      sealed(2),
      acknowledged('/b', 4),
      acknowledged('/a', 4),
    );
    const homes = (number: number): unknown =>
      traces.get(number)?.homes.map(({ url, seq, atMs }) => [url, seq, atMs]);
    assert.deepEqual(homes(1), [
      ['/a', 2, 3000],
      ['/b', 4, 5000],
    ]);
    assert.deepEqual(homes(2), [
      ['/b', 4, 5000],
      ['/a', 4, 6000],
    ]);
  });

  it('does not count on a home that was removed, until it acknowledges again', () => {
    const removed: PodEvent = { type: 'home.removed', v: 1, url: '/a' };
    const added: PodEvent = { type: 'home.added', v: 1, url: '/a' };
    assert.deepEqual(trace(created, sealed(1), acknowledged('/a', 2), removed).get(1)?.homes, []);
    const again = trace(created, sealed(1), acknowledged('/a', 2), removed, added, acknowledged('/a', 5)).get(
      1,
    );
    assert.deepEqual(again?.homes, [{ url: '/a', seq: 5, atMs: 6000 }]);
  });
});

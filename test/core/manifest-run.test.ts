// A manifest that is read run by run says the same as one that is read as a whole, wherever the runs begin.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { concatBytes, utf8 } from '../../src/core/bytes.ts';
import { ManifestEncoder, type ManifestEntry } from '../../src/core/manifest.ts';
import { MANIFEST_START, type ManifestPlace, readManifestRun } from '../../src/core/manifest-run.ts';
import { oldestFirst, takeShare } from '../../src/core/reading-order.ts';
import { bytesOf, errorOf } from './parser-suite.ts';

const files = fc.array(fc.array(bytesOf(32), { maxLength: 5 }), { maxLength: 12 });

function entryOf(name: string, chunkIds: readonly Uint8Array[]): ManifestEntry {
  return {
    ...{ path: utf8(name), kind: 'file', mode: 0o644, uid: 0, gid: 0, mtimeNs: 5n, sizeBytes: 0 },
    ...{ rdevMajor: 0, rdevMinor: 0, target: new Uint8Array(0), hardlinkGroup: 0, isSparse: false },
    ...{ xattrs: [], chunkIds },
  };
}

function encode(entries: readonly ManifestEntry[]): Uint8Array {
  const encoder = new ManifestEncoder();
  return concatBytes([encoder.start(), ...entries.map((entry) => encoder.entry(entry)), encoder.end()]);
}

describe('a run of a manifest', () => {
  it('gives every entry once, whatever the runs are', () => {
    fc.assert(
      fc.property(files, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), (chunks, lengths) => {
        const entries = chunks.map((ids, i) => entryOf(`f${String(i).padStart(2, '0')}`, ids));
        const bytes = encode(entries);
        const read: ManifestEntry[] = [];
        let place: ManifestPlace = MANIFEST_START;
        let announcedCount: number | undefined;
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const length = lengths[i % lengths.length] ?? 1;
          const run = readManifestRun(place, bytes.subarray(at, at + length));
          read.push(...run.entries);
          announcedCount ??= run.announcedCount;
          place = run.after;
          at += length;
        }
        assert.deepEqual(read, entries);
        assert.deepEqual(place, { phase: 'ended', rest: new Uint8Array(0) });
        assert.equal(announcedCount, entries.length);
      }),
    );
  });

  it('goes on in the same way from the same place', () => {
    const ids = [1, 2].map((n) => new Uint8Array(32).fill(n));
    const [a, b] = [
      encode([entryOf('a', ids), entryOf('b', [])]),
      encode([entryOf('x', []), entryOf('y', ids)]),
    ];
    const last = (bytes: Uint8Array): number => bytes.length - 8;
    const places = [a, b].map(
      (bytes) => readManifestRun(MANIFEST_START, bytes.subarray(0, last(bytes))).after,
    );
    assert.deepEqual(places[0], places[1]);
  });

  it('bears any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, isBegun) => {
        const begun = readManifestRun(MANIFEST_START, new ManifestEncoder().start()).after;
        try {
          readManifestRun(isBegun ? begun : MANIFEST_START, bytes);
        } catch {
          const error = errorOf(() => readManifestRun(isBegun ? begun : MANIFEST_START, bytes));
          assert.ok(['MANIFEST_DAMAGED', 'FORMAT_UNKNOWN'].includes(error.code));
        }
      }),
    );
  });
});

describe('the order of reading', () => {
  const objects = fc.array(fc.record({ sizeBytes: fc.nat(1000), verifiedAtMs: fc.nat(5) }), {
    maxLength: 30,
  });

  it('takes the oldest, as many as make the share and no more', () => {
    fc.assert(
      fc.property(objects, fc.double({ min: 0.01, max: 1, noNaN: true }), (all, share) => {
        const ordered = oldestFirst(all);
        const taken = takeShare(ordered, share);
        const bytesOfAll = (some: readonly { sizeBytes: number }[]): number =>
          some.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
        assert.deepEqual(taken, ordered.slice(0, taken.length));
        assert.ok(bytesOfAll(taken) >= share * bytesOfAll(all));
        assert.ok(taken.length === 0 || bytesOfAll(taken.slice(0, -1)) < share * bytesOfAll(all));
        for (const [i, { verifiedAtMs }] of ordered.entries())
          assert.ok(verifiedAtMs >= (ordered[i - 1]?.verifiedAtMs ?? 0));
      }),
    );
  });
});

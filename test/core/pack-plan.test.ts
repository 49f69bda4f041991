// What a prune removes and copies, and the table of ids that it is decided by.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { toHex } from '../../src/core/bytes.ts';
import { MarkedChunks } from '../../src/core/marked-chunks.ts';
import { type PackUse, planPacks } from '../../src/core/pack-plan.ts';
import { bytesOf } from './parser-suite.ts';

const somePacks: fc.Arbitrary<PackUse[]> = fc
  .array(fc.record({ usedBytes: fc.nat(1000), unusedBytes: fc.nat(1000) }), { maxLength: 30 })
  .map((packs) => packs.map((pack, index) => ({ name: `p${index}`, ...pack })));

function unusedOf(packs: readonly PackUse[]): number {
  return packs.reduce((sum, { unusedBytes }) => sum + unusedBytes, 0);
}

describe('a plan for packs', () => {
  it('drops what holds nothing needed and nothing else, and copies no more than the limit asks for', () => {
    fc.assert(
      fc.property(somePacks, fc.integer({ min: 0, max: 100 }), (packs, percent) => {
        const { dropped, repacked, leftUnusedBytes } = planPacks(packs, { share: percent / 100 });
        assert.deepEqual(
          new Set(dropped),
          new Set(packs.filter(({ usedBytes }) => usedBytes === 0).map(({ name }) => name)),
        );
        const copied = packs.filter(({ name }) => repacked.includes(name));
        assert.equal(copied.length, repacked.length);
        assert.ok(copied.every(({ usedBytes, unusedBytes }) => usedBytes > 0 && unusedBytes > 0));
        const stays = packs.filter(({ name }) => !dropped.includes(name) && !repacked.includes(name));
        assert.equal(leftUnusedBytes, unusedOf(stays));
        const usedBytes = packs.reduce((sum, pack) => sum + pack.usedBytes, 0);
        const limit = percent === 100 ? Infinity : (usedBytes * percent) / (100 - percent);
        assert.ok(leftUnusedBytes <= limit + 1e-6);
        const last = packs.find(({ name }) => name === repacked.at(-1));
        if (last !== undefined) assert.ok(leftUnusedBytes + last.unusedBytes > limit);
      }),
    );
  });

  it('takes a limit in bytes, and copies the most wasteful first', () => {
    const packs = [
      { name: 'a', usedBytes: 90, unusedBytes: 10 },
      { name: 'b', usedBytes: 10, unusedBytes: 90 },
      { name: 'c', usedBytes: 0, unusedBytes: 50 },
    ];
    assert.deepEqual(planPacks(packs, { bytes: 10 }), {
      dropped: ['c'],
      repacked: ['b'],
      leftUnusedBytes: 10,
    });
    assert.deepEqual(planPacks(packs, { bytes: 0 }).repacked, ['b', 'a']);
    assert.deepEqual(planPacks(packs, { share: 1 }).repacked, []);
    assert.throws(() => planPacks(packs, { share: 1.5 }), RangeError);
  });
});

describe('marked chunks', () => {
  it('are what a map would hold, also ids that begin alike', () => {
    const id = fc.tuple(fc.constantFrom(0, 1, 255), bytesOf(31)).map(([first, rest]) => {
      const bytes = new Uint8Array(32);
      bytes.set(rest.subarray(0, 8), 24);
      bytes[0] = first;
      return bytes;
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(id, fc.nat(255)), { maxLength: 200 }), id, (entries, other) => {
        const marked = new MarkedChunks();
        const map = new Map<string, number>();
        for (const [each, value] of entries) {
          marked.add(each, value);
          if (!map.has(toHex(each))) map.set(toHex(each), value);
        }
        assert.equal(marked.size, map.size);
        for (const [place, [name, value]] of [...map].entries()) {
          assert.equal(toHex(marked.idAt(place)), name);
          assert.equal(marked.placeOf(marked.idAt(place)), place);
          assert.equal(marked.valueAt(place), value);
        }
        assert.equal(marked.placeOf(other) !== undefined, map.has(toHex(other)));
        assert.throws(() => marked.idAt(marked.size), RangeError);
      }),
    );
  });

  it('take less than 100 MB for a million', () => {
    const before = process.memoryUsage().arrayBuffers;
    const marked = new MarkedChunks();
    const id = new Uint8Array(32);
    const view = new DataView(id.buffer);
    for (let n = 0; n < 1_000_000; n++) {
      view.setUint32(0, Math.imul(n, 2_654_435_761) >>> 0);
      view.setUint32(28, n);
      marked.add(id, n & 1);
    }
    assert.equal(marked.size, 1_000_000);
    assert.ok(process.memoryUsage().arrayBuffers - before < 100e6);
    view.setUint32(0, Math.imul(777_777, 2_654_435_761) >>> 0);
    view.setUint32(28, 777_777);
    assert.equal(marked.placeOf(id), 777_777);
  });
});

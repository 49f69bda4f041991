// The order in which packs are looked into.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { orderPacks, type PackCandidate } from '../../src/core/pack-search.ts';

const packs = fc.uniqueArray(
  fc.record({
    name: fc.stringMatching(/^[a-f]{3}$/),
    seq: fc.integer({ min: 1, max: 30 }),
    sizeBytes: fc.integer({ min: 1, max: 5 }),
  }),
  { maxLength: 20, selector: ({ name }) => name },
);
const places = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 5 });

describe('the search for a chunk', () => {
  it('looks into every pack once, the nearest in the log first, and the short ones of these', () => {
    fc.assert(
      fc.property(packs, places, (candidates, around) => {
        const ordered = orderPacks(candidates, around);
        assert.deepEqual(new Set(ordered), new Set(candidates));
        assert.equal(ordered.length, candidates.length);
        const distance = ({ seq }: PackCandidate): number =>
          around.length === 0 ? 0 : Math.min(...around.map((place) => Math.abs(place - seq)));
        for (const [i, pack] of ordered.entries()) {
          const next = ordered[i + 1] ?? pack;
          assert.ok(distance(pack) <= distance(next));
          if (distance(pack) === distance(next)) assert.ok(pack.sizeBytes <= next.sizeBytes);
        }
      }),
    );
  });
});

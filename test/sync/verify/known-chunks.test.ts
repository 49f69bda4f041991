// The set of chunk ids holds what a set holds.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { toHex } from '../../../src/core/bytes.ts';
import { KnownChunks } from '../../../src/sync/verify/known-chunks.ts';

const idOf = (n: number): Uint8Array => new Uint8Array(createHash('sha256').update(String(n)).digest());

describe('known chunks', () => {
  it('are those that were added, however many, and no others', () => {
    const known = new KnownChunks();
    const expected = new Set<string>();
    for (let n = 0; n < 20_000; n += 2) {
      known.add(idOf(n));
      known.add(idOf(n));
      expected.add(toHex(idOf(n)));
    }
    assert.equal(known.size, expected.size);
    for (let n = 0; n < 20_000; n++) assert.equal(known.has(idOf(n)), expected.has(toHex(idOf(n))));
  });

  it('may be zeros, or share a slot', () => {
    const known = new KnownChunks();
    const ids = [0, 1, 2].map((n) => new Uint8Array(32).fill(n === 0 ? 0 : 0xff, 31 - n));
    assert.ok(ids.every((id) => !known.has(id)));
    const [zeros = new Uint8Array(32)] = ids;
    known.add(zeros);
    assert.ok(known.has(zeros));
    assert.throws(() => known.has(new Uint8Array(31)), TypeError);
  });
});

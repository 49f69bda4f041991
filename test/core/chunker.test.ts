// Cutting by content.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { Chunker, type ChunkSizes, FILE_CHUNKS, gearTable, IMAGE_CHUNKS } from '../../src/core/chunker.ts';
import { hashing } from '../../src/sync/hashing.ts';

const SMALL: ChunkSizes = { minBytes: 256, averageBytes: 1024, maxBytes: 4096 };
const table = gearTable(hashing, new Uint8Array(32).fill(5));

function lengths(
  bytes: Uint8Array,
  sizes = SMALL,
  pieces: readonly number[] = [bytes.length],
  key = table,
): number[] {
  const chunker = new Chunker(key, sizes);
  const ends: number[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const piece = bytes.subarray(at, at + (pieces[i % pieces.length] ?? 1));
    for (const cut of chunker.push(piece)) ends.push(at + cut);
    at += piece.length;
  }
  if (ends.at(-1) !== bytes.length) ends.push(bytes.length);
  return ends.map((end, i) => end - (ends[i - 1] ?? 0));
}

/** The lengths of the chunks as docs/FORMAT.md has them, with nothing passed over but the minimum. */
function lengthsByEveryByte(bytes: Uint8Array, key: Int32Array): number[] {
  const { minBytes, averageBytes, maxBytes } = SMALL;
  const [strict, loose] = [12, 8].map((count) => (0xffff_ffff << (32 - count)) | 0) as [number, number];
  const all: number[] = [];
  for (let start = 0; start < bytes.length; ) {
    let length = minBytes;
    let hash = 0;
    for (const byte of bytes.subarray(start + minBytes - 32, start + minBytes))
      hash = ((hash << 1) + (key[byte] ?? 0)) | 0;
    for (; length < maxBytes && start + length < bytes.length; ) {
      hash = ((hash << 1) + (key[bytes[start + length] ?? 0] ?? 0)) | 0;
      const mask = length < averageBytes ? strict : loose;
      length++;
      if ((hash & mask) === 0) break;
    }
    length = Math.min(length, bytes.length - start);
    all.push(length);
    start += length;
  }
  return all;
}

/** Bytes that look random and are the same in every run. */
function noise(length: number, seed = 1): Uint8Array {
  const key = createHash('shake256', { outputLength: length }).update(String(seed)).digest();
  return new Uint8Array(key);
}

function chunksOf(bytes: Uint8Array): string[] {
  let at = 0;
  return lengths(bytes).map((length) => {
    at += length;
    return Buffer.from(bytes.subarray(at - length, at)).toString('base64');
  });
}

describe('chunker', () => {
  it('keeps every byte and its limits', () => {
    fc.assert(
      fc.property(fc.nat(60_000), fc.nat(), (length, seed) => {
        const all = lengths(noise(length + 1, seed));
        assert.equal(
          all.reduce((a, b) => a + b, 0),
          length + 1,
        );
        for (const one of all.slice(0, -1))
          assert.ok(one >= SMALL.minBytes && one <= SMALL.maxBytes, `${one}`);
        assert.ok((all.at(-1) ?? 0) <= SMALL.maxBytes);
      }),
    );
  });

  it('cuts alike whatever pieces the bytes come in', () => {
    const bytes = noise(50_000);
    const whole = lengths(bytes);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }), (pieces) => {
        assert.deepEqual(lengths(bytes, SMALL, pieces), whole);
      }),
    );
    assert.deepEqual(lengths(bytes, SMALL, [1]), whole);
  });

  it('cuts where every byte by itself says so, in zeros, too', () => {
    const key = table.slice();
    const run = fc.record({ zeros: fc.nat(9000), noise: fc.nat(2000), seed: fc.nat() });
    const cut = (first: number, runs: readonly { zeros: number; noise: number; seed: number }[]): void => {
      // with 0 zeros are cut as soon as they may be, and with most others never
      key[0] = first;
      const parts = runs.map((each) => [new Uint8Array(each.zeros), noise(each.noise + 1, each.seed)]);
      const bytes = Buffer.concat(parts.flat());
      assert.deepEqual(lengths(bytes, SMALL, [bytes.length], key), lengthsByEveryByte(bytes, key));
      assert.deepEqual(lengths(bytes, SMALL, [1, 3, 1000], key), lengthsByEveryByte(bytes, key));
    };
    const firsts = fc.constantFrom(0, 1, table[0] ?? 0, 0x0100_0000, -0x4000_0000);
    fc.assert(fc.property(firsts, fc.array(run, { minLength: 1, maxLength: 4 }), cut));
  });

  it('keeps almost all chunks when bytes are put in, taken out or changed', () => {
    const bytes = noise(200_000);
    const before = new Set(chunksOf(bytes));
    fc.assert(
      fc.property(
        fc.nat(199_000),
        fc.integer({ min: 0, max: 50 }),
        fc.integer({ min: 0, max: 50 }),
        (at, out, put) => {
          const changed = new Uint8Array([
            ...bytes.subarray(0, at),
            ...noise(put + 1, 9),
            ...bytes.subarray(at + out),
          ]);
          const fresh = chunksOf(changed).filter((chunk) => !before.has(chunk));
          assert.ok(fresh.length <= 12, `${fresh.length} of ${before.size} chunks are new`);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('comes near the average that was asked for', () => {
    const all = lengths(noise(1_000_000));
    const average = 1_000_000 / all.length;
    assert.ok(average > 800 && average < 1700, `${average}`);
  });

  it('cuts the same byte over and over at the maximum or always at one length', () => {
    const all = new Set(lengths(new Uint8Array(100_000)).slice(0, -1));
    assert.equal(all.size, 1);
  });

  it('cuts elsewhere under another key', () => {
    const bytes = noise(100_000);
    const other = gearTable(hashing, new Uint8Array(32).fill(6));
    assert.notDeepEqual(lengths(bytes, SMALL, [bytes.length], other), lengths(bytes));
  });

  it('starts afresh after a reset', () => {
    const chunker = new Chunker(table, SMALL);
    const bytes = noise(20_000);
    const first = chunker.push(bytes);
    chunker.reset();
    assert.deepEqual(chunker.push(bytes), first);
  });

  it('refuses sizes that make no sense', () => {
    assert.throws(() => new Chunker(table, { ...SMALL, averageBytes: 1000 }), RangeError);
    assert.throws(() => new Chunker(table, { ...SMALL, minBytes: 8 }), RangeError);
    assert.throws(() => new Chunker(table, { ...SMALL, maxBytes: 512 }), RangeError);
    assert.throws(() => new Chunker(new Int32Array(3), SMALL), RangeError);
  });

  it('cuts files and process images within their limits', () => {
    const bytes = noise(6_000_000);
    for (const sizes of [FILE_CHUNKS, IMAGE_CHUNKS]) {
      for (const one of lengths(bytes, sizes).slice(0, -1)) {
        assert.ok(one >= sizes.minBytes && one <= sizes.maxBytes, `${one}`);
      }
    }
  });
});

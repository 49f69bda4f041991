// Proving a pack: exactly the chunks that lie in what does not open are damaged, wherever that is.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, openSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { PackBuilder } from '../../../src/core/pack.ts';
import { payloadKey, payloadLayout, sealPayload } from '../../../src/sync/age/age-stream.ts';
import { hashing } from '../../../src/sync/hashing.ts';
import { compressedBound, compressInto } from '../../../src/sync/workers/compression.ts';
import type { ProveAnswer, ProveOrder } from '../../../src/sync/workers/messages.ts';
import { provePack } from '../../../src/sync/workers/proving.ts';
import { scratchFolder } from '../scratch.ts';

const KEY = randomBytes(32);
const HEADER_BYTES = 150;
const PIECE_BYTES = 65_536;

/** A sealed pack with chunks of these lengths, every other one compressed. */
function packOf(lengths: readonly number[]): { sealed: Uint8Array; order: Omit<ProveOrder, 'fd'> } {
  const builder = new PackBuilder();
  for (const [i, length] of lengths.entries()) {
    const plain = i % 2 === 0 ? randomBytes(length) : Buffer.alloc(length, i);
    const room = new Uint8Array(compressedBound(length));
    const stored = i % 2 === 0 ? plain : room.subarray(0, compressInto(room, plain, 1));
    builder.add(hashing.hmac(KEY, plain), stored, length, i % 2 === 0 ? 'raw' : 'zstd');
  }
  const { entries } = builder;
  const fileKey = randomBytes(16);
  const sealed = sealPayload(new Uint8Array(HEADER_BYTES), fileKey, builder.finish());
  const nonce = sealed.subarray(HEADER_BYTES, HEADER_BYTES + 16);
  const parts = {
    key: payloadKey(fileKey, nonce),
    payloadOffset: HEADER_BYTES + 16,
    fileBytes: sealed.length,
    layout: payloadLayout(sealed.length - HEADER_BYTES - 16),
  };
  return { sealed, order: { type: 'prove', number: 1, parts, entries } };
}

describe('proving a pack', () => {
  const folder = scratchFolder();
  const prove = (bytes: Uint8Array, order: Omit<ProveOrder, 'fd'>, cutTo?: number): ProveAnswer => {
    const path = join(folder(), 'pack');
    writeFileSync(path, bytes);
    if (cutTo !== undefined) truncateSync(path, cutTo);
    const fd = openSync(path, 'r');
    try {
      return provePack({ ...order, fd }, KEY);
    } finally {
      closeSync(fd);
    }
  };

  it('finds a whole one whole, whatever the lengths of its chunks', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400_000), { minLength: 1, maxLength: 12 }), (lengths) => {
        const { sealed, order } = packOf(lengths);
        const { sha256, damagedChunks, unreadable } = prove(sealed, order);
        assert.deepEqual(Buffer.from(sha256), createHash('sha256').update(sealed).digest());
        assert.deepEqual([damagedChunks, unreadable], [[], undefined]);
      }),
      { numRuns: 15 },
    );
  });

  it('names the chunks that lie in a damaged piece, and no others', () => {
    const { sealed, order } = packOf([90_000, 20, 300_000, 40, 40_000, 1_200_000, 3_000_000, 70_000, 5]);
    for (let piece = 0; piece < order.parts.layout.pieceCount; piece += 7) {
      const harmed = sealed.slice();
      const at = order.parts.payloadOffset + piece * (PIECE_BYTES + 16) + 9;
      harmed[at] = (harmed[at] ?? 0) ^ 4;
      const [from, to] = [piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES];
      const lying = order.entries.flatMap(({ offset, storedLength }, i) =>
        offset < to && offset + storedLength > from ? [i] : [],
      );
      assert.deepEqual(prove(harmed, order).damagedChunks, lying, `piece ${piece}`);
    }
  });

  it('takes what an index promises and the pack does not bear out for damaged', () => {
    const { sealed, order } = packOf([1000, 1000, 1000]);
    const [first, second, third] = order.entries;
    assert.ok(first && second && third);
    const cases = [
      [first, { ...second, offset: second.offset + 1 }, third],
      [first, { ...second, plainLength: 999 }, third],
      [first, { ...second, id: new Uint8Array(32) }, third],
      [first, { ...second, codec: 'raw' as const }, third],
    ];
    for (const entries of cases) assert.deepEqual(prove(sealed, { ...order, entries }).damagedChunks, [1]);
    const beyond = { ...third, offset: 2 ** 31 };
    assert.deepEqual(prove(sealed, { ...order, entries: [first, beyond] }).damagedChunks, [1]);
  });

  it('takes what was cut off meanwhile for damaged', () => {
    const { sealed, order } = packOf([100_000, 200_000, 100_000, 500_000, 100_000]);
    assert.deepEqual(prove(sealed, order, 170_000).damagedChunks, [2, 3, 4]);
    assert.deepEqual(prove(sealed, order, 0).damagedChunks, [0, 1, 2, 3, 4]);
  });
});

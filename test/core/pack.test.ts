// Packs: the plaintext.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodePack, PackBuilder } from '../../src/core/pack.ts';
import {
  assertCode,
  assertParserIsTotal,
  assertTruncationIsFound,
  bytesOf,
  objectOf,
} from './parser-suite.ts';

const codes = ['PACK_DAMAGED', 'FORMAT_UNKNOWN'] as const;

function packOf(chunks: readonly Uint8Array[]): Uint8Array {
  const builder = new PackBuilder();
  for (const [index, chunk] of chunks.entries()) {
    builder.add(
      new Uint8Array(32).fill(index),
      chunk,
      index % 2 === 0 ? chunk.length : 1000,
      index % 2 === 0 ? 'raw' : 'zstd',
    );
  }
  return builder.finish();
}

describe('pack', () => {
  it('finds every chunk again', () => {
    const chunk = objectOf({
      id: bytesOf(32),
      bytes: fc.uint8Array({ maxLength: 300 }),
      isZstd: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 30 }), (chunks) => {
        const builder = new PackBuilder();
        for (const { id, bytes, isZstd } of chunks)
          builder.add(id, bytes, isZstd ? 4096 : bytes.length, isZstd ? 'zstd' : 'raw');
        const plaintext = builder.finish();
        assert.equal(plaintext.length, builder.sizeBytes);
        const entries = decodePack(plaintext);
        assert.deepEqual(entries, builder.entries);
        for (const [index, { offset, storedLength }] of entries.entries()) {
          assert.deepEqual(plaintext.subarray(offset, offset + storedLength), chunks[index]?.bytes);
        }
      }),
    );
  });

  it('finds truncation everywhere', () => {
    assertTruncationIsFound(packOf([Uint8Array.of(1, 2, 3), Uint8Array.of(4)]), decodePack, ...codes);
  });

  it('refuses an index that counts more entries than it holds, or leaves a gap', () => {
    const bytes = packOf([Uint8Array.of(1, 2, 3), Uint8Array.of(4)]);
    const indexAt = 5 + 4;
    const many = bytes.slice().fill(0xff, indexAt, indexAt + 4);
    assertCode(() => decodePack(many), 'PACK_DAMAGED');
    const gap = bytes.slice();
    gap[indexAt + 4 + 32] = 6;
    assertCode(() => decodePack(gap), 'PACK_DAMAGED');
  });

  it('refuses a raw chunk whose two lengths differ', () => {
    assert.throws(() => new PackBuilder().add(new Uint8Array(32), Uint8Array.of(1), 2, 'raw'), RangeError);
    assert.throws(() => new PackBuilder().add(new Uint8Array(31), Uint8Array.of(1), 1, 'raw'), RangeError);
  });

  it('bears any bytes', () => {
    assertParserIsTotal(
      [packOf([]), packOf([Uint8Array.of(1, 2, 3), Uint8Array.of(4)])],
      decodePack,
      ...codes,
    );
  });
});

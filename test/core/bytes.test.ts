// Little-endian bytes.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ByteReader, ByteWriter, equalBytes, fromHex, toHex } from '../../src/core/bytes.ts';
import { assertCode } from './parser-suite.ts';

function reader(bytes: Uint8Array): ByteReader {
  return new ByteReader(bytes, 'SEGMENT_DAMAGED', 'segment');
}

describe('bytes', () => {
  it('reads back the numbers that it wrote', () => {
    const number = fc.maxSafeNat();
    fc.assert(
      fc.property(number, number, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (a, b, c) => {
        const bytes = new ByteWriter(1)
          .u64(a)
          .varint(b)
          .i64(c)
          .u16(a % 65536)
          .u32(b % 2 ** 32)
          .finish();
        const read = reader(bytes);
        assert.equal(read.u64(), a);
        assert.equal(read.varint(), b);
        assert.equal(read.i64(), c);
        assert.equal(read.u16(), a % 65536);
        assert.equal(read.u32(), b % 2 ** 32);
        read.end();
      }),
    );
  });

  it('reads back byte strings and their hexadecimal', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        assert.deepEqual(reader(new ByteWriter().prefixed(bytes).finish()).prefixed(), bytes);
        assert.deepEqual(fromHex(toHex(bytes)), bytes);
        assert.ok(equalBytes(bytes, bytes.slice()));
      }),
    );
  });

  it('writes integers little-endian', () => {
    assert.equal(
      toHex(new ByteWriter().u16(0x0102).u32(0x03040506).u64(7).i64(-2n).finish()),
      '0201060504030700000000000000feffffffffffffff',
    );
  });

  it('refuses numbers that do not fit', () => {
    assert.throws(() => new ByteWriter().u8(256), RangeError);
    assert.throws(() => new ByteWriter().u32(-1), RangeError);
    assert.throws(() => new ByteWriter().u64(2 ** 53), RangeError);
    assert.throws(() => new ByteWriter().i64(2n ** 63n), RangeError);
    assert.throws(() => new ByteWriter().fixed(new Uint8Array(3), 4), RangeError);
  });

  it('names the given code when bytes run out, a number is too large, or not in its shortest form', () => {
    assertCode(() => reader(new Uint8Array(3)).u32(), 'SEGMENT_DAMAGED');
    assertCode(() => reader(new Uint8Array(8).fill(0xff)).u64(), 'SEGMENT_DAMAGED');
    assertCode(() => reader(Uint8Array.of(0x80, 0x00)).varint(), 'SEGMENT_DAMAGED');
    assertCode(() => reader(new Uint8Array(12).fill(0xff)).varint(), 'SEGMENT_DAMAGED');
    assertCode(() => reader(Uint8Array.of(200, 1, 2)).prefixed(), 'SEGMENT_DAMAGED');
    assertCode(() => reader(new Uint8Array(9)).count(2 ** 32 - 1, 45), 'SEGMENT_DAMAGED');
    assertCode(() => reader(Uint8Array.of(2)).version(1), 'FORMAT_UNKNOWN');
  });

  it('tells different bytes apart', () => {
    assert.equal(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3)), false);
    assert.equal(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1)), false);
  });

  it('takes only lower-case hexadecimal', () => {
    assert.throws(() => fromHex('0'), TypeError);
    assert.throws(() => fromHex('AB'), TypeError);
    assert.throws(() => fromHex('zz'), TypeError);
  });
});

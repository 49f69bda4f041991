// Records of the log.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { concatBytes, utf8 } from '../../src/core/bytes.ts';
import {
  decodeRecord,
  encodeRecord,
  type LogRecord,
  NO_PREVIOUS,
  RECORD_MIN_BYTES,
} from '../../src/core/record.ts';
import { assertCode, assertParserIsTotal, bytesOf, objectOf, sealing } from './parser-suite.ts';

function recordOf(seq: number, previous: Uint8Array, text: string): Uint8Array {
  return encodeRecord({ seq, atMs: 1000 + seq, previous, remaining: 0, payload: utf8(text) }, sealing).bytes;
}

function decoded(bytes: Uint8Array, offset = 0): LogRecord {
  const record = decodeRecord(bytes, offset, sealing);
  if (record.kind === 'torn') return assert.fail('expected a record, got a torn one');
  return record;
}

describe('record', () => {
  it('reads back what was written, wherever it stands', () => {
    const body = objectOf({
      seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      atMs: fc.maxSafeNat(),
      previous: bytesOf(32),
      remaining: fc.nat(65535),
      payload: fc.uint8Array({ maxLength: 2000 }),
    });
    fc.assert(
      fc.property(body, fc.uint8Array({ maxLength: 40 }), (given, before) => {
        const { bytes, bodyHash } = encodeRecord(given, sealing);
        const {
          kind,
          bytes: own,
          bodyHash: gotHash,
          ...got
        } = decoded(concatBytes([before, bytes]), before.length);
        assert.equal(kind, 'record');
        assert.deepEqual(got, given);
        assert.deepEqual(own, bytes);
        assert.deepEqual(gotHash, bodyHash);
      }),
    );
  });

  it('calls every truncation torn, the empty one too', () => {
    const bytes = recordOf(1, NO_PREVIOUS, 'hello');
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(decodeRecord(bytes.subarray(0, length), 0, sealing).kind, 'torn', `at ${length}`);
    }
  });

  it('finds every flipped bit', () => {
    const bytes = recordOf(1, NO_PREVIOUS, 'hello');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assertCode(() => decodeRecord(flipped, 0, sealing), 'RECORD_DAMAGED');
    }
  });

  it('calls a record torn whose sectors were not all written before the power went', () => {
    const bytes = recordOf(1, NO_PREVIOUS, 'x'.repeat(2000));
    for (const zerosFrom of [0, 512, 1024, 1536, 2048]) {
      const torn = bytes.slice().fill(0, zerosFrom);
      assert.equal(decodeRecord(torn, 0, sealing).kind, 'torn', `from ${zerosFrom}`);
    }
  });

  it('counts sectors from the start of the file', () => {
    const bytes = recordOf(1, NO_PREVIOUS, 'x'.repeat(600)).slice();
    bytes.fill(0, bytes.length - 200);
    const fileOffset = 512 - ((bytes.length - 200) % 512);
    assert.equal(decodeRecord(bytes, 0, sealing, undefined, fileOffset).kind, 'torn');
    const within = bytes.slice(0, 500);
    const whole = recordOf(1, NO_PREVIOUS, 'y'.repeat(500 - RECORD_MIN_BYTES));
    within.set(whole);
    within.fill(0, 460);
    assertCode(() => decodeRecord(within, 0, sealing, undefined, 0), 'RECORD_DAMAGED');
  });

  it('names zeros in the middle of a file damage, not a torn tail', () => {
    const first = recordOf(1, NO_PREVIOUS, 'x'.repeat(2000)).slice();
    first.fill(0, 512, 1024);
    assertCode(() => decodeRecord(first, 0, sealing), 'RECORD_DAMAGED');
  });

  it('refuses a record out of its place in the chain', () => {
    const first = encodeRecord(
      { seq: 1, atMs: 1, previous: NO_PREVIOUS, remaining: 0, payload: utf8('a') },
      sealing,
    );
    const second = recordOf(2, first.bodyHash, 'b');
    assert.equal(decodeRecord(second, 0, sealing, { seq: 2, previous: first.bodyHash }).kind, 'record');
    assertCode(
      () => decodeRecord(second, 0, sealing, { seq: 3, previous: first.bodyHash }),
      'RECORD_DAMAGED',
    );
    assertCode(() => decodeRecord(second, 0, sealing, { seq: 2, previous: NO_PREVIOUS }), 'RECORD_DAMAGED');
  });

  it('refuses another key', () => {
    const bytes = recordOf(1, NO_PREVIOUS, 'a');
    assertCode(() => decodeRecord(bytes, 0, { ...sealing, logKey: new Uint8Array(32) }), 'RECORD_DAMAGED');
  });

  it('names an authentic record of a later version unknown, not damaged', () => {
    const later = { ...sealing, hashing: { ...sealing.hashing, hmac: () => new Uint8Array(32) } };
    const bytes = encodeRecord(
      { seq: 1, atMs: 1, previous: NO_PREVIOUS, remaining: 0, payload: utf8('a') },
      later,
    ).bytes;
    bytes[12] = 2;
    assertCode(() => decodeRecord(bytes, 0, later), 'FORMAT_UNKNOWN');
  });

  it('never calls an authentic record torn, though its MAC should end in a zero that begins a sector', () => {
    const zeroMac = { ...sealing, hashing: { ...sealing.hashing, hmac: () => new Uint8Array(32) } };
    const payload = new Uint8Array(513 - RECORD_MIN_BYTES);
    const body = { seq: 1, atMs: 1, previous: NO_PREVIOUS, remaining: 0, payload };
    const { bytes } = encodeRecord(body, zeroMac);
    assertCode(() => decodeRecord(bytes, 0, zeroMac, { seq: 2 }), 'RECORD_DAMAGED');
    bytes[12] = 2;
    assertCode(() => decodeRecord(bytes, 0, zeroMac), 'FORMAT_UNKNOWN');
  });

  it('bears any bytes', () => {
    const seeds = [recordOf(1, NO_PREVIOUS, 'hello'), recordOf(9, NO_PREVIOUS, 'x'.repeat(700))];
    assertParserIsTotal(
      seeds,
      (bytes) => decodeRecord(bytes, 0, sealing),
      'RECORD_DAMAGED',
      'FORMAT_UNKNOWN',
    );
  });
});

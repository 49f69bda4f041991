// Segments of the log.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { utf8 } from '../../src/core/bytes.ts';
import { decodeRecord, encodeRecord, type LogRecord, NO_PREVIOUS } from '../../src/core/record.ts';
import { decodeSegment, encodeSegment } from '../../src/core/segment.ts';
import { assertDamageIsFound, assertParserIsTotal, bytesOf, sealing } from './parser-suite.ts';

const identity = { podId: new Uint8Array(16).fill(1), epoch: 3, deviceId: new Uint8Array(16).fill(2) };
const codes = ['SEGMENT_DAMAGED', 'RECORD_DAMAGED', 'FORMAT_UNKNOWN'] as const;

function chain(firstSeq: number, texts: readonly string[], isWhole = true): LogRecord[] {
  const records: LogRecord[] = [];
  for (const [index, text] of texts.entries()) {
    const previous = records.at(-1)?.bodyHash ?? NO_PREVIOUS;
    const remaining = isWhole ? 0 : 1;
    const body = { seq: firstSeq + index, atMs: index, previous, remaining, payload: utf8(text) };
    const record = decodeRecord(encodeRecord(body, sealing).bytes, 0, sealing);
    if (record.kind === 'torn') return assert.fail('expected a record, got a torn one');
    records.push(record);
  }
  return records;
}

describe('segment', () => {
  it('reads back what was written', () => {
    const texts = fc.array(fc.string(), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(
        bytesOf(16),
        fc.nat(2 ** 31),
        fc.integer({ min: 1, max: 2 ** 40 }),
        texts,
        (podId, epoch, seq, all) => {
          const records = chain(seq, all);
          const got = decodeSegment(
            encodeSegment({ podId, epoch, deviceId: identity.deviceId }, records),
            sealing,
          );
          assert.deepEqual(got, { podId, epoch, deviceId: identity.deviceId, firstSeq: seq, records });
        },
      ),
      { numRuns: 50 },
    );
  });

  it('finds truncation everywhere', () => {
    const bytes = encodeSegment(identity, chain(5, ['a', 'bb']));
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decodeSegment(bytes.subarray(0, length), sealing), { name: 'DeskPodError' });
    }
  });

  it('finds every change in its records', () => {
    const bytes = encodeSegment(identity, chain(5, ['a', 'bb']));
    const recordsFrom = 4 + 1 + 16 + 4 + 16 + 8 + 4;
    const open = (records: Uint8Array) => {
      const whole = bytes.slice();
      whole.set(records, recordsFrom);
      if (records.length < bytes.length - recordsFrom)
        return decodeSegment(whole.subarray(0, recordsFrom + records.length), sealing);
      return decodeSegment(whole, sealing);
    };
    assertDamageIsFound(bytes.slice(recordsFrom), open, ...codes);
  });

  it('is never made of nothing, with a gap, or to end within an append', () => {
    const [first, , third] = chain(1, ['a', 'b', 'c']);
    assert.ok(first && third);
    assert.throws(() => encodeSegment(identity, []), RangeError);
    assert.throws(() => encodeSegment(identity, [first, third]), RangeError);
    assert.throws(() => encodeSegment(identity, chain(1, ['a'], false)), RangeError);
  });

  it('bears any bytes', () => {
    const bytes = encodeSegment(identity, chain(5, ['a', 'bb', 'ccc']));
    assertParserIsTotal([bytes], (mutated) => decodeSegment(mutated, sealing), ...codes);
  });
});

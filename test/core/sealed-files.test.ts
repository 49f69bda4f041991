// The small files that carry a MAC: head, keyring, marker.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeHead, encodeHead, peekHead } from '../../src/core/head.ts';
import { decodeKeyring, encodeKeyring, peekKeyring } from '../../src/core/keyring.ts';
import { decodeMarker, encodeMarker, peekMarker } from '../../src/core/marker.ts';
import { assertDamageIsFound, assertParserIsTotal, bytesOf, objectOf, sealing } from './parser-suite.ts';

const epoch = fc.nat(2 ** 32 - 1);
const log = { podId: bytesOf(16), deviceId: bytesOf(16), epoch };
const head = objectOf({ ...log, seq: fc.maxSafeNat(), recordHash: bytesOf(32), keyring: bytesOf(32) });
const marker = objectOf({
  ...log,
  kind: fc.constantFrom('desktop' as const, 'tree' as const),
  isTwin: fc.boolean(),
  placeId: bytesOf(16),
});
const slot = objectOf({
  kind: fc.constantFrom('passphrase' as const, 'recovery' as const),
  label: fc.string({ unit: 'binary' }),
  createdAtMs: fc.maxSafeNat(),
  sealed: fc.uint8Array({ maxLength: 300 }),
});
const keyring = objectOf({ podId: bytesOf(16), generation: epoch, slots: fc.array(slot, { maxLength: 5 }) });

describe('head', () => {
  const codes = ['HEAD_DAMAGED', 'FORMAT_UNKNOWN'] as const;
  const sample = encodeHead(fc.sample(head, { numRuns: 1, seed: 1 })[0] ?? assert.fail(), sealing);

  it('reads back what was written, proven or not', () => {
    fc.assert(
      fc.property(head, (given) => {
        assert.deepEqual(decodeHead(encodeHead(given, sealing), sealing), given);
        assert.deepEqual(peekHead(encodeHead(given, sealing)), given);
      }),
    );
  });

  it('finds every cut and every changed byte', () => {
    assertDamageIsFound(sample, (bytes) => decodeHead(bytes, sealing), ...codes);
  });

  it('bears any bytes', () => {
    assertParserIsTotal([sample], (bytes) => decodeHead(bytes, sealing), ...codes);
  });
});

describe('marker', () => {
  const codes = ['MARKER_DAMAGED', 'FORMAT_UNKNOWN'] as const;
  const sample = encodeMarker(fc.sample(marker, { numRuns: 1, seed: 1 })[0] ?? assert.fail(), sealing);

  it('reads back what was written, proven or not', () => {
    fc.assert(
      fc.property(marker, (given) => {
        assert.deepEqual(decodeMarker(encodeMarker(given, sealing), sealing), given);
        assert.deepEqual(peekMarker(encodeMarker(given, sealing)), given);
      }),
    );
  });

  it('finds every cut and every changed byte', () => {
    assertDamageIsFound(sample, (bytes) => decodeMarker(bytes, sealing), ...codes);
  });

  it('bears any bytes', () => {
    assertParserIsTotal([sample], (bytes) => decodeMarker(bytes, sealing), ...codes);
  });
});

describe('keyring', () => {
  const codes = ['KEYRING_DAMAGED', 'FORMAT_UNKNOWN'] as const;
  const slots = fc.sample(slot, { numRuns: 2, seed: 1 });
  const sample = encodeKeyring({ podId: new Uint8Array(16), generation: 1, slots }, sealing);

  it('reads back what was written, proven or not', () => {
    fc.assert(
      fc.property(keyring, (given) => {
        assert.deepEqual(decodeKeyring(encodeKeyring(given, sealing), sealing), given);
        assert.deepEqual(peekKeyring(encodeKeyring(given, sealing)), given);
      }),
    );
  });

  it('finds every cut and every changed byte', () => {
    assertDamageIsFound(sample, (bytes) => decodeKeyring(bytes, sealing), ...codes);
  });

  it('bears any bytes', () => {
    assertParserIsTotal([sample], (bytes) => decodeKeyring(bytes, sealing), ...codes);
  });
});

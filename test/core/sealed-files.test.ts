// The small files that carry a MAC: head, keyring, marker.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeHead, encodeHead, peekHead } from '../../src/core/head.ts';
import { decodeKeyring, encodeKeyring, peekKeyring } from '../../src/core/keyring.ts';
import { decodeMarker, encodeMarker, peekMarker } from '../../src/core/marker.ts';
import { decodePasskeySlot, encodePasskeySlot } from '../../src/core/passkey-slot.ts';
import {
  assertCode,
  assertDamageIsFound,
  assertParserIsTotal,
  bytesOf,
  objectOf,
  sealing,
} from './parser-suite.ts';

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
  kind: fc.constantFrom('passphrase' as const, 'recovery' as const, 'passkey' as const),
  label: fc.string({ unit: 'binary' }),
  createdAtMs: fc.maxSafeNat(),
  sealed: fc.uint8Array({ maxLength: 300 }),
});
const keyring = objectOf({ podId: bytesOf(16), generation: epoch, slots: fc.array(slot, { maxLength: 5 }) });

const word = fc.stringMatching(/^[a-z0-9-]{1,32}$/);
const passkeySlot = objectOf({
  credentialId: fc.uint8Array({ minLength: 1, maxLength: 1023 }),
  rpId: fc.constantFrom('localhost', 'a.example'),
  transports: fc.array(word, { maxLength: 16 }),
  file: fc.uint8Array({ maxLength: 300 }),
});

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

  it('is of a later version only with a passkey or a home, so that older readers open all that they can', () => {
    const of = (kind: 'recovery' | 'passkey' | 'home') =>
      encodeKeyring(
        { podId: new Uint8Array(16), generation: 1, slots: [{ kind, label: '', createdAtMs: 0, sealed }] },
        sealing,
      );
    const sealed = new Uint8Array(0);
    assert.deepEqual([of('recovery')[4], of('passkey')[4], of('home')[4]], [1, 2, 3]);
    for (const [kind, version, code] of [
      ['recovery', 2, 'KEYRING_DAMAGED'],
      ['passkey', 1, 'KEYRING_DAMAGED'],
      ['passkey', 3, 'KEYRING_DAMAGED'],
      ['home', 2, 'KEYRING_DAMAGED'],
      ['home', 4, 'FORMAT_UNKNOWN'],
    ] as const)
      assertCode(() => peekKeyring(of(kind).with(4, version)), code);
  });
});

describe('slot of a passkey', () => {
  it('reads back what was written', () => {
    fc.assert(
      fc.property(passkeySlot, (given) =>
        assert.deepEqual(decodePasskeySlot(encodePasskeySlot(given)), given),
      ),
    );
  });

  it('bears any bytes', () => {
    const sample = encodePasskeySlot(fc.sample(passkeySlot, { numRuns: 1, seed: 1 })[0] ?? assert.fail());
    assertParserIsTotal([sample], decodePasskeySlot, 'KEYRING_DAMAGED');
  });

  it('is for no site and no way that is not a plain word', () => {
    const slot = {
      credentialId: Uint8Array.of(1),
      rpId: 'localhost',
      transports: ['usb'],
      file: new Uint8Array(0),
    };
    for (const change of [
      { credentialId: new Uint8Array(0) },
      { credentialId: new Uint8Array(1024) },
      { rpId: '' },
      { rpId: 'lo cal' },
      { transports: ['a b'] },
      { transports: [''] },
      { transports: Array.from({ length: 17 }, () => 'usb') },
    ])
      assert.throws(() => encodePasskeySlot({ ...slot, ...change }), RangeError);
  });
});

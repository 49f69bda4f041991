// The header of a LUKS vault, which anyone may have written, and the vault's size: both without any dm-crypt.
import assert from 'node:assert/strict';
import { foreignInLuksHeader } from '../../src/session/vault/luks-header.ts';
import { luksVaultBytes } from '../../src/session/vault/luks-size.ts';
import { failureOf } from './device-bench.ts';

const MEBIBYTE = 1024 * 1024;

/** As cryptsetup 2.6 and 2.7 print it for a vault of ours. */
function header() {
  const slot = {
    type: 'luks2',
    key_size: 64,
    area: { type: 'raw', offset: '32768', size: '258048', encryption: 'aes-xts-plain64', key_size: 64 },
    kdf: { type: 'pbkdf2', hash: 'sha256', iterations: 1000, salt: 'AA==' },
  };
  return {
    keyslots: { '0': structuredClone(slot), '1': structuredClone(slot) },
    tokens: {} as Record<string, unknown>,
    segments: {
      '0': { type: 'crypt', offset: '16777216', encryption: 'aes-xts-plain64', sector_size: 4096 },
    } as Record<string, Record<string, unknown>>,
    digests: { '0': { type: 'pbkdf2', hash: 'sha256', iterations: 1000 } },
    config: { json_size: '12288', keyslots_size: '16744448' } as Record<string, unknown>,
  };
}

describe('the header of a LUKS vault', () => {
  const changes: readonly (readonly [string, (made: ReturnType<typeof header>) => void, RegExp])[] = [
    ['data in the clear', (made) => (made.segments['0'] = { type: 'linear' }), /cipher none/],
    [
      'the null cipher',
      (made) => Object.assign(made.segments['0'] ?? {}, { encryption: 'cipher_null-ecb' }),
      /cipher_null/,
    ],
    [
      'a key slot with another cipher',
      (made) => (made.keyslots['1'].area.encryption = 'aes-cbc-plain'),
      /aes-cbc/,
    ],
    [
      'a key derivation that takes all memory',
      (made) => (made.keyslots['0'].kdf.type = 'argon2id'),
      /slot of another kind/,
    ],
    [
      'a key derivation that takes for ever',
      (made) => (made.keyslots['0'].kdf.iterations = 4e9),
      /slot of another kind/,
    ],
    ['a digest that takes for ever', (made) => (made.digests['0'].iterations = 4e9), /digest/],
    ['two segments', (made) => (made.segments['1'] = { ...made.segments['0'] }), /2 segments/],
    ['three key slots', (made) => Object.assign(made.keyslots, { '2': made.keyslots['0'] }), /3 key slots/],
    ['no key slot', (made) => Object.assign(made, { keyslots: {} }), /0 key slots/],
    ['a token', (made) => (made.tokens['0'] = { type: 'systemd-fido2' }), /a token/],
    ['a flag', (made) => (made.config.flags = ['allow-discards']), /allow-discards/],
    [
      'a re-encryption that was begun',
      (made) => (made.config.requirements = { mandatory: ['online-reencrypt'] }),
      /requirements/,
    ],
  ];

  it('is ours as it is made, also when one of its key slots is gone', () => {
    const made = header();
    assert.equal(foreignInLuksHeader(JSON.stringify(made)), undefined);
    Reflect.deleteProperty(made.keyslots, '0');
    assert.equal(foreignInLuksHeader(JSON.stringify(made)), undefined);
  });

  for (const [what, change, expected] of changes) {
    it(`is refused with ${what}`, () => {
      const made = header();
      change(made);
      assert.match(foreignInLuksHeader(JSON.stringify(made)) ?? 'it was taken', expected);
    });
  }

  it('is refused whatever its JSON holds', () => {
    for (const text of [
      '{}',
      '[]',
      '{"segments":{"0":{}},"keyslots":{"0":{}}}',
      '{"keyslots":{"0":{"area":7}}}',
    ]) {
      assert.notEqual(foreignInLuksHeader(text), undefined, text);
    }
  });
});

describe('the size of a LUKS vault', () => {
  it('is half of what is free, apart from what is known to come', () => {
    const sizeBytes = luksVaultBytes(1000 * MEBIBYTE);
    assert.ok(sizeBytes >= 500 * MEBIBYTE && sizeBytes < 520 * MEBIBYTE);
    const room = { vaultBytes: 300 * MEBIBYTE, plainBytes: 500 * MEBIBYTE };
    const tightBytes = luksVaultBytes(1000 * MEBIBYTE, room);
    assert.ok(tightBytes > room.vaultBytes && 1000 * MEBIBYTE - tightBytes > room.plainBytes);
  });

  it('is refused where both do not fit', async () => {
    const room = { vaultBytes: 300 * MEBIBYTE, plainBytes: 700 * MEBIBYTE };
    const failure = await failureOf('DEVICE_TOO_SMALL', async () => luksVaultBytes(1000 * MEBIBYTE, room));
    assert.match(failure.message, / need \d.* [MG]B, the device has \d.* [MG]B free/);
  });
});

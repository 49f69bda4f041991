// Recovery keys as they are printed and typed.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isDeskPodError } from '../../src/core/errors.ts';
import { normalizeRecoveryKey, RECOVERY_KEY_PREFIX, recoveryKeyGroups } from '../../src/core/recovery-key.ts';
import { generateIdentity } from '../../src/sync/age/age.ts';

const LETTERS = [...'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L'];

function refusal(typed: string): { message: string; group: unknown } {
  try {
    normalizeRecoveryKey(typed);
  } catch (error) {
    assert.ok(isDeskPodError(error, 'KEYRING_NO_IDENTITY'), String(error));
    return { message: error.message, group: error.details.group };
  }
  return assert.fail('it was taken');
}

describe('a recovery key', () => {
  const keys: string[] = [];
  const anyKey = () => fc.constantFrom(...keys);
  const position = fc.nat(57);

  before(async () => {
    for (let i = 0; i < 20; i++) keys.push(await generateIdentity());
  });

  it('comes back from its printed groups, however they are typed', () => {
    const space = fc.constantFrom(' ', '\n', '\r\n', '\t', '-', '–', '');
    fc.assert(
      fc.property(
        anyKey(),
        fc.array(space, { minLength: 58, maxLength: 58 }),
        fc.boolean(),
        (key, gaps, bare) => {
          const letters = recoveryKeyGroups(key).flat().join('');
          const typed = [...letters].map((letter, at) => letter.toLowerCase() + gaps[at]).join('');
          assert.equal(normalizeRecoveryKey(bare ? typed : `age-secret-key-1 ${typed}`), key);
        },
      ),
    );
    const [key = ''] = keys;
    assert.deepEqual(
      recoveryKeyGroups(key).map((line) => line.join('').length),
      [20, 20, 18],
    );
    assert.equal(normalizeRecoveryKey(`# created: today\n# public key: age1abc\n${key}\n`), key);
  });

  it('may have O for 0, and I or 1 for L', () => {
    for (const key of keys) {
      const letters = key.slice(RECOVERY_KEY_PREFIX.length);
      assert.equal(normalizeRecoveryKey(letters.replaceAll('0', 'o').replaceAll('L', 'i')), key);
      assert.equal(normalizeRecoveryKey(letters.replaceAll('L', '1')), key);
    }
  });

  it('names the group in which one letter is wrong, or two are exchanged', () => {
    fc.assert(
      fc.property(anyKey(), position, fc.constantFrom(...LETTERS), (key, at, letter) => {
        const letters = [...key.slice(RECOVERY_KEY_PREFIX.length)];
        fc.pre(letters[at] !== letter);
        const { message, group } = refusal(letters.with(at, letter).join(''));
        assert.match(message, /checksum/);
        assert.equal(group, Math.floor(at / 4) + 1);
      }),
    );
    const [key = ''] = keys;
    const letters = [...key.slice(RECOVERY_KEY_PREFIX.length)];
    const at = letters.findIndex((letter, index) => letter !== letters[index + 1]);
    const exchanged = letters.with(at, letters[at + 1] ?? '').with(at + 1, letters[at] ?? '');
    assert.equal(refusal(exchanged.join('')).group, Math.floor(at / 4) + 1);
  });

  it('is never taken with up to four letters wrong, nor repeated in the message', () => {
    const changes = fc.uniqueArray(fc.tuple(position, fc.nat(30)), {
      minLength: 2,
      maxLength: 4,
      selector: ([at]) => at,
    });
    fc.assert(
      fc.property(anyKey(), changes, (key, errors) => {
        const letters = [...key.slice(RECOVERY_KEY_PREFIX.length)];
        for (const [at, by] of errors) {
          letters[at] = LETTERS[(LETTERS.indexOf(letters[at] ?? '') + 1 + by) % LETTERS.length] ?? '';
        }
        const { message } = refusal(letters.join(''));
        for (let i = 0; i + 5 <= letters.length; i++) {
          assert.ok(!message.includes(letters.slice(i, i + 5).join('')));
        }
      }),
      { numRuns: 25 },
    );
  });

  it('says what is wrong with a key that is too short, too long, or no key', () => {
    const [key = ''] = keys;
    assert.match(refusal(key.slice(0, -1)).message, /got 57/);
    assert.match(refusal(`${key}Q`).message, /got 59/);
    assert.match(refusal('').message, /got 0/);
    assert.equal(refusal(key.replace(/.{5}$/, 'bQQQQ')).group, 14);
    assert.match(refusal(`${key.slice(0, -1)}\u001b`).message, /group 15 has a character that no/);
    assert.match(refusal('AGE-SECRET-KEY-PQ-1QQQQ').message, /AGE-SECRET-KEY-1|no recovery key has/);
  });
});

// Bech32, in which age writes its keys.
import assert from 'node:assert/strict';
import { decodeBech32, encodeBech32 } from '../../src/core/bech32.ts';

/** An identity, and its recipient by `age-keygen -y`. */
const RECIPIENT = 'age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj';
const IDENTITY = 'AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX';

describe('a key in Bech32', () => {
  it('comes to its bytes', () => {
    assert.deepEqual(decodeBech32('AGE-SECRET-KEY-', IDENTITY), new Uint8Array(32).fill(0x42));
    const bytes = decodeBech32('age', RECIPIENT) ?? new Uint8Array(0);
    assert.equal(
      Buffer.from(bytes).toString('hex'),
      '132c442be010fbd57e72603328aa76e71fccc1503aae219327d14d9c9993f472',
    );
  });

  it('comes from its bytes, whatever their length', () => {
    assert.equal(encodeBech32('AGE-SECRET-KEY-', new Uint8Array(32).fill(0x42)).toUpperCase(), IDENTITY);
    for (let length = 0; length < 40; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 0xff);
      assert.deepEqual(decodeBech32('age', encodeBech32('age', bytes)), bytes);
    }
  });

  it('is written in one case, whichever that is', () => {
    assert.deepEqual(
      decodeBech32('AGE-SECRET-KEY-', IDENTITY.toLowerCase()),
      decodeBech32('AGE-SECRET-KEY-', IDENTITY),
    );
    assert.equal(decodeBech32('age', RECIPIENT.replace('z', 'Z')), undefined);
    // a long s, which is an S in upper case
    assert.equal(
      decodeBech32('AGE-SECRET-KEY-', IDENTITY.toLowerCase().replaceAll('s', '\u017f')),
      undefined,
    );
  });

  it('is none with a letter changed, left out or added, or with the prefix of another', () => {
    for (let at = 4; at < RECIPIENT.length; at++) {
      const other = RECIPIENT[at] === 'q' ? 'p' : 'q';
      assert.equal(decodeBech32('age', RECIPIENT.slice(0, at) + other + RECIPIENT.slice(at + 1)), undefined);
    }
    for (const text of [RECIPIENT.slice(0, -1), `${RECIPIENT}q`, 'age1', 'age', '', `${RECIPIENT}b`])
      assert.equal(decodeBech32('age', text), undefined);
    assert.equal(decodeBech32('agf', RECIPIENT), undefined);
  });
});

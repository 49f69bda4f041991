// What is said about a passphrase before a pod gets it.
import assert from 'node:assert/strict';
import { weaknessOf } from '../../src/core/passphrase-strength.ts';

describe('a passphrase', () => {
  it('is called weak if it is short, repeats itself, counts, or has few digits', () => {
    for (const weak of [
      '',
      'a',
      'battery',
      '12345678901',
      'abababababababab',
      '0102 0304 0506',
      'abcdefghijklmnop',
    ])
      assert.notEqual(weaknessOf(weak), undefined, weak);
    assert.match(weaknessOf('battery') ?? '', /7 characters/);
  });

  it('passes if it is long and mixed, in any alphabet', () => {
    for (const fine of ['correct horse battery', 'мама мыла раму', '4926 0831 7765 0219', 'Fünf Äpfel im Öl'])
      assert.equal(weaknessOf(fine), undefined, fine);
  });
});

// HMACs by OpenSSL called directly: the same as those of node:crypto.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { hashing } from '../../src/sync/hashing.ts';

describe('an HMAC', () => {
  it('is that of node:crypto, whichever key was used before', () => {
    const keys = fc.array(fc.uint8Array({ maxLength: 130 }), { minLength: 1, maxLength: 3 });
    const bytes = fc.array(fc.tuple(fc.nat(2), fc.uint8Array({ size: 'large' })), { maxLength: 12 });
    fc.assert(
      fc.property(keys, bytes, (all, uses) => {
        for (const [which, message] of uses) {
          const key = all[which % all.length] ?? new Uint8Array(0);
          const expected = createHmac('sha256', key).update(message).digest();
          assert.deepEqual(Buffer.from(hashing.hmac(key, message)), expected);
        }
      }),
    );
  });

  it('is made of a part of a longer buffer, and is memory of its own', () => {
    const buffer = new Uint8Array(300).map((_, i) => i);
    const key = buffer.subarray(10, 42);
    const first = hashing.hmac(key, buffer.subarray(50, 250));
    const second = hashing.hmac(key, buffer.subarray(51, 250));
    assert.deepEqual(Buffer.from(first), createHmac('sha256', key).update(buffer.subarray(50, 250)).digest());
    assert.notDeepEqual(first, second);
  });
});

// Core's hash functions, done by node:crypto.
import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';
import type { Hashing } from '../core/hashing.ts';

/** Node makes a key object of a key's bytes at every HMAC, which takes longer than the HMAC of a small chunk. */
const keyObjects = new WeakMap<Uint8Array, KeyObject>();

/** {@link Hashing} by OpenSSL: above 1 GB/s a core. A key that was used once must not change. */
export const hashing: Hashing = {
  sha256: (bytes) => new Uint8Array(hash('sha256', bytes, 'buffer')),
  hmac: (key, bytes) => new Uint8Array(createHmac('sha256', keyObjectOf(key)).update(bytes).digest()),
};

function keyObjectOf(key: Uint8Array): KeyObject {
  const known = keyObjects.get(key);
  if (known !== undefined) return known;
  const made = createSecretKey(key);
  keyObjects.set(key, made);
  return made;
}

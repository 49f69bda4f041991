// Core's hash functions: the OpenSSL inside Node, for HMACs called directly, as an object of node:crypto for each takes
// longer than the HMAC of a small chunk.
import { createHmac, hash } from 'node:crypto';
import { HASH_BYTES, type Hashing } from '../core/hashing.ts';
import { declareBundled } from './posix/libc.ts';

const native = {
  make: declareBundled('void *HMAC_CTX_new()'),
  digest: declareBundled('const void *EVP_sha256()'),
  init: declareBundled(
    'int HMAC_Init_ex(void *context, const void *key, int length, const void *digest, void *engine)',
  ),
  update: declareBundled('int HMAC_Update(void *context, const void *bytes, size_t length)'),
  final: declareBundled('int HMAC_Final(void *context, void *target, void *length)'),
};
const { make, digest, init, update, final } = native;

/** One for a thread: with the same key again it begins anew without working on that. */
const context: unknown = make?.();
const algorithm: unknown = digest?.();
let contextKey: Uint8Array | undefined;

/** {@link Hashing} by OpenSSL: above 1 GB/s a core. A key that was used once must not change. */
export const hashing: Hashing = {
  sha256: (bytes) => new Uint8Array(hash('sha256', bytes, 'buffer')),
  hmac: (key, bytes) => {
    // OpenSSL takes no key for the one before
    const isKey = key.length > 0;
    if (!isKey || !context || !algorithm || !init || !update || !final)
      return new Uint8Array(createHmac('sha256', key).update(bytes).digest());
    const isKnown = contextKey === key;
    contextKey = undefined;
    const made = new Uint8Array(HASH_BYTES);
    const isMade =
      init(context, isKnown ? null : key, isKnown ? 0 : key.length, isKnown ? null : algorithm, null) === 1 &&
      update(context, bytes, bytes.length) === 1 &&
      final(context, made, null) === 1;
    if (!isMade) throw new Error(`OpenSSL: expected the HMAC of ${bytes.length} bytes, got an error`);
    contextKey = key;
    return made;
  },
};

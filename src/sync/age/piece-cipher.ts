// ChaCha20-Poly1305 for the pieces of a payload: the OpenSSL inside Node, called directly, as a cipher object of
// node:crypto for each piece takes longer than the cipher itself.
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { declareBundled } from '../posix/libc.ts';

const CIPHER = 'chacha20-poly1305';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
/** The length of the tag after a piece, in bytes. */
export const TAG_BYTES = 16;
/** OpenSSL's numbers for what is asked of a context. */
const GET_TAG = 0x10;
const SET_TAG = 0x11;

const native = {
  make: declareBundled('void *EVP_CIPHER_CTX_new()'),
  cipher: declareBundled('const void *EVP_chacha20_poly1305()'),
  control: declareBundled('int EVP_CIPHER_CTX_ctrl(void *context, int type, int length, void *bytes)'),
  sealInit: declareBundled(
    'int EVP_EncryptInit_ex(void *context, const void *cipher, void *engine, const void *key, const void *nonce)',
  ),
  sealUpdate: declareBundled(
    'int EVP_EncryptUpdate(void *context, void *target, _Out_ int *written, const void *source, int length)',
  ),
  sealFinal: declareBundled('int EVP_EncryptFinal_ex(void *context, void *target, _Out_ int *written)'),
  openInit: declareBundled(
    'int EVP_DecryptInit_ex(void *context, const void *cipher, void *engine, const void *key, const void *nonce)',
  ),
  openUpdate: declareBundled(
    'int EVP_DecryptUpdate(void *context, void *target, _Out_ int *written, const void *source, int length)',
  ),
  openFinal: declareBundled('int EVP_DecryptFinal_ex(void *context, void *target, _Out_ int *written)'),
};
const { make, cipher, control, sealInit, sealUpdate, sealFinal, openInit, openUpdate, openFinal } = native;

/** One for a thread: it is begun anew for every piece. */
const context: unknown = make?.();
const algorithm: unknown = cipher?.();
/** Where the last call's length, which is known, and an empty end are written. */
const written = [0];
const nothing = new Uint8Array(TAG_BYTES);

/** Seals a piece into `target`, which has exactly its length and that of the tag. */
export function sealPiece(target: Uint8Array, plain: Uint8Array, key: Uint8Array, nonce: Uint8Array): void {
  requireLengths(target, plain, key, nonce);
  const body = target.subarray(0, plain.length);
  const tag = target.subarray(plain.length);
  if (!context || !algorithm || !control || !sealInit || !sealUpdate || !sealFinal) {
    const sealing = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
    body.set(sealing.update(plain));
    sealing.final();
    tag.set(sealing.getAuthTag());
    return;
  }
  const isSealed =
    sealInit(context, algorithm, null, key, nonce) === 1 &&
    (plain.length === 0 || sealUpdate(context, body, written, plain, plain.length) === 1) &&
    sealFinal(context, nothing, written) === 1 &&
    control(context, GET_TAG, TAG_BYTES, tag) === 1;
  if (!isSealed) throw new Error(`OpenSSL: expected to seal ${plain.length} bytes, got an error`);
}

/**
 * Opens a piece into `target`, which has exactly its length without the tag. False if the tag does not bear it out; what
 * is in `target` then must not be looked at.
 */
export function openPiece(
  target: Uint8Array,
  sealed: Uint8Array,
  key: Uint8Array,
  nonce: Uint8Array,
): boolean {
  requireLengths(sealed, target, key, nonce);
  const body = sealed.subarray(0, target.length);
  const tag = sealed.subarray(target.length);
  if (!context || !algorithm || !control || !openInit || !openUpdate || !openFinal) {
    return openByNode(target, body, tag, key, nonce);
  }
  return (
    openInit(context, algorithm, null, key, nonce) === 1 &&
    control(context, SET_TAG, TAG_BYTES, tag) === 1 &&
    (target.length === 0 || openUpdate(context, target, written, body, body.length) === 1) &&
    openFinal(context, nothing, written) === 1
  );
}

function openByNode(
  target: Uint8Array,
  body: Uint8Array,
  tag: Uint8Array,
  key: Uint8Array,
  nonce: Uint8Array,
): boolean {
  const opening = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  opening.setAuthTag(tag);
  try {
    target.set(opening.update(body));
    opening.final();
    return true;
  } catch {
    return false; // whoever asked names the piece
  }
}

/** What C is given must be what it reads and writes. */
function requireLengths(sealed: Uint8Array, plain: Uint8Array, key: Uint8Array, nonce: Uint8Array): void {
  if (
    sealed.length !== plain.length + TAG_BYTES ||
    key.length !== KEY_BYTES ||
    nonce.length !== NONCE_BYTES
  ) {
    throw new RangeError(
      `expected ${plain.length} bytes and a tag, a key and a nonce, got ${sealed.length}, ${key.length} and ${nonce.length}`,
    );
  }
}

// The key of an age file, as the stanzas of its header hold it: sealed with a key that is used for nothing else.
import { createCipheriv, createDecipheriv } from 'node:crypto';

const CIPHER = 'chacha20-poly1305';
const NONCE = new Uint8Array(12);
/** The length of the key of a file. */
export const FILE_KEY_BYTES = 16;
const TAG_BYTES = 16;
/** Of the body of a stanza. */
export const SEALED_FILE_KEY_BYTES = FILE_KEY_BYTES + TAG_BYTES;

/** The body of a stanza. */
export function sealFileKey(key: Uint8Array, fileKey: Uint8Array): Uint8Array {
  const cipher = createCipheriv(CIPHER, key, NONCE, { authTagLength: TAG_BYTES });
  const sealed = cipher.update(fileKey);
  cipher.final();
  return Buffer.concat([sealed, cipher.getAuthTag()]);
}

/** The file's key; null if the body was sealed with another key, as the library's interface asks for. */
export function openFileKey(key: Uint8Array, body: Uint8Array): Uint8Array | null {
  const decipher = createDecipheriv(CIPHER, key, NONCE, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(body.subarray(FILE_KEY_BYTES));
  const fileKey = decipher.update(body.subarray(0, FILE_KEY_BYTES));
  try {
    decipher.final();
    return fileKey;
  } catch {
    // only that a wrong key was tried can be told from it
    return null;
  }
}

/** As age writes bytes into a stanza. */
export function base64Unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '');
}

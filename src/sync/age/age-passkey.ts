// age's passkey recipient and identity (fido2prf), for what a browser's authenticator has answered already.
import { createHmac } from 'node:crypto';
import { concatBytes, utf8 } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import { base64Unpadded, openFileKey, SEALED_FILE_KEY_BYTES, sealFileKey } from './age-file-key.ts';
import type { Identity, Recipient, Stanza } from './age-header.ts';

const LABEL = 'age-encryption.org/fido2prf';
/** Chosen at random for each file. */
export const PASSKEY_NONCE_BYTES = 16;
/** Both results of an authenticator's pseudo-random function, one after the other. */
export const PRF_BYTES = 64;
/** The first of a header, which is the only one. */
const STANZA = /^age-encryption\.org\/v1\n-> age-encryption\.org\/fido2prf ([A-Za-z0-9+/]{22})\n/;
const HEADER_MAX_BYTES = 16 * 1024;

/** What an authenticator's pseudo-random function is asked for. */
export interface PrfInputs {
  readonly first: Uint8Array;
  readonly second: Uint8Array;
}

/** What to ask for a file with this nonce. Two results, so that one touch of a finger opens no two files at once. */
export function prfInputsOf(nonce: Uint8Array): PrfInputs {
  const input = (number: number) => concatBytes([utf8(LABEL), Uint8Array.of(number), nonce]);
  return { first: input(1), second: input(2) };
}

/** The nonce of a file that is sealed to a passkey; undefined if it is sealed to something else, or damaged. */
export function passkeyNonceOf(file: Uint8Array): Uint8Array | undefined {
  const head = Buffer.from(file.buffer, file.byteOffset, Math.min(file.length, HEADER_MAX_BYTES));
  const [, text] = STANZA.exec(head.toString('latin1')) ?? [];
  return text === undefined ? undefined : nonceOf(text);
}

/** Wraps file keys under what an authenticator answered for a nonce. */
export class PasskeyRecipient implements Recipient {
  readonly #nonce: Uint8Array;
  readonly #key: Uint8Array;

  /** RangeError unless `nonce` has 16 bytes and `prf` 64. */
  constructor(nonce: Uint8Array, prf: Uint8Array) {
    if (nonce.length !== PASSKEY_NONCE_BYTES)
      throw new RangeError(`expected a nonce of ${PASSKEY_NONCE_BYTES} bytes, got ${nonce.length}`);
    this.#nonce = nonce;
    this.#key = keyOf(prf);
  }

  wrapFileKey(fileKey: Uint8Array): Stanza[] {
    return [{ args: [LABEL, base64Unpadded(this.#nonce)], body: sealFileKey(this.#key, fileKey) }];
  }
}

/** Opens files that were sealed to a passkey. */
export class PasskeyIdentity implements Identity {
  readonly #key: Uint8Array;

  /** RangeError unless `prf` has 64 bytes. */
  constructor(prf: Uint8Array) {
    this.#key = keyOf(prf);
  }

  unwrapFileKey(stanzas: readonly Stanza[]): Uint8Array | null {
    const stanza = stanzas.find((one) => one.args[0] === LABEL);
    if (stanza === undefined) return null;
    const [, nonceText = ''] = stanza.args;
    const isWellFormed =
      stanza.args.length === 2 &&
      nonceOf(nonceText) !== undefined &&
      stanza.body.length === SEALED_FILE_KEY_BYTES;
    if (!isWellFormed)
      throw new DeskPodError('OBJECT_DAMAGED', 'age file: expected the stanza of a passkey, got another');
    return openFileKey(this.#key, stanza.body);
  }
}

/** HKDF-Extract with SHA-256. */
function keyOf(prf: Uint8Array): Uint8Array {
  if (prf.length !== PRF_BYTES)
    throw new RangeError(`expected ${PRF_BYTES} bytes of a PRF, got ${prf.length}`);
  return createHmac('sha256', LABEL).update(prf).digest();
}

function nonceOf(text: string): Uint8Array | undefined {
  const nonce = new Uint8Array(Buffer.from(text, 'base64'));
  return nonce.length === PASSKEY_NONCE_BYTES && base64Unpadded(nonce) === text ? nonce : undefined;
}

// age's X25519 recipient and identity, with the X25519 of node:crypto: every pack is sealed with a key of its own, and
// three calls of WebCrypto for each took longer than all else about its header.
import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import { decodeBech32 } from '../../core/bech32.ts';
import { concatBytes } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import { base64Unpadded, openFileKey, SEALED_FILE_KEY_BYTES, sealFileKey } from './age-file-key.ts';
import type { Identity, Recipient, Stanza } from './age-header.ts';

const TYPE = 'X25519';
const LABEL = 'age-encryption.org/v1/X25519';
/** How texts of both begin, before a 1. */
export const RECIPIENT_PREFIX = 'age';
export const IDENTITY_PREFIX = 'AGE-SECRET-KEY-';
/** The length of a key, either one. */
export const KEY_BYTES = 32;
/** What stands before the 32 bytes of a key in DER, as RFC 8410 has it. */
const PRIVATE_DER = Buffer.from('302e020100300506032b656e04220420', 'hex');
const PUBLIC_DER = Buffer.from('302a300506032b656e032100', 'hex');

/** Wraps file keys for a recipient (`age1…`). */
export class X25519Recipient implements Recipient {
  readonly #bytes: Uint8Array;
  readonly #key: KeyObject;

  /** @throws TypeError for what is no recipient */
  constructor(recipient: string) {
    this.#bytes = keyBytes(RECIPIENT_PREFIX, recipient);
    this.#key = publicKeyOf(this.#bytes);
  }

  wrapFileKey(fileKey: Uint8Array): Stanza[] {
    const { privateKey, publicKey } = generateKeyPairSync('x25519');
    const share = rawPublic(publicKey);
    const key = wrappingKey(diffieHellman({ privateKey, publicKey: this.#key }), share, this.#bytes);
    return [{ args: [TYPE, base64Unpadded(share)], body: sealFileKey(key, fileKey) }];
  }
}

/** Opens files that were sealed to an identity (`AGE-SECRET-KEY-1…`). */
export class X25519Identity implements Identity {
  /** The bytes of its recipient. */
  readonly recipient: Uint8Array;
  readonly #key: KeyObject;

  /** @throws TypeError for what is no identity */
  constructor(identity: string) {
    const der = concatBytes([PRIVATE_DER, keyBytes(IDENTITY_PREFIX, identity)]);
    this.#key = createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' });
    this.recipient = rawPublic(createPublicKey(this.#key));
  }

  unwrapFileKey(stanzas: readonly Stanza[]): Uint8Array | null {
    for (const { args, body } of stanzas) {
      if (args[0] !== TYPE) continue;
      const share = args.length === 2 ? shareOf(args[1] ?? '') : undefined;
      if (share === undefined || body.length !== SEALED_FILE_KEY_BYTES)
        throw new DeskPodError('OBJECT_DAMAGED', 'age file: expected an X25519 stanza, got another');
      const key = openFileKey(wrappingKey(this.#agree(share), share, this.recipient), body);
      if (key !== null) return key;
    }
    return null;
  }

  #agree(share: Uint8Array): Uint8Array {
    try {
      return diffieHellman({ privateKey: this.#key, publicKey: publicKeyOf(share) });
    } catch (cause) {
      // of a share of low order the secret would be no secret
      throw new DeskPodError('OBJECT_DAMAGED', 'age file: expected a share of X25519, got another', {
        cause,
      });
    }
  }
}

function keyBytes(prefix: string, text: string): Uint8Array {
  const bytes = decodeBech32(prefix, text);
  if (bytes?.length !== KEY_BYTES)
    throw new TypeError(`expected a key that begins with ${prefix}1, got another text`);
  return bytes;
}

function shareOf(text: string): Uint8Array | undefined {
  const share = Buffer.from(text, 'base64');
  return share.length === KEY_BYTES && base64Unpadded(share) === text ? share : undefined;
}

function publicKeyOf(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([PUBLIC_DER, bytes]), format: 'der', type: 'spki' });
}

function rawPublic(key: KeyObject): Uint8Array {
  return key.export({ format: 'der', type: 'spki' }).subarray(PUBLIC_DER.length);
}

function wrappingKey(secret: Uint8Array, share: Uint8Array, recipient: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, concatBytes([share, recipient]), LABEL, KEY_BYTES));
}

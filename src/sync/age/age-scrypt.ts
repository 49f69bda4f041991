// age's passphrase recipient and identity, with the scrypt of node:crypto.
import { randomBytes, scrypt } from 'node:crypto';
import { DeskPodError } from '../../core/errors.ts';
import { base64Unpadded, openFileKey, SEALED_FILE_KEY_BYTES, sealFileKey } from './age-file-key.ts';
import type { Identity, Recipient, Stanza } from './age-header.ts';

const LABEL = 'age-encryption.org/v1/scrypt';
const SALT_BYTES = 16;
const BLOCK_SIZE = 8;
/**
 * What sealing takes as work factor: 2^17 rounds, 128 MiB, about half a second: what OWASP asks for. The age program takes
 * twice as much of both, but seals a file now and then; here every command that opens a pod pays it.
 */
const DEFAULT_WORK_FACTOR = 17;
/** The highest work factor that opening goes along with: above it, a forged file could fill the memory. */
const MAX_WORK_FACTOR = 22;

/** Wraps file keys under a passphrase; `workFactor` is the base-2 logarithm of scrypt's N. */
export class PassphraseRecipient implements Recipient {
  readonly #passphrase: string;
  readonly #workFactor: number;

  constructor(passphrase: string, workFactor = DEFAULT_WORK_FACTOR) {
    if (!Number.isInteger(workFactor) || workFactor < 1 || workFactor > MAX_WORK_FACTOR) {
      throw new RangeError(`expected a work factor from 1 to ${MAX_WORK_FACTOR}, got ${workFactor}`);
    }
    this.#passphrase = passphrase;
    this.#workFactor = workFactor;
  }

  async wrapFileKey(fileKey: Uint8Array): Promise<Stanza[]> {
    const salt = randomBytes(SALT_BYTES);
    const key = await stretch(this.#passphrase, salt, this.#workFactor);
    const body = sealFileKey(key, fileKey);
    return [{ args: ['scrypt', base64Unpadded(salt), String(this.#workFactor)], body }];
  }
}

/** Opens files that were sealed under a passphrase. */
export class PassphraseIdentity implements Identity {
  readonly #passphrase: string;

  constructor(passphrase: string) {
    this.#passphrase = passphrase;
  }

  async unwrapFileKey(stanzas: readonly Stanza[]): Promise<Uint8Array | null> {
    const stanza = stanzas.find((one) => one.args[0] === 'scrypt');
    if (stanza === undefined) return null;
    const [, saltText = '', factorText = ''] = stanza.args;
    const salt = Buffer.from(saltText, 'base64');
    const isWellFormed =
      stanzas.length === 1 &&
      stanza.args.length === 3 &&
      base64Unpadded(salt) === saltText &&
      salt.length === SALT_BYTES &&
      /^[1-9][0-9]?$/.test(factorText) &&
      stanza.body.length === SEALED_FILE_KEY_BYTES;
    if (!isWellFormed || Number(factorText) > MAX_WORK_FACTOR) {
      throw new DeskPodError(
        'OBJECT_DAMAGED',
        `age file: expected one passphrase stanza with a work factor of at most ${MAX_WORK_FACTOR}, got another`,
        { details: { workFactor: factorText } },
      );
    }
    const key = await stretch(this.#passphrase, salt, Number(factorText));
    return openFileKey(key, stanza.body);
  }
}

function stretch(passphrase: string, salt: Uint8Array, workFactor: number): Promise<Uint8Array> {
  const cost = 2 ** workFactor;
  const maxmem = 128 * BLOCK_SIZE * (cost + 2) + 1024 * 1024;
  const salted = Buffer.concat([Buffer.from(LABEL), salt]);
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salted, 32, { cost, blockSize: BLOCK_SIZE, maxmem }, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

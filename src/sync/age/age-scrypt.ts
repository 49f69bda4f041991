// age's passphrase recipient and identity, with the scrypt of node:crypto.
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { type Identity, type Recipient, Stanza } from 'age-encryption';
import { DeskPodError } from '../../core/errors.ts';

const LABEL = 'age-encryption.org/v1/scrypt';
const SALT_BYTES = 16;
const FILE_KEY_BYTES = 16;
const TAG_BYTES = 16;
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
    const cipher = createCipheriv('chacha20-poly1305', key, new Uint8Array(12), { authTagLength: TAG_BYTES });
    const sealed = cipher.update(fileKey);
    cipher.final();
    const body = Buffer.concat([sealed, cipher.getAuthTag()]);
    return [new Stanza(['scrypt', base64(salt), String(this.#workFactor)], body)];
  }
}

/** Opens files that were sealed under a passphrase. */
export class PassphraseIdentity implements Identity {
  readonly #passphrase: string;

  constructor(passphrase: string) {
    this.#passphrase = passphrase;
  }

  async unwrapFileKey(stanzas: Stanza[]): Promise<Uint8Array | null> {
    const stanza = stanzas.find((one) => one.args[0] === 'scrypt');
    if (stanza === undefined) return null;
    const [, saltText = '', factorText = ''] = stanza.args;
    const salt = Buffer.from(saltText, 'base64');
    const isWellFormed =
      stanzas.length === 1 &&
      stanza.args.length === 3 &&
      base64(salt) === saltText &&
      salt.length === SALT_BYTES &&
      /^[1-9][0-9]?$/.test(factorText) &&
      stanza.body.length === FILE_KEY_BYTES + TAG_BYTES;
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

function openFileKey(key: Uint8Array, body: Uint8Array): Uint8Array | null {
  const decipher = createDecipheriv('chacha20-poly1305', key, new Uint8Array(12), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAuthTag(body.subarray(FILE_KEY_BYTES));
  const fileKey = decipher.update(body.subarray(0, FILE_KEY_BYTES));
  try {
    decipher.final();
    return fileKey;
  } catch {
    // a wrong passphrase looks like this, and the interface asks for null then
    return null;
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

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '');
}

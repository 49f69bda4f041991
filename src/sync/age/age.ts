// Standard age files, with the ciphers of node:crypto.
import { randomBytes } from 'node:crypto';
import { encodeBech32 } from '../../core/bech32.ts';
import { DeskPodError } from '../../core/errors.ts';
import { FILE_KEY_BYTES } from './age-file-key.ts';
import { decodeHeader, encodeHeader, type Identity, type Recipient } from './age-header.ts';
import { PasskeyIdentity, PasskeyRecipient } from './age-passkey.ts';
import { PassphraseIdentity, PassphraseRecipient } from './age-scrypt.ts';
import {
  coveringPieces,
  openPieces,
  PAYLOAD_NONCE_BYTES,
  type PayloadLayout,
  payloadKey,
  payloadLayout,
  sealedPieceAt,
  sealPayload,
} from './age-stream.ts';
import {
  IDENTITY_PREFIX,
  KEY_BYTES,
  RECIPIENT_PREFIX,
  X25519Identity,
  X25519Recipient,
} from './age-x25519.ts';

const HEADER_MAX_BYTES = 16 * 1024;

/** What a file is sealed to: the recipient of an identity (`age1…`), a passphrase, or a passkey's answer to a nonce. */
export type SealTo =
  | { readonly recipient: string }
  | { readonly passphrase: string; readonly workFactor?: number }
  | { readonly nonce: Uint8Array; readonly prf: Uint8Array };

/** What a file is opened with: an identity (`AGE-SECRET-KEY-1…`), a passphrase, or a passkey's answer to its nonce. */
export type OpenWith =
  | { readonly identity: string }
  | { readonly passphrase: string }
  | { readonly prf: Uint8Array };

/** Bytes that can be read from anywhere, such as an open file. */
export interface RandomAccess {
  readonly sizeBytes: number;
  /** Exactly `length` bytes from `offset`; rejects if they are not there. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A new X25519 identity, from the system's randomness. */
export async function generateIdentity(): Promise<string> {
  return encodeBech32(IDENTITY_PREFIX, randomBytes(KEY_BYTES)).toUpperCase();
}

/** The recipient of an identity. Rejects if the identity's own checksum does not hold. */
export async function recipientOf(identity: string): Promise<string> {
  return encodeBech32(RECIPIENT_PREFIX, new X25519Identity(identity).recipient);
}

/** The header of an age file, and the key that its payload is to be sealed with. For one file only. */
export interface SealHeader {
  readonly header: Uint8Array;
  readonly fileKey: Uint8Array;
}

/** Seals `plaintext` as an age file. */
export async function seal(plaintext: Uint8Array, to: SealTo): Promise<Uint8Array> {
  const { header, fileKey } = await sealHeader(to);
  return sealPayload(header, fileKey, plaintext);
}

/** Makes the header of a new age file, whose payload may be sealed elsewhere. Rejects for what is no recipient. */
export async function sealHeader(to: SealTo): Promise<SealHeader> {
  const fileKey = new Uint8Array(randomBytes(FILE_KEY_BYTES));
  const stanzas = await recipientFor(to).wrapFileKey(fileKey);
  return { header: encodeHeader(stanzas, fileKey), fileKey };
}

function recipientFor(to: SealTo): Recipient {
  if ('recipient' in to) return new X25519Recipient(to.recipient);
  if ('prf' in to) return new PasskeyRecipient(to.nonce, to.prf);
  return new PassphraseRecipient(to.passphrase, to.workFactor);
}

/**
 * Opens a whole age file. Throws KEYRING_NO_IDENTITY (another identity's file), PASSPHRASE_WRONG, or OBJECT_DAMAGED.
 */
export async function open(file: Uint8Array, openWith: OpenWith): Promise<Uint8Array> {
  const opened = await SealedFile.open(bytesAccess(file), openWith);
  return opened.read(0, opened.plainLength);
}

/** The key of an opened age file's payload, and how it lies. */
export interface SealedParts {
  readonly key: Uint8Array;
  readonly payloadOffset: number;
  readonly fileBytes: number;
  readonly layout: PayloadLayout;
}

/** An age file of which any run of bytes can be read by opening only the 64 KiB pieces that cover it. */
export class SealedFile {
  /** Length of the plaintext in bytes. */
  readonly plainLength: number;
  readonly #access: RandomAccess;
  readonly #key: Uint8Array;
  readonly #payloadOffset: number;
  readonly #layout: PayloadLayout;

  private constructor(access: RandomAccess, key: Uint8Array, payloadOffset: number, layout: PayloadLayout) {
    this.plainLength = layout.plainLength;
    this.#access = access;
    this.#key = key;
    this.#payloadOffset = payloadOffset;
    this.#layout = layout;
  }

  /** Reads the header. Throws KEYRING_NO_IDENTITY, PASSPHRASE_WRONG or OBJECT_DAMAGED. The caller closes `access`. */
  static async open(access: RandomAccess, openWith: OpenWith): Promise<SealedFile> {
    const start = await access.read(0, Math.min(HEADER_MAX_BYTES + PAYLOAD_NONCE_BYTES, access.sizeBytes));
    const headerLength = headerLengthOf(start);
    const payloadOffset = headerLength + PAYLOAD_NONCE_BYTES;
    const layout = payloadLayout(access.sizeBytes - payloadOffset);
    const fileKey = await fileKeyOf(start.subarray(0, headerLength), openWith);
    const key = payloadKey(fileKey, start.subarray(headerLength, payloadOffset));
    return new SealedFile(access, key, payloadOffset, layout);
  }

  /** What opening its pieces takes, for whoever reads the file elsewhere. */
  get parts(): SealedParts {
    return {
      key: this.#key,
      payloadOffset: this.#payloadOffset,
      fileBytes: this.#access.sizeBytes,
      layout: this.#layout,
    };
  }

  /** How many pieces of 64 KiB the plaintext has. */
  get pieceCount(): number {
    return this.#layout.pieceCount;
  }

  /** `length` bytes of plaintext from `offset`. Throws RangeError outside of it, OBJECT_DAMAGED. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    if (offset < 0 || length < 0 || offset + length > this.plainLength) {
      throw new RangeError(`expected a run within ${this.plainLength} bytes, got ${offset} + ${length}`);
    }
    const { firstPiece, lastPiece, skipBytes } = coveringPieces(offset, length);
    const plain = await this.readPieces(firstPiece, Math.min(lastPiece, this.pieceCount - 1));
    return plain.subarray(skipBytes, skipBytes + length);
  }

  /** The plaintext of the pieces `first` to `last`, both included. Throws OBJECT_DAMAGED. */
  async readPieces(first: number, last: number): Promise<Uint8Array> {
    const from = this.#payloadOffset + sealedPieceAt(first).offset;
    const lastPiece = sealedPieceAt(last);
    const to = Math.min(this.#payloadOffset + lastPiece.offset + lastPiece.length, this.#access.sizeBytes);
    const sealed = await this.#access.read(from, Math.max(0, to - from));
    return openPieces(this.#key, sealed, first, this.#layout);
  }
}

/** Reads from bytes in memory. */
export function bytesAccess(bytes: Uint8Array): RandomAccess {
  return {
    sizeBytes: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  };
}

async function fileKeyOf(header: Uint8Array, openWith: OpenWith): Promise<Uint8Array> {
  const { stanzas, isProvenBy } = decodeHeader(header);
  const fileKey = await identityFor(openWith).unwrapFileKey(stanzas);
  if (fileKey !== null) {
    if (isProvenBy(fileKey)) return fileKey;
    throw damaged('expected a header that was sealed, got another');
  }
  if ('passphrase' in openWith)
    throw new DeskPodError('PASSPHRASE_WRONG', 'age file: the passphrase does not open it');
  throw new DeskPodError('KEYRING_NO_IDENTITY', 'age file: expected one for this identity, got another');
}

function identityFor(openWith: OpenWith): Identity {
  if ('identity' in openWith) return new X25519Identity(openWith.identity);
  if ('prf' in openWith) return new PasskeyIdentity(openWith.prf);
  return new PassphraseIdentity(openWith.passphrase);
}

/** The header ends with the line that begins with `---`. */
function headerLengthOf(start: Uint8Array): number {
  const text = Buffer.from(start.buffer, start.byteOffset, Math.min(start.length, HEADER_MAX_BYTES));
  const macLine = text.indexOf('\n--- ');
  const end = macLine === -1 ? -1 : text.indexOf('\n', macLine + 1);
  if (end === -1) throw damaged('expected an age header, got none');
  return end + 1;
}

function damaged(what: string): DeskPodError {
  return new DeskPodError('OBJECT_DAMAGED', `age file: ${what}`);
}

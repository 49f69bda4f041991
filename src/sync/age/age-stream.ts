// The payload of an age file: STREAM over ChaCha20-Poly1305 in pieces of 64 KiB.
import { hkdfSync, randomBytes } from 'node:crypto';
import { DeskPodError } from '../../core/errors.ts';
import { openPiece, sealPiece, TAG_BYTES } from './piece-cipher.ts';

const PIECE_BYTES = 64 * 1024;
const SEALED_PIECE_BYTES = PIECE_BYTES + TAG_BYTES;

/** The length of the nonce that opens a payload, in bytes. */
export const PAYLOAD_NONCE_BYTES = 16;

/** How the pieces of a payload lie. */
export interface PayloadLayout {
  readonly pieceCount: number;
  readonly plainLength: number;
}

/** The key of a payload, from the file key and the payload's nonce. */
export function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', fileKey, nonce, 'payload', 32));
}

/** How long `header` with the payload that seals so many bytes is. */
export function sealedFileLength(header: Uint8Array, plainLength: number): number {
  return header.length + PAYLOAD_NONCE_BYTES + plainLength + pieceCountOf(plainLength) * TAG_BYTES;
}

/** Writes `header` and the payload that seals `plaintext` to `target`, which has {@link sealedFileLength} bytes. */
export function sealPayloadInto(
  target: Uint8Array,
  header: Uint8Array,
  fileKey: Uint8Array,
  plaintext: Uint8Array,
): void {
  const nonce = randomBytes(PAYLOAD_NONCE_BYTES);
  const key = payloadKey(fileKey, nonce);
  const pieceCount = pieceCountOf(plaintext.length);
  target.set(header);
  target.set(nonce, header.length);
  let at = header.length + nonce.length;
  for (let index = 0; index < pieceCount; index++) {
    const piece = plaintext.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES);
    const end = at + piece.length + TAG_BYTES;
    sealPiece(target.subarray(at, end), piece, key, pieceNonce(index, index === pieceCount - 1));
    at = end;
  }
}

/** {@link sealPayloadInto} new memory. */
export function sealPayload(header: Uint8Array, fileKey: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const whole = new Uint8Array(sealedFileLength(header, plaintext.length));
  sealPayloadInto(whole, header, fileKey, plaintext);
  return whole;
}

function pieceCountOf(plainLength: number): number {
  return Math.max(1, Math.ceil(plainLength / PIECE_BYTES));
}

/** How a payload of `sealedLength` bytes (without its nonce) lies. Throws OBJECT_DAMAGED if none has that length. */
export function payloadLayout(sealedLength: number): PayloadLayout {
  const pieceCount = Math.ceil(sealedLength / SEALED_PIECE_BYTES);
  const lastLength = sealedLength - (pieceCount - 1) * SEALED_PIECE_BYTES;
  const isEmptyPiece = lastLength === TAG_BYTES;
  if (pieceCount < 1 || lastLength < TAG_BYTES || (isEmptyPiece && pieceCount > 1)) {
    throw new DeskPodError(
      'OBJECT_DAMAGED',
      `age file: expected a payload in whole pieces, got ${sealedLength} bytes`,
    );
  }
  return { pieceCount, plainLength: sealedLength - pieceCount * TAG_BYTES };
}

/** Where the sealed pieces that cover a run of plaintext lie, counted from the end of the payload's nonce. */
export function coveringPieces(
  offset: number,
  length: number,
): { firstPiece: number; lastPiece: number; skipBytes: number } {
  const firstPiece = Math.floor(offset / PIECE_BYTES);
  const lastPiece = Math.floor(Math.max(offset, offset + length - 1) / PIECE_BYTES);
  return { firstPiece, lastPiece, skipBytes: offset - firstPiece * PIECE_BYTES };
}

/** Where a sealed piece lies, counted from the end of the payload's nonce; the last one may be shorter. */
export function sealedPieceAt(index: number): { offset: number; length: number } {
  return { offset: index * SEALED_PIECE_BYTES, length: SEALED_PIECE_BYTES };
}

/** Opens consecutive sealed pieces, of which the first is number `firstPiece`. Throws OBJECT_DAMAGED. */
export function openPieces(
  key: Uint8Array,
  sealed: Uint8Array,
  firstPiece: number,
  layout: PayloadLayout,
): Uint8Array {
  const plain = new Uint8Array(plainLengthOf(sealed.length));
  openPiecesInto(plain, key, sealed, firstPiece, layout);
  return plain;
}

/** How long the plaintext of consecutive sealed pieces of this length is. */
export function plainLengthOf(sealedLength: number): number {
  return Math.max(0, sealedLength - Math.ceil(sealedLength / SEALED_PIECE_BYTES) * TAG_BYTES);
}

/** {@link openPieces} into `plain`, which has exactly {@link plainLengthOf} bytes. What is in it after a failure is not proven. */
export function openPiecesInto(
  plain: Uint8Array,
  key: Uint8Array,
  sealed: Uint8Array,
  firstPiece: number,
  layout: PayloadLayout,
): void {
  const count = Math.ceil(sealed.length / SEALED_PIECE_BYTES);
  for (let i = 0; i < count; i++) {
    const piece = sealed.subarray(i * SEALED_PIECE_BYTES, (i + 1) * SEALED_PIECE_BYTES);
    const index = firstPiece + i;
    const bodyLength = piece.length - TAG_BYTES;
    if (bodyLength < 0) throw damaged(index);
    const target = plain.subarray(i * PIECE_BYTES, i * PIECE_BYTES + bodyLength);
    const nonce = pieceNonce(index, index === layout.pieceCount - 1);
    if (!openPiece(target, piece, key, nonce)) throw damaged(index);
  }
}

function damaged(index: number): DeskPodError {
  return new DeskPodError(
    'OBJECT_DAMAGED',
    `age file: piece ${index}: expected the bytes that were sealed, got others`,
    {
      details: { pieceIndex: index },
    },
  );
}

function pieceNonce(index: number, isLast: boolean): Uint8Array {
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  // an 11-byte big-endian counter; 2^32 pieces are 256 TiB, more than any file here
  view.setUint32(7, index);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

// The extended clipboard: bodies of cut text messages that carry UTF-8.

import { constants, deflateSync, inflateSync } from 'node:zlib';
import { displayFault } from './fault.ts';

/** The most text that crosses between session and host, in bytes of UTF-8. */
export const CLIPBOARD_LIMIT_BYTES = 1024 * 1024;

const TEXT = 1;
const CAPS = 1 << 24;
const REQUEST = 1 << 25;
const NOTIFY = 1 << 27;
const PROVIDE = 1 << 28;

/** What an extended clipboard body says. */
export type ClipboardBody =
  | { readonly kind: 'caps' }
  | { readonly kind: 'request' }
  | { readonly kind: 'notify'; readonly hasText: boolean }
  | { readonly kind: 'provide'; readonly text: string | undefined }
  | { readonly kind: 'other' };

/** Says that we take and give text, and take it unasked up to the limit. */
export function encodeCaps(): Buffer {
  return words(CAPS | REQUEST | NOTIFY | PROVIDE | TEXT, CLIPBOARD_LIMIT_BYTES);
}

/** Asks for the text. */
export function encodeRequest(): Buffer {
  return words(REQUEST | TEXT);
}

/** Says that there is text on our side now. */
export function encodeNotify(): Buffer {
  return words(NOTIFY | TEXT);
}

/** Gives the text: a zlib stream of its length and its bytes, lines ended by CR LF, a NUL at the end. */
export function encodeProvide(text: string): Buffer {
  const bytes = Buffer.from(`${text.replaceAll(/\r?\n/g, '\r\n')}\0`, 'utf8');
  return Buffer.concat([words(PROVIDE | TEXT), deflateSync(Buffer.concat([words(bytes.length), bytes]))]);
}

/** Reads a body. Throws DISPLAY_FAILED on one that is cut off, damaged, or larger than the limit when unpacked. */
export function decodeClipboard(body: Buffer): ClipboardBody {
  if (body.length < 4)
    throw displayFault(`expected a clipboard message of 4 bytes or more, got ${body.length}`);
  const flags = body.readUInt32BE(0);
  if (flags & CAPS) return { kind: 'caps' };
  if (flags & REQUEST) return { kind: flags & TEXT ? 'request' : 'other' };
  if (flags & NOTIFY) return { kind: 'notify', hasText: (flags & TEXT) !== 0 };
  if (flags & PROVIDE) {
    return { kind: 'provide', text: flags & TEXT ? unpackText(body.subarray(4)) : undefined };
  }
  return { kind: 'other' };
}

function unpackText(packed: Buffer): string {
  const unpacked = inflate(packed);
  const sizeBytes = unpacked.length < 4 ? 0 : unpacked.readUInt32BE(0);
  if (unpacked.length < 4 || sizeBytes > unpacked.length - 4) {
    throw displayFault(`expected ${sizeBytes} bytes of clipboard text, got ${unpacked.length - 4}`);
  }
  const text = unpacked.subarray(4, 4 + sizeBytes).toString('utf8');
  return text.replace(/\0.*$/s, '').replaceAll('\r\n', '\n');
}

function inflate(packed: Buffer): Buffer {
  try {
    // Servers flush their zlib stream and do not finish it.
    return inflateSync(packed, {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: CLIPBOARD_LIMIT_BYTES + 4096,
    });
  } catch (cause) {
    throw displayFault('the clipboard text could not be unpacked', { packedBytes: packed.length }, cause);
  }
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, index * 4);
  return bytes;
}

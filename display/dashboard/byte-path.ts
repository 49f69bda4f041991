// Paths in a checkpoint as bytes: names on Linux need not be UTF-8, and must not get lost in addresses and requests.
import type { PathReport } from '../../src/sync/browse/browse-path.ts';

const SLASH = 0x2f;
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** The top of a checkpoint. */
export const TOP = new Uint8Array(0);

/** The bytes of a path that the API told of. */
export function bytesOf({ path, pathBase64 }: PathReport): Uint8Array {
  if (pathBase64 === undefined) return encoder.encode(path);
  return Uint8Array.from(atob(pathBase64), (letter) => letter.charCodeAt(0));
}

/** The path as the API takes it. */
export function reportOf(bytes: Uint8Array): PathReport {
  const text = textOf(bytes);
  if (text !== undefined) return { path: text };
  return { path: shownPath(bytes), pathBase64: btoa(latin1(bytes)) };
}

/** The names on the way to a path, the path's own last. */
export function partsOf(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const slash = bytes.indexOf(SLASH, start);
    const end = slash === -1 ? bytes.length : slash;
    if (end > start) parts.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return parts;
}

/** The path that `count` of the names on the way to a path lead to. */
export function parentOf(bytes: Uint8Array, count: number): Uint8Array {
  const parts = partsOf(bytes).slice(0, count);
  const last = parts.at(-1);
  if (last === undefined) return TOP;
  return bytes.subarray(0, last.byteOffset - bytes.byteOffset + last.length);
}

/** The last name of a path. */
export function nameOf(bytes: Uint8Array): Uint8Array {
  return partsOf(bytes).at(-1) ?? TOP;
}

/** For people: `\xff` for bytes that are no UTF-8, and for characters that do not show or would turn the text around. */
export function shownPath(bytes: Uint8Array): string {
  const text = textOf(bytes);
  if (text === undefined) return Array.from(bytes, shownByte).join('');
  return text.replace(/(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from(encoder.encode(character), escaped).join(''),
  );
}

/** The path as a part of an address: every byte that is not plain becomes `%XX`. */
export function encodePath(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => {
    const letter = String.fromCharCode(byte);
    if (/[A-Za-z0-9._~/-]/.test(letter)) return letter;
    return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
}

/** The bytes of what {@link encodePath} made, or of what a person typed in its place. */
export function decodePath(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const [piece] of text.matchAll(/%[0-9A-Fa-f]{2}|[^%]+|%/gu)) {
    if (piece.length === 3 && piece.startsWith('%')) bytes.push(Number.parseInt(piece.slice(1), 16));
    else bytes.push(...encoder.encode(piece));
  }
  return Uint8Array.from(bytes);
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    // no UTF-8: what is asked
    return undefined;
  }
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
}

function shownByte(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : escaped(byte);
}

function escaped(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}

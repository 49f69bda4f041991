// Bech32 as age writes its keys in it: letters worth five bits each, of which the last six are a checksum.

/** The letters, in the order of what they are worth; 1, B, I and O are none of them. */
export const BECH32_LETTERS = 'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L';
const CHECKSUM_LETTERS = 6;
const ASCII = /^[!-~]*$/;
const GENERATORS: readonly number[] = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

/** The text that stands for bytes, in lower case. */
export function encodeBech32(prefix: string, bytes: Uint8Array): string {
  const values: number[] = [];
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xfff;
    for (held += 8; held >= 5; held -= 5) values.push((bits >>> (held - 5)) & 31);
  }
  if (held > 0) values.push((bits << (5 - held)) & 31);
  const sum = [...values, ...new Uint8Array(CHECKSUM_LETTERS)].reduce(checksumAfter, bech32After(prefix)) ^ 1;
  for (let i = CHECKSUM_LETTERS - 1; i >= 0; i--) values.push((sum >>> (5 * i)) & 31);
  const letters = values.map((value) => BECH32_LETTERS[value]).join('');
  return `${prefix}1${letters}`.toLowerCase();
}

/** True if the checksum at the end of `values` holds, which stood at `after` before them: any four errors in a key are found. */
export function bech32Holds(after: number, values: readonly number[]): boolean {
  return values.reduce(checksumAfter, after) === 1;
}

/** The checksum after a prefix, such as `age`, which counts as the upper bits of its characters and then their lower. */
export function bech32After(prefix: string): number {
  const codes = [...prefix.toLowerCase()].map((letter) => letter.charCodeAt(0));
  return [...codes.map((code) => code >>> 5), 0, ...codes.map((code) => code & 31)].reduce(checksumAfter, 1);
}

/** The bytes of a text in one case that begins with `prefix` and a 1; undefined if it is no such text. */
export function decodeBech32(prefix: string, text: string): Uint8Array | undefined {
  // some letters of other scripts become one of these in upper case
  if (!ASCII.test(text)) return undefined;
  const letters = text.toUpperCase();
  if (letters !== text && text.toLowerCase() !== text) return undefined;
  if (!letters.startsWith(`${prefix.toUpperCase()}1`)) return undefined;
  const values = [...letters.slice(prefix.length + 1)].map((letter) => BECH32_LETTERS.indexOf(letter));
  if (values.includes(-1) || values.length < CHECKSUM_LETTERS || !bech32Holds(bech32After(prefix), values))
    return undefined;
  return bytesOf(values.slice(0, -CHECKSUM_LETTERS));
}

/** Undefined if what is left over at the end is more than padding with zeros. */
function bytesOf(values: readonly number[]): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((values.length * 5) / 8));
  let bits = 0;
  let held = 0;
  let length = 0;
  for (const value of values) {
    bits = ((bits << 5) | value) & 0xfff;
    held += 5;
    if (held < 8) continue;
    held -= 8;
    bytes[length++] = (bits >>> held) & 0xff;
  }
  return held < 5 && (bits & ((1 << held) - 1)) === 0 ? bytes : undefined;
}

function checksumAfter(sum: number, value: number): number {
  const top = sum >>> 25;
  let next = ((sum & 0x1ffffff) << 5) ^ value;
  for (let bit = 0; bit < GENERATORS.length; bit++) {
    if (((top >>> bit) & 1) === 1) next ^= GENERATORS[bit] ?? 0;
  }
  return next;
}

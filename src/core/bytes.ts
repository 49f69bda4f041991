// Reading and writing little-endian bytes, with bounds that end in a typed error.
import { DeskPodError, type ErrorCode } from './errors.ts';

const TWO_TO_32 = 0x1_0000_0000;
const encoder = new TextEncoder();
const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** UTF-8 bytes of `text`. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Lower-case hexadecimal of `bytes`. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** The bytes that lower-case hexadecimal `text` stands for. Throws TypeError for anything else. */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) throw new TypeError(`not hexadecimal: ${text}`);
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}

/** One array holding `parts` in order. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** True if both hold the same bytes. The time taken depends on the length only, as comparing MACs needs. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

/** A growing run of bytes. Numbers out of range are a RangeError: the caller made them. */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacityBytes = 256) {
    this.#bytes = new Uint8Array(capacityBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#advance(1, value, 0xff);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#advance(2, value, 0xffff);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    const at = this.#advance(4, value, 0xffff_ffff);
    this.#view.setUint32(at, value, true);
    return this;
  }

  /** An unsigned integer up to Number.MAX_SAFE_INTEGER, in 8 bytes. */
  u64(value: number): this {
    const at = this.#advance(8, value, Number.MAX_SAFE_INTEGER);
    this.#view.setUint32(at, value % TWO_TO_32, true);
    this.#view.setUint32(at + 4, Math.floor(value / TWO_TO_32), true);
    return this;
  }

  /** A signed integer in 8 bytes. */
  i64(value: bigint): this {
    if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} does not fit in 64 bits`);
    const at = this.#advance(8, 0, 0);
    this.#view.setBigInt64(at, value, true);
    return this;
  }

  /** An unsigned integer, 7 bits a byte, least significant first, shortest form. */
  varint(value: number): this {
    let rest = value;
    while (rest > 0x7f) {
      this.u8((rest % 0x80) + 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.u8(rest);
  }

  bytes(value: Uint8Array): this {
    const at = this.#advance(value.length, 0, 0);
    this.#bytes.set(value, at);
    return this;
  }

  /** `value` after its length as a varint. */
  prefixed(value: Uint8Array): this {
    return this.varint(value.length).bytes(value);
  }

  /** Exactly `length` bytes. Another length is a RangeError. */
  fixed(value: Uint8Array, length: number): this {
    if (value.length !== length) throw new RangeError(`expected ${length} bytes, got ${value.length}`);
    return this.bytes(value);
  }

  text(value: string): this {
    return this.bytes(encoder.encode(value));
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Forgets what was written, but for its room: the next bytes are written from the start. */
  clear(): this {
    this.#length = 0;
    return this;
  }

  /** Replaces four bytes that were written at `at`. */
  setU32(at: number, value: number): this {
    if (at + 4 > this.#length)
      throw new RangeError(`expected 4 of ${this.#length} bytes, got those at ${at}`);
    this.#view.setUint32(at, value, true);
    return this;
  }

  #advance(size: number, value: number, max: number): number {
    if (!Number.isSafeInteger(value) || value < 0 || value > max) {
      throw new RangeError(`expected an integer from 0 to ${max}, got ${value}`);
    }
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }
}

/**
 * Reads `bytes` from the front. Whatever the bytes are, every method returns or throws a DeskPodError with the given
 * code; nothing is allocated from a count that the remaining bytes cannot hold.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #code: ErrorCode;
  readonly #subject: string;
  #offset: number;

  /** `subject` names the thing in messages, such as `segment`. */
  constructor(bytes: Uint8Array, code: ErrorCode, subject: string, offset = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#code = code;
    this.#subject = subject;
    this.#offset = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  u64(): number {
    const at = this.#advance(8);
    const value = this.#view.getUint32(at + 4, true) * TWO_TO_32 + this.#view.getUint32(at, true);
    if (!Number.isSafeInteger(value)) throw this.damaged(`expected a number below 2^53, got ${value}`);
    return value;
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.#advance(8), true);
  }

  varint(): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < 8; count++) {
      const byte = this.u8();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        const isShortest = byte !== 0 || count === 0;
        if (isShortest && Number.isSafeInteger(value)) return value;
        break;
      }
      factor *= 0x80;
    }
    throw this.damaged('expected a number in its shortest form, got another');
  }

  /** A view of the next `length` bytes (not a copy). */
  take(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Steps back over bytes that were read, to read them again when more have come. */
  rewind(length: number): void {
    this.#offset -= length;
  }

  /** A view of bytes that follow their length as a varint. */
  prefixed(): Uint8Array {
    return this.take(this.varint());
  }

  /** A count of things of at least `eachBytes` bytes, checked against what remains. */
  count(value: number, eachBytes: number): number {
    if (value * eachBytes > this.remaining) {
      throw this.damaged(`expected room for ${value} entries, got ${this.remaining} bytes`);
    }
    return value;
  }

  /** Passes over the ASCII letters that open a format. */
  magic(expected: string): void {
    for (let i = 0; i < expected.length; i++) {
      if (this.remaining === 0 || this.u8() !== expected.charCodeAt(i)) {
        throw this.damaged(`expected it to begin with ${expected}, got other bytes`);
      }
    }
  }

  /** Passes over a version byte and returns it. Throws FORMAT_UNKNOWN for any but the `known` ones. */
  version(...known: readonly number[]): number {
    const got = this.u8();
    if (known.includes(got)) return got;
    const expected = known.join(' or ');
    throw new DeskPodError('FORMAT_UNKNOWN', `${this.#subject}: expected version ${expected}, got ${got}`, {
      hint: 'Open it with a newer deskpod.',
    });
  }

  /** Throws unless every byte was read. */
  end(): void {
    if (this.remaining !== 0) throw this.damaged(`expected the end, got ${this.remaining} bytes more`);
  }

  /** The error that this reader throws; for checks that its caller makes. */
  damaged(what: string): DeskPodError {
    return new DeskPodError(this.#code, `${this.#subject}: at ${this.#offset} bytes: ${what}`, {
      details: { offset: this.#offset },
    });
  }

  #advance(size: number): number {
    const at = this.#offset;
    if (size > this.remaining) throw this.damaged(`expected ${size} bytes more, got ${this.remaining}`);
    this.#offset += size;
    return at;
  }
}

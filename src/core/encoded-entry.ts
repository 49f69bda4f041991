// A manifest's entry as its bytes, carried from one manifest to the next without being taken apart.
import { ByteReader } from './bytes.ts';
import { HASH_BYTES } from './hashing.ts';
import { decodeEntry, ENTRY_KINDS, type EntryKind, encodeEntry, type ManifestEntry } from './manifest.ts';

const LENGTH_BYTES = 4;
const KIND_AT = LENGTH_BYTES;
const PATH_AT = KIND_AT + 1;
/** Mode, owner, group and time lie between the path and the length. */
const SIZE_AFTER_PATH = 2 + 4 + 4 + 8;
const RDEV_BYTES = 8;
const GROUP_AND_FLAGS_BYTES = 5;

/** An entry of a manifest as it stands there: its length in four bytes, then what {@link decodeEntry} reads. */
export class EncodedEntry {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  /** `bytes` were encoded before: nothing of them is checked. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Encodes an entry. RangeError or MANIFEST_DAMAGED for one that could not be read back. */
  static of(entry: ManifestEntry): EncodedEntry {
    return new EncodedEntry(encodeEntry(entry));
  }

  get kind(): EntryKind {
    const kind = ENTRY_KINDS[this.#view.getUint8(KIND_AT) - 1];
    if (kind === undefined) throw new RangeError('expected an encoded entry, got other bytes');
    return kind;
  }

  get path(): Uint8Array {
    const { value, next } = this.#varint(PATH_AT);
    return this.bytes.subarray(next, next + value);
  }

  /** Length of a file's content. */
  get sizeBytes(): number {
    return Number(this.#view.getBigUint64(this.#afterPath() + SIZE_AFTER_PATH, true));
  }

  /** The chunks of a file's content. */
  get chunkIds(): Uint8Array[] {
    const target = this.#varint(this.#afterPath() + SIZE_AFTER_PATH + 8 + RDEV_BYTES);
    let at = target.next + target.value + GROUP_AND_FLAGS_BYTES;
    const xattrs = this.#varint(at);
    at = xattrs.next;
    for (let i = 0; i < xattrs.value * 2; i++) {
      const part = this.#varint(at);
      at = part.next + part.value;
    }
    const count = this.#varint(at);
    return Array.from({ length: count.value }, (_, i) => {
      const from = count.next + i * HASH_BYTES;
      return this.bytes.subarray(from, from + HASH_BYTES);
    });
  }

  /** The entry itself. Throws MANIFEST_DAMAGED. */
  decode(): ManifestEntry {
    return decodeEntry(
      new ByteReader(this.bytes.subarray(LENGTH_BYTES), 'MANIFEST_DAMAGED', 'manifest entry'),
    );
  }

  #afterPath(): number {
    const { value, next } = this.#varint(PATH_AT);
    return next + value;
  }

  #varint(from: number): { readonly value: number; readonly next: number } {
    let value = 0;
    for (let at = from, factor = 1; ; at++, factor *= 0x80) {
      const byte = this.#view.getUint8(at);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return { value, next: at + 1 };
    }
  }
}

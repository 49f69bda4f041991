// A manifest's entry as its bytes, carried from one manifest to the next without being taken apart.
import { ByteReader } from './bytes.ts';
import { HASH_BYTES } from './hashing.ts';
import { decodeEntry, ENTRY_KINDS, type EntryKind, encodeEntry, type ManifestEntry } from './manifest.ts';

const LENGTH_BYTES = 4;
const KIND_AT = LENGTH_BYTES;
const PATH_AT = KIND_AT + 1;
/** Mode, owner, group and time lie between the path and the length. */
const SIZE_AFTER_PATH = 2 + 4 + 4 + 8;
const SIZE_BYTES = 8;
const RDEV_BYTES = 8;
const GROUP_AND_FLAGS_BYTES = 5;

/** An entry of a manifest as it stands there: its length in four bytes, then what {@link decodeEntry} reads. */
export class EncodedEntry {
  readonly bytes: Uint8Array;
  readonly path: Uint8Array;
  /** Where what comes after the path begins. */
  readonly #restAt: number;

  /** `bytes` were encoded before, and have proven to be what was: nothing more of them is checked. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    let at = PATH_AT;
    let length = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = bytes[at++] ?? 0;
      length += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
    }
    this.#restAt = at + length;
    this.path = bytes.subarray(at, this.#restAt);
  }

  /** Encodes an entry. RangeError or MANIFEST_DAMAGED for one that could not be read back. */
  static of(entry: ManifestEntry): EncodedEntry {
    return new EncodedEntry(encodeEntry(entry));
  }

  get kind(): EntryKind {
    const kind = ENTRY_KINDS[(this.bytes[KIND_AT] ?? 0) - 1];
    if (kind === undefined) throw new RangeError('expected an encoded entry, got other bytes');
    return kind;
  }

  /** Length of a file's content. */
  get sizeBytes(): number {
    let sizeBytes = 0;
    for (let i = SIZE_BYTES - 1; i >= 0; i--)
      sizeBytes = sizeBytes * 0x100 + (this.bytes[this.#restAt + SIZE_AFTER_PATH + i] ?? 0);
    return sizeBytes;
  }

  /** 0: none. */
  get hardlinkGroup(): number {
    const at = this.#groupAt();
    return this.#u16(at) + this.#u16(at + 2) * 0x1_0000;
  }

  /** The chunks of a file's content. */
  get chunkIds(): Uint8Array[] {
    const xattrs = this.#varint(this.#groupAt() + GROUP_AND_FLAGS_BYTES);
    let at = xattrs.next;
    for (let i = 0; i < xattrs.value * 2 && at < this.bytes.length; i++) {
      const part = this.#varint(at);
      at = part.next + part.value;
    }
    const { next } = this.#varint(at);
    const ids: Uint8Array[] = [];
    for (let from = next; from + HASH_BYTES <= this.bytes.length; from += HASH_BYTES)
      ids.push(this.bytes.subarray(from, from + HASH_BYTES));
    return ids;
  }

  /** The entry itself. Throws MANIFEST_DAMAGED. */
  decode(): ManifestEntry {
    return decodeEntry(
      new ByteReader(this.bytes.subarray(LENGTH_BYTES), 'MANIFEST_DAMAGED', 'manifest entry'),
    );
  }

  /** The group comes after the target. */
  #groupAt(): number {
    const target = this.#varint(this.#restAt + SIZE_AFTER_PATH + SIZE_BYTES + RDEV_BYTES);
    return target.next + target.value;
  }

  #u16(at: number): number {
    return (this.bytes[at] ?? 0) + (this.bytes[at + 1] ?? 0) * 0x100;
  }

  #varint(from: number): { readonly value: number; readonly next: number } {
    let value = 0;
    for (let at = from, factor = 1; ; at++, factor *= 0x80) {
      const byte = this.bytes[at] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return { value, next: at + 1 };
    }
  }
}

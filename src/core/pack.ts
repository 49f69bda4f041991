// The plaintext of a pack: chunks, then the index that finds them from the end.
import { ByteReader, ByteWriter, concatBytes, utf8 } from './bytes.ts';
import { HASH_BYTES } from './hashing.ts';

const MAGIC = 'DPK1';
const END_MAGIC = 'DPKE';
const VERSION = 1;
const HEADER_BYTES = 5;

/** The length of one entry of a pack's index, in bytes. Entries begin at byte 4 of it. */
export const PACK_INDEX_ENTRY_BYTES = HASH_BYTES + 4 + 4 + 4 + 1;

/** The length of what ends a pack, in bytes. */
export const PACK_FOOTER_BYTES = 8;
/** The longest a chunk may be, in bytes, so that a reader knows what it may have to hold. */
export const CHUNK_MAX_BYTES = 16 * 1024 * 1024;

/**
 * A pack is stored when its plaintext reaches this length, in bytes. Threads that are killed lose one of each sort: not more
 * than is worth storing again. As each sort has one that is filled, and some are on their way, this is what memory goes by.
 */
export const PACK_TARGET_BYTES = 4 * 1024 * 1024;

/** Longer than any sealed pack, in bytes: one is stored as soon as it has its length, of which a chunk is the last. */
export const SEALED_PACK_MOST_BYTES = 256 * 1024 * 1024;

/** How a chunk's bytes stand in the pack. */
export type Codec = 'raw' | 'zstd';

/** Where a pack holds a chunk. Offsets count from the start of the pack's plaintext. */
export interface PackEntry {
  readonly id: Uint8Array;
  readonly offset: number;
  readonly storedLength: number;
  readonly plainLength: number;
  readonly codec: Codec;
}

/** Collects chunks into the plaintext of one pack, and then perhaps of another. */
export class PackBuilder {
  #bytes: Uint8Array;
  #entries: PackEntry[] = [];
  #length = HEADER_BYTES;

  /** `capacityBytes` is what the pack will probably need; it grows beyond. */
  constructor(capacityBytes = 4096) {
    this.#bytes = new Uint8Array(Math.max(capacityBytes, HEADER_BYTES));
    this.#bytes.set(header());
  }

  /** The bytes of the plaintext so far, its index included. */
  get sizeBytes(): number {
    return this.#length + 4 + this.#entries.length * PACK_INDEX_ENTRY_BYTES + PACK_FOOTER_BYTES;
  }

  get entries(): readonly PackEntry[] {
    return this.#entries;
  }

  /** Adds a copy of a chunk whose `stored` bytes are `plainLength` bytes in `codec`. */
  add(id: Uint8Array, stored: Uint8Array, plainLength: number, codec: Codec): PackEntry {
    this.room(stored.length).set(stored);
    return this.commit(id, stored.length, plainLength, codec);
  }

  /** Where the next chunk's stored bytes may be written, at least `maxLength` bytes; {@link commit} then adds them. */
  room(maxLength: number): Uint8Array {
    const needed = this.#length + maxLength;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    return this.#bytes.subarray(this.#length);
  }

  /** Adds the chunk whose stored bytes were just written to {@link room}. */
  commit(id: Uint8Array, storedLength: number, plainLength: number, codec: Codec): PackEntry {
    if (id.length !== HASH_BYTES)
      throw new RangeError(`expected an id of ${HASH_BYTES} bytes, got ${id.length}`);
    if (plainLength > CHUNK_MAX_BYTES || (codec === 'raw' && storedLength !== plainLength)) {
      throw new RangeError(
        `expected at most ${CHUNK_MAX_BYTES} bytes, equal to those stored if raw, got ${plainLength}`,
      );
    }
    const entry = { id, offset: this.#length, storedLength, plainLength, codec };
    this.#entries.push(entry);
    this.#length += storedLength;
    return entry;
  }

  /** Begins another pack, in the room of the last. */
  clear(): void {
    this.#entries = [];
    this.#length = HEADER_BYTES;
  }

  /** The whole plaintext. It is a view of the builder's own bytes: nothing may be added before {@link clear}. */
  finish(): Uint8Array {
    const index = encodePackIndex(this.#entries);
    const footer = new ByteWriter(PACK_FOOTER_BYTES).u32(index.length).text(END_MAGIC).finish();
    const end = this.#length;
    const rest = this.room(index.length + footer.length);
    rest.set(index);
    rest.set(footer, index.length);
    return this.#bytes.subarray(0, end + index.length + footer.length);
  }
}

/** What an index that was checked says at `at`, where the entry's id stands. */
export function packIndexEntryAt(
  index: DataView,
  at: number,
): Omit<PackEntry, 'id' | 'codec'> & { readonly isCompressed: boolean } {
  return {
    offset: index.getUint32(at + HASH_BYTES, true),
    storedLength: index.getUint32(at + HASH_BYTES + 4, true),
    plainLength: index.getUint32(at + HASH_BYTES + 8, true),
    isCompressed: index.getUint8(at + HASH_BYTES + 12) === 1,
  };
}

/** The entries of an index that was checked or made here. */
export function* packIndexEntries(index: Uint8Array): Generator<PackEntry> {
  const view = new DataView(index.buffer, index.byteOffset, index.byteLength);
  for (let at = 4; at < index.length; at += PACK_INDEX_ENTRY_BYTES) {
    const { offset, storedLength, plainLength, isCompressed } = packIndexEntryAt(view, at);
    const id = index.subarray(at, at + HASH_BYTES);
    yield { id, offset, storedLength, plainLength, codec: isCompressed ? 'zstd' : 'raw' };
  }
}

/** The ids in an index that was checked or made here. */
export function* packIndexIds(index: Uint8Array): Generator<Uint8Array> {
  for (let at = 4; at < index.length; at += PACK_INDEX_ENTRY_BYTES) yield index.subarray(at, at + HASH_BYTES);
}

/** The bytes of a pack's index. */
export function encodePackIndex(entries: readonly PackEntry[]): Uint8Array {
  const writer = new ByteWriter(4 + entries.length * PACK_INDEX_ENTRY_BYTES).u32(entries.length);
  for (const entry of entries) {
    writer
      .fixed(entry.id, HASH_BYTES)
      .u32(entry.offset)
      .u32(entry.storedLength)
      .u32(entry.plainLength)
      .u8(entry.codec === 'zstd' ? 1 : 0);
  }
  return writer.finish();
}

/** The length of the index that the last {@link PACK_FOOTER_BYTES} of a pack announce. Throws PACK_DAMAGED. */
export function decodePackFooter(footer: Uint8Array, packLength: number): number {
  const reader = new ByteReader(footer, 'PACK_DAMAGED', 'pack footer');
  const indexLength = reader.u32();
  reader.magic(END_MAGIC);
  reader.end();
  if (indexLength < 4 || indexLength > packLength - HEADER_BYTES - PACK_FOOTER_BYTES) {
    throw reader.damaged(`expected an index within ${packLength} bytes, got one of ${indexLength}`);
  }
  return indexLength;
}

/**
 * The entries of an index of a pack of `packLength` bytes of plaintext. The chunks must fill the pack from its header
 * to its index, in order and without gaps. Throws PACK_DAMAGED.
 */
export function decodePackIndex(index: Uint8Array, packLength: number): PackEntry[] {
  const reader = new ByteReader(index, 'PACK_DAMAGED', 'pack index');
  const count = reader.count(reader.u32(), PACK_INDEX_ENTRY_BYTES);
  const entries: PackEntry[] = [];
  let expectedOffset = HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    const id = reader.take(HASH_BYTES);
    const offset = reader.u32();
    const storedLength = reader.u32();
    const plainLength = reader.u32();
    const codec = codecOf(reader);
    if (offset !== expectedOffset)
      throw reader.damaged(`expected a chunk at ${expectedOffset}, got ${offset}`);
    if (plainLength > CHUNK_MAX_BYTES || (codec === 'raw' && storedLength !== plainLength)) {
      throw reader.damaged(
        `expected at most ${CHUNK_MAX_BYTES} bytes, equal to those stored if raw, got ${plainLength}`,
      );
    }
    expectedOffset += storedLength;
    entries.push({ id, offset, storedLength, plainLength, codec });
  }
  reader.end();
  const chunksEnd = packLength - PACK_FOOTER_BYTES - index.length;
  if (expectedOffset !== chunksEnd)
    throw reader.damaged(`expected chunks up to ${chunksEnd}, got ${expectedOffset}`);
  return entries;
}

/** The entries of a whole pack's plaintext. Throws PACK_DAMAGED or FORMAT_UNKNOWN. */
export function decodePack(plaintext: Uint8Array): PackEntry[] {
  checkPackHeader(plaintext);
  const footer = plaintext.subarray(Math.max(0, plaintext.length - PACK_FOOTER_BYTES));
  const indexLength = decodePackFooter(footer, plaintext.length);
  const indexEnd = plaintext.length - PACK_FOOTER_BYTES;
  return decodePackIndex(plaintext.subarray(indexEnd - indexLength, indexEnd), plaintext.length);
}

/** Checks the first bytes of a pack. Throws PACK_DAMAGED or FORMAT_UNKNOWN. */
function checkPackHeader(start: Uint8Array): void {
  const reader = new ByteReader(start, 'PACK_DAMAGED', 'pack');
  reader.magic(MAGIC);
  reader.version(VERSION);
}

function header(): Uint8Array {
  return concatBytes([utf8(MAGIC), Uint8Array.of(VERSION)]);
}

function codecOf(reader: ByteReader): Codec {
  const codec = reader.u8();
  if (codec > 1) throw reader.damaged(`expected codec 0 or 1, got ${codec}`);
  return codec === 1 ? 'zstd' : 'raw';
}

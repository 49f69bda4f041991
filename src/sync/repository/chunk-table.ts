// Every chunk's place in memory, as compact as can be: 48 bytes and a slot for each, a million in some 60 MB.
import { HASH_BYTES } from '../../core/hashing.ts';
import { PACK_INDEX_ENTRY_BYTES, packIndexEntryAt } from '../../core/pack.ts';

/** What is known of a chunk; `pack` is the number that whoever put it gave its pack. */
export interface ChunkPlace {
  readonly pack: number;
  readonly offset: number;
  readonly storedLength: number;
  readonly plainLength: number;
  readonly isCompressed: boolean;
}

const FIRST_CAPACITY = 1024;
const FIELDS = 4;
/** Lengths of chunks have 25 bits at most, so the codec finds room in the same word. */
const COMPRESSED = 0x8000_0000;

/** Ids and where they lie. Ids are keyed hashes: their first bytes are as good a hash of them as any. */
export class ChunkTable {
  #count = 0;
  #ids = new Uint8Array(FIRST_CAPACITY * HASH_BYTES);
  #fields = new Uint32Array(FIRST_CAPACITY * FIELDS);
  /** Open addressing: 0, or the number of an entry and 1. At most half of them are taken. */
  #slots = new Uint32Array(FIRST_CAPACITY * 2);

  /** Takes in the bytes of a pack's index. A chunk that is known already is from now on taken from this pack. */
  addIndex(pack: number, index: Uint8Array): void {
    const view = new DataView(index.buffer, index.byteOffset, index.byteLength);
    for (let at = 4; at + PACK_INDEX_ENTRY_BYTES <= index.length; at += PACK_INDEX_ENTRY_BYTES) {
      const { offset, storedLength, plainLength, isCompressed } = packIndexEntryAt(view, at);
      const entry = this.#entryOf(index, at);
      const field = entry * FIELDS;
      this.#fields[field] = pack;
      this.#fields[field + 1] = offset;
      this.#fields[field + 2] = storedLength;
      this.#fields[field + 3] = isCompressed ? plainLength + COMPRESSED : plainLength;
    }
  }

  /** Where a chunk lies, or undefined if it was never put. */
  find(id: Uint8Array): ChunkPlace | undefined {
    const entry = this.#find(id, 0);
    if (entry < 0) return undefined;
    const field = entry * FIELDS;
    const [pack = 0, offset = 0, storedLength = 0, last = 0] = this.#fields.subarray(field, field + FIELDS);
    const isCompressed = last >= COMPRESSED;
    return { pack, offset, storedLength, plainLength: isCompressed ? last - COMPRESSED : last, isCompressed };
  }

  /** The number of the pack that a chunk lies in, or undefined. */
  packOf(id: Uint8Array): number | undefined {
    const entry = this.#find(id, 0);
    return entry < 0 ? undefined : this.#fields[entry * FIELDS];
  }

  /** The numbers of the packs of all chunks. */
  *packs(): Generator<number> {
    for (let entry = 0; entry < this.#count; entry++) yield this.#fields[entry * FIELDS] ?? 0;
  }

  #entryOf(bytes: Uint8Array, at: number): number {
    const known = this.#find(bytes, at);
    if (known >= 0) return known;
    if ((this.#count + 1) * FIELDS > this.#fields.length) this.#grow();
    const entry = this.#count++;
    this.#ids.set(bytes.subarray(at, at + HASH_BYTES), entry * HASH_BYTES);
    this.#place(entry);
    return entry;
  }

  #find(bytes: Uint8Array, at: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hashAt(bytes, at) & mask; ; slot = (slot + 1) & mask) {
      const entry = (this.#slots[slot] ?? 0) - 1;
      if (entry < 0 || this.#isAt(entry, bytes, at)) return entry;
    }
  }

  #isAt(entry: number, bytes: Uint8Array, at: number): boolean {
    const ids = this.#ids;
    const from = entry * HASH_BYTES;
    for (let i = 0; i < HASH_BYTES; i++) if (ids[from + i] !== bytes[at + i]) return false;
    return true;
  }

  #place(entry: number): void {
    const mask = this.#slots.length - 1;
    let slot = hashAt(this.#ids, entry * HASH_BYTES) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = entry + 1;
  }

  #grow(): void {
    const capacity = (this.#fields.length / FIELDS) * 2;
    this.#ids = grown(this.#ids, new Uint8Array(capacity * HASH_BYTES));
    this.#fields = grown(this.#fields, new Uint32Array(capacity * FIELDS));
    this.#slots = new Uint32Array(capacity * 2);
    for (let entry = 0; entry < this.#count; entry++) this.#place(entry);
  }
}

function hashAt(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
  return a | (b << 8) | (c << 16) | (d << 24);
}

function grown<T extends Uint8Array | Uint32Array>(former: T, larger: T): T {
  larger.set(former);
  return larger;
}

// Every chunk's place in memory, as compact as can be: 48 bytes and two slots or more for each, a million in some 60 MB.
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

/** Entries lie in pages: one array that doubles would be held twice while it is copied, and stand half empty afterwards. */
const PAGE_BITS = 13;
const PAGE_ENTRIES = 1 << PAGE_BITS;
const PAGE_MASK = PAGE_ENTRIES - 1;
const FIRST_SLOTS = 2048;
const FIELDS = 4;
/** Lengths of chunks have 25 bits at most, so the codec finds room in the same word. */
const COMPRESSED = 0x8000_0000;

/** Ids and where they lie. Ids are keyed hashes: their first bytes are as good a hash of them as any. */
export class ChunkTable {
  #count = 0;
  /** By page: the ids, and the fields, of its entries. */
  readonly #ids: Uint8Array[] = [];
  readonly #fields: Uint32Array[] = [];
  /** Open addressing: 0, or the number of an entry and 1. At most half of them are taken. */
  #slots = new Uint32Array(FIRST_SLOTS);

  /** Takes in the bytes of a pack's index. A chunk that is known already is from now on taken from this pack. */
  addIndex(pack: number, index: Uint8Array): void {
    const view = new DataView(index.buffer, index.byteOffset, index.byteLength);
    for (let at = 4; at + PACK_INDEX_ENTRY_BYTES <= index.length; at += PACK_INDEX_ENTRY_BYTES) {
      const { offset, storedLength, plainLength, isCompressed } = packIndexEntryAt(view, at);
      const entry = this.#entryOf(index, at);
      // written one by one: a view or an array for each would take longer than the rest
      const fields = this.#fields[entry >>> PAGE_BITS] as Uint32Array;
      const field = (entry & PAGE_MASK) * FIELDS;
      fields[field] = pack;
      fields[field + 1] = offset;
      fields[field + 2] = storedLength;
      fields[field + 3] = isCompressed ? plainLength + COMPRESSED : plainLength;
    }
  }

  /** Where a chunk lies, or undefined if it was never put. */
  find(id: Uint8Array): ChunkPlace | undefined {
    const entry = this.#find(id, 0);
    if (entry < 0) return undefined;
    const [pack = 0, offset = 0, storedLength = 0, last = 0] = this.#fieldsOf(entry);
    const isCompressed = last >= COMPRESSED;
    return { pack, offset, storedLength, plainLength: isCompressed ? last - COMPRESSED : last, isCompressed };
  }

  /** The number of the pack that a chunk lies in, or undefined. */
  packOf(id: Uint8Array): number | undefined {
    const entry = this.#find(id, 0);
    return entry < 0 ? undefined : this.#packAt(entry);
  }

  /** The numbers of the packs of all chunks. */
  *packs(): Generator<number> {
    for (let entry = 0; entry < this.#count; entry++) yield this.#packAt(entry);
  }

  #fieldsOf(entry: number): Uint32Array {
    const field = (entry & PAGE_MASK) * FIELDS;
    return (this.#fields[entry >>> PAGE_BITS] as Uint32Array).subarray(field, field + FIELDS);
  }

  #packAt(entry: number): number {
    return this.#fields[entry >>> PAGE_BITS]?.[(entry & PAGE_MASK) * FIELDS] ?? 0;
  }

  #entryOf(bytes: Uint8Array, at: number): number {
    const known = this.#find(bytes, at);
    if (known >= 0) return known;
    const entry = this.#count++;
    if ((entry & PAGE_MASK) === 0) {
      this.#ids.push(new Uint8Array(PAGE_ENTRIES * HASH_BYTES));
      this.#fields.push(new Uint32Array(PAGE_ENTRIES * FIELDS));
    }
    const ids = this.#ids[entry >>> PAGE_BITS] as Uint8Array;
    const to = (entry & PAGE_MASK) * HASH_BYTES;
    for (let i = 0; i < HASH_BYTES; i++) ids[to + i] = bytes[at + i] as number;
    if (this.#count * 2 > this.#slots.length) this.#spread();
    else this.#place(entry);
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
    const ids = this.#ids[entry >>> PAGE_BITS] as Uint8Array;
    const from = (entry & PAGE_MASK) * HASH_BYTES;
    for (let i = 0; i < HASH_BYTES; i++) if (ids[from + i] !== bytes[at + i]) return false;
    return true;
  }

  #place(entry: number): void {
    const mask = this.#slots.length - 1;
    const ids = this.#ids[entry >>> PAGE_BITS] as Uint8Array;
    let slot = hashAt(ids, (entry & PAGE_MASK) * HASH_BYTES) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = entry + 1;
  }

  /** Gives all entries twice as many slots. */
  #spread(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let entry = 0; entry < this.#count; entry++) this.#place(entry);
  }
}

function hashAt(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  return low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
}

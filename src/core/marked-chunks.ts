// Chunks by id, in little memory, each with a byte that says something about it.
import { HASH_BYTES } from './hashing.ts';

/** Ids lie in pages, so that growing copies none of them. */
const PAGE_IDS = 65_536;
const LEAST_SLOTS = 1024;
const LOAD_MAX = 0.7;

/**
 * A map from chunk ids to small numbers. Every id gets a place, from 0 in the order in which they came, by which others
 * may keep more about it. A million ids take about 45 MB.
 */
export class MarkedChunks {
  readonly #ids: Uint8Array[] = [];
  readonly #values: Uint8Array[] = [];
  /** Place + 1 of the id whose hash led here; 0 is free. */
  #slots = new Uint32Array(LEAST_SLOTS);
  #size = 0;

  /** How many ids it holds. */
  get size(): number {
    return this.#size;
  }

  /** Takes in an id with a value from 0 to 255; one that it holds already keeps its value. */
  add(id: Uint8Array, value: number): void {
    if (id.length !== HASH_BYTES)
      throw new TypeError(`expected an id of ${HASH_BYTES} bytes, got ${id.length}`);
    const slot = this.#slotOf(id);
    if (this.#slots[slot] !== 0) return;
    const page = Math.floor(this.#size / PAGE_IDS);
    if (page === this.#ids.length) {
      this.#ids.push(new Uint8Array(PAGE_IDS * HASH_BYTES));
      this.#values.push(new Uint8Array(PAGE_IDS));
    }
    this.#ids[page]?.set(id, (this.#size % PAGE_IDS) * HASH_BYTES);
    this.#values[page]?.fill(value, this.#size % PAGE_IDS, (this.#size % PAGE_IDS) + 1);
    this.#size++;
    this.#slots[slot] = this.#size;
    if (this.#size > this.#slots.length * LOAD_MAX) this.#grow();
  }

  /** The place of an id, or undefined if it is not here. */
  placeOf(id: Uint8Array): number | undefined {
    const place = (this.#slots[this.#slotOf(id)] ?? 0) - 1;
    return place < 0 ? undefined : place;
  }

  /** The id at a place (a view). RangeError beyond the last. */
  idAt(place: number): Uint8Array {
    const [page, at] = this.#locate(place);
    const bytes = this.#ids[page] ?? new Uint8Array(0);
    return bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES);
  }

  /** What was said of the id at a place. RangeError beyond the last. */
  valueAt(place: number): number {
    const [page, at] = this.#locate(place);
    return this.#values[page]?.[at] ?? 0;
  }

  #locate(place: number): [page: number, at: number] {
    if (place < 0 || place >= this.#size)
      throw new RangeError(`expected a place below ${this.#size}, got ${place}`);
    return [Math.floor(place / PAGE_IDS), place % PAGE_IDS];
  }

  /** Where an id stands among the slots, or would. Ids are keyed hashes: their first bytes are as good as any. */
  #slotOf(id: Uint8Array): number {
    const mask = this.#slots.length - 1;
    for (let slot = firstBytes(id) & mask; ; slot = (slot + 1) & mask) {
      const place = (this.#slots[slot] ?? 0) - 1;
      if (place < 0 || isSame(this.idAt(place), id)) return slot;
    }
  }

  #grow(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    const mask = this.#slots.length - 1;
    for (let place = 0; place < this.#size; place++) {
      let slot = firstBytes(this.idAt(place)) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = place + 1;
    }
  }
}

function firstBytes(id: Uint8Array): number {
  return (((id[0] ?? 0) << 24) | ((id[1] ?? 0) << 16) | ((id[2] ?? 0) << 8) | (id[3] ?? 0)) >>> 0;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < HASH_BYTES; i++) if (a[i] !== b[i]) return false;
  return true;
}

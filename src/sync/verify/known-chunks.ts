// Which chunks are there: the ids of all chunks of a repository, in 27 to 54 bytes each.
import { HASH_BYTES } from '../../core/hashing.ts';

/** Ids are keyed hashes: half of one tells it from any other. */
const WORDS = 4;
const LEAST_SLOTS = 1024;
const LOAD_MAX = 0.6;

/** A set of chunk ids. It takes memory for the ids alone, so that millions of chunks fit. */
export class KnownChunks {
  #slots = new Uint32Array(LEAST_SLOTS * WORDS);
  #count = 0;
  /** The id that is looked for, so that looking takes no memory. */
  readonly #wanted = new Uint32Array(WORDS);

  /** How many ids it holds. */
  get size(): number {
    return this.#count;
  }

  add(id: Uint8Array): void {
    if ((this.#count + 1) * WORDS > this.#slots.length * LOAD_MAX) this.#grow();
    this.#want(id);
    const at = this.#find();
    if (!isFree(this.#slots, at)) return;
    this.#slots.set(this.#wanted, at);
    this.#count++;
  }

  has(id: Uint8Array): boolean {
    this.#want(id);
    return !isFree(this.#slots, this.#find());
  }

  #want(id: Uint8Array): void {
    if (id.length !== HASH_BYTES)
      throw new TypeError(`expected an id of ${HASH_BYTES} bytes, got ${id.length}`);
    for (let word = 0, at = 0; word < WORDS; word++, at += 4) {
      this.#wanted[word] =
        ((id[at] ?? 0) | ((id[at + 1] ?? 0) << 8) | ((id[at + 2] ?? 0) << 16) | ((id[at + 3] ?? 0) << 24)) >>>
        0;
    }
    // all zero marks a free slot
    if (isFree(this.#wanted, 0)) this.#wanted[0] = 1;
  }

  /** Where the wanted id is, or belongs. */
  #find(): number {
    const slots = this.#slots;
    const wanted = this.#wanted;
    for (let at = ((wanted[0] ?? 0) % (slots.length / WORDS)) * WORDS; ; at = (at + WORDS) % slots.length) {
      if (isFree(slots, at)) return at;
      let word = 0;
      while (word < WORDS && slots[at + word] === wanted[word]) word++;
      if (word === WORDS) return at;
    }
  }

  #grow(): void {
    const former = this.#slots;
    this.#slots = new Uint32Array(former.length * 2);
    for (let at = 0; at < former.length; at += WORDS) {
      if (isFree(former, at)) continue;
      this.#wanted.set(former.subarray(at, at + WORDS));
      this.#slots.set(this.#wanted, this.#find());
    }
  }
}

function isFree(slots: Uint32Array, at: number): boolean {
  for (let word = 0; word < WORDS; word++) if (slots[at + word] !== 0) return false;
  return true;
}

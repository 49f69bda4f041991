// Which chunks are there: the ids of all chunks of a repository, in 16 to 40 bytes each.
import { HASH_BYTES } from '../../core/hashing.ts';

/** Ids are keyed hashes: half of one tells it from any other. */
const WORDS = 4;
const LEAST_SLOTS = 1024;
const LOAD_MAX = 0.6;

/** A set of chunk ids. It takes memory for the ids alone, so that millions of chunks fit. */
export class KnownChunks {
  #slots = new Uint32Array(LEAST_SLOTS * WORDS);
  #count = 0;

  /** How many ids it holds. */
  get size(): number {
    return this.#count;
  }

  add(id: Uint8Array): void {
    if ((this.#count + 1) * WORDS > this.#slots.length * LOAD_MAX) this.#grow();
    const words = wordsOf(id);
    const at = this.#find(words);
    if (!this.#isFree(at)) return;
    this.#slots.set(words, at);
    this.#count++;
  }

  has(id: Uint8Array): boolean {
    return !this.#isFree(this.#find(wordsOf(id)));
  }

  /** Where an id is, or belongs. */
  #find(words: Uint32Array): number {
    const slotCount = this.#slots.length / WORDS;
    for (let slot = (words[0] ?? 0) % slotCount; ; slot = (slot + 1) % slotCount) {
      const at = slot * WORDS;
      if (this.#isFree(at) || words.every((word, i) => this.#slots[at + i] === word)) return at;
    }
  }

  #isFree(at: number): boolean {
    for (let i = 0; i < WORDS; i++) if (this.#slots[at + i] !== 0) return false;
    return true;
  }

  #grow(): void {
    const former = this.#slots;
    this.#slots = new Uint32Array(former.length * 2);
    for (let at = 0; at < former.length; at += WORDS) {
      const words = former.subarray(at, at + WORDS);
      if (words.some((word) => word !== 0)) this.#slots.set(words, this.#find(words));
    }
  }
}

function wordsOf(id: Uint8Array): Uint32Array {
  if (id.length !== HASH_BYTES)
    throw new TypeError(`expected an id of ${HASH_BYTES} bytes, got ${id.length}`);
  const view = new DataView(id.buffer, id.byteOffset, id.byteLength);
  const words = new Uint32Array(WORDS);
  for (let i = 0; i < WORDS; i++) words[i] = view.getUint32(i * 4, true);
  // all zero marks a free slot
  if (words.every((word) => word === 0)) words[0] = 1;
  return words;
}

// What a file's content is, in 32 bytes: the hash of its chunk ids, also for names that share an inode.
import { concatBytes } from './bytes.ts';
import { HASH_BYTES, type Hashing } from './hashing.ts';
import type { ManifestEntry } from './manifest.ts';

/**
 * Tells the content of the entries of one manifest, which come in its order. Of a hardlink group only the first member
 * carries the chunk ids: their hash is kept for the others, 32 bytes for each group.
 */
export class ContentIdentities {
  readonly #sha256: Hashing['sha256'];
  #groups = new Uint8Array(0);
  #groupCount = 0;

  constructor(sha256: Hashing['sha256']) {
    this.#sha256 = sha256;
  }

  /** Must be told of every entry, in order. */
  see(entry: Pick<ManifestEntry, 'hardlinkGroup' | 'chunkIds'>): void {
    if (entry.hardlinkGroup <= this.#groupCount) return;
    // groups are numbered 1, 2, 3… as they appear
    this.#groupCount = entry.hardlinkGroup;
    const at = (this.#groupCount - 1) * HASH_BYTES;
    if (at + HASH_BYTES > this.#groups.length) {
      const grown = new Uint8Array(Math.max(1024, 2 * this.#groups.length));
      grown.set(this.#groups);
      this.#groups = grown;
    }
    this.#groups.set(this.#hash(entry), at);
  }

  /** The identity of the content of an entry that was seen: equal ones have the same chunks in the same order. */
  of(entry: ManifestEntry): Uint8Array {
    const { hardlinkGroup } = entry;
    if (hardlinkGroup === 0) return this.#hash(entry);
    return this.#groups.subarray((hardlinkGroup - 1) * HASH_BYTES, hardlinkGroup * HASH_BYTES);
  }

  #hash({ chunkIds }: Pick<ManifestEntry, 'chunkIds'>): Uint8Array {
    return this.#sha256(concatBytes(chunkIds));
  }
}

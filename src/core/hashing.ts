// The hash functions that core needs, passed in by whoever does I/O.

/** Hashing as core uses it. Implementations return fresh arrays of 32 bytes. */
export interface Hashing {
  /** SHA-256 of `bytes`. */
  sha256(bytes: Uint8Array): Uint8Array;
  /** HMAC-SHA-256 of `bytes` under `key`. */
  hmac(key: Uint8Array, bytes: Uint8Array): Uint8Array;
}

/** The length of every hash, MAC, chunk id and object name, in bytes. */
export const HASH_BYTES = 32;

/** The key and functions that authenticate what a pod wrote itself. */
export interface Sealing {
  readonly hashing: Hashing;
  /** The pod's logKey, 32 bytes. */
  readonly logKey: Uint8Array;
}

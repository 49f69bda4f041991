// A root: the name by which a byte string of any length is found again in a repository.

/**
 * Where a byte string (a manifest) begins: it was cut into chunks; if there was more than one, their ids were
 * concatenated and cut again, `depth` times, until one chunk was left.
 */
export interface Root {
  /** Id of the single chunk on top, in hexadecimal. */
  readonly id: string;
  /** How many levels of id lists lie above the bytes; 0 if the one chunk is the byte string itself. */
  readonly depth: number;
  /** Length of the byte string in bytes. */
  readonly sizeBytes: number;
}

/** True if both lead to the same byte string. */
export function isSameRoot(a: Root, b: Root): boolean {
  return a.id === b.id && a.depth === b.depth && a.sizeBytes === b.sizeBytes;
}

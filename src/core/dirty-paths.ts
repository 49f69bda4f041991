// Dirty paths: what may differ from the last manifest, and has to be looked at before the next one.
import { comparePaths, isWithin } from './path-order.ts';

/** A path to be looked at. */
export interface DirtyPath {
  /** Relative, raw bytes; empty for the folder that holds everything. */
  readonly path: Uint8Array;
  /** True if nothing below it is known any more: what is a folder there is walked. */
  readonly isWhole: boolean;
}

/** A set of dirty paths. */
export class DirtyPaths {
  readonly #marks = new Map<string, DirtyPath>();

  /** How many paths are marked. */
  get size(): number {
    return this.#marks.size;
  }

  /** Marks one path; a path once marked as a whole stays so. The bytes are kept, not copied. */
  mark(path: Uint8Array, isWhole = false): void {
    const key = keyOf(path);
    const known = this.#marks.get(key);
    if (known === undefined || (isWhole && !known.isWhole)) this.#marks.set(key, { path, isWhole });
  }

  /** Marks all that others marked. */
  markAll(paths: Iterable<DirtyPath>): void {
    for (const { path, isWhole } of paths) this.mark(path, isWhole);
  }

  /** Forgets every mark. */
  clear(): void {
    this.#marks.clear();
  }

  /** In the manifest's order; what lies below a path that is dirty as a whole is part of it and left out. */
  inOrder(): DirtyPath[] {
    const sorted = [...this.#marks.values()].sort((a, b) => comparePaths(a.path, b.path));
    const kept: DirtyPath[] = [];
    let whole: Uint8Array | undefined;
    for (const mark of sorted) {
      if (whole !== undefined && isWithin(mark.path, whole)) continue;
      if (mark.isWhole) whole = mark.path;
      kept.push(mark);
    }
    return kept;
  }
}

/** One character for each byte: equal paths, equal keys. */
function keyOf(path: Uint8Array): string {
  let key = '';
  for (const byte of path) key += String.fromCharCode(byte);
  return key;
}

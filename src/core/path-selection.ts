// Which entries of a manifest are meant by --include and --exclude.
import type { ManifestEntry } from './manifest.ts';
import { isWithin } from './path-order.ts';
import { PathPattern } from './path-pattern.ts';

/** A folder above the entry that is looked at, and what it hands down. */
interface Above {
  readonly path: Uint8Array;
  readonly isIncluded: boolean;
  readonly isExcluded: boolean;
}

/**
 * Judges the entries of one manifest, in its order. A pattern that means a folder means everything in it. Without an
 * include everything is included; an exclude takes away whatever was included, and nothing brings that back.
 */
export class PathSelection {
  readonly #includes: readonly PathPattern[];
  readonly #excludes: readonly PathPattern[];
  readonly #unmatched: Set<PathPattern>;
  readonly #above: Above[];

  /** @throws DeskPodError USAGE for a broken pattern */
  constructor({ includes, excludes }: PathPatterns) {
    this.#includes = includes.map((text) => new PathPattern(text));
    this.#excludes = excludes.map((text) => new PathPattern(text));
    this.#unmatched = new Set(this.#includes);
    this.#above = [{ path: new Uint8Array(0), isIncluded: includes.length === 0, isExcluded: false }];
  }

  /** True if the entry is meant. Entries must come in the order of the manifest, none left out. */
  selects({ path, kind }: Pick<ManifestEntry, 'path' | 'kind'>): boolean {
    const isFolder = kind === 'directory';
    while (this.#above.length > 1 && !isWithin(path, this.#above.at(-1)?.path ?? path)) this.#above.pop();
    let { isIncluded = false, isExcluded = false } = this.#above.at(-1) ?? {};
    for (const pattern of this.#includes) {
      if ((isIncluded && !this.#unmatched.has(pattern)) || !pattern.matches(path, isFolder)) continue;
      isIncluded = true;
      this.#unmatched.delete(pattern);
    }
    isExcluded ||= this.#excludes.some((pattern) => pattern.matches(path, isFolder));
    if (isFolder && path.length > 0) this.#above.push({ path, isIncluded, isExcluded });
    return isIncluded && !isExcluded;
  }

  /** The includes that have meant nothing so far, as they were written. */
  get unmatched(): string[] {
    return [...this.#unmatched].map(({ text }) => text);
  }
}

/** Patterns as the user wrote them. */
export interface PathPatterns {
  readonly includes: readonly string[];
  readonly excludes: readonly string[];
}

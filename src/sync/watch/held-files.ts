// Files that programs hold: what is written to them through memory, no watch tells of, and often no time of the file.
import type { BigIntStats } from 'node:fs';
import { joinPath, pathKey } from '../files/byte-path.ts';
import { RACY_MARGIN_MS } from '../files/file-index.ts';
import { findOpenWriters, type NamelessFile } from '../posix/open-writers.ts';
import { knownStats } from '../posix/path-status.ts';

/** What is to be done about files that are held. */
export interface HeldFiles {
  /** To be looked at. */
  readonly dirty: readonly Uint8Array[];
  /** To be read again, whatever their times say. */
  readonly unsure: readonly Uint8Array[];
  /** True if a file may have changed that has a name in the tree, and nothing tells which. */
  readonly isNameless: boolean;
}

interface HeldFile {
  readonly ino: bigint;
  readonly ctimeNs: bigint;
  /** True if it changed so shortly before that another change may have given it the same time. */
  readonly isRacy: boolean;
}

/** Remembers which files of a tree were held, from one look to the next. */
export class HeldFileWatch {
  readonly #root: string;
  readonly #isExcluded: (path: Uint8Array) => boolean;
  #open = new Map<string, HeldFile>();
  #mapped = new Map<string, Uint8Array>();
  #nameless = new Map<bigint, HeldFile>();

  constructor(root: string, isExcluded: (path: Uint8Array) => boolean) {
    this.#root = root;
    this.#isExcluded = isExcluded;
  }

  /** What is held now, or was when this was last asked. */
  look(): HeldFiles {
    const found = findOpenWriters(this.#root);
    const dirty: Uint8Array[] = [];
    const open = new Map<string, HeldFile>();
    for (const path of found.open.filter((each) => !this.#isExcluded(each))) {
      const now = this.#stats(path);
      if (now === undefined) continue; // a name that is gone
      const key = pathKey(path);
      if (!isSame(this.#open.get(key), now)) dirty.push(path);
      open.set(key, heldNow(now));
    }
    this.#open = open;
    const mapped = new Map<string, Uint8Array>();
    for (const path of found.mapped)
      if (!this.#isExcluded(path) && this.#stats(path) !== undefined) mapped.set(pathKey(path), path);
    const unsure = [...new Map([...this.#mapped, ...mapped]).values()];
    this.#mapped = mapped;
    return { dirty, unsure, isNameless: this.#lookAtNameless(found.nameless) };
  }

  /** Files without a name that is known: true if one is another than it was, or is let go and may have changed before. */
  #lookAtNameless(found: readonly NamelessFile[]): boolean {
    const former = this.#nameless;
    const counted = found.filter(({ formerPlace }) => {
      const prefix = Buffer.from(this.#root === '/' ? '/' : `${this.#root}/`);
      const isBelow = formerPlace.subarray(0, prefix.length).equals(prefix);
      return !isBelow || !this.#isExcluded(formerPlace.subarray(prefix.length));
    });
    this.#nameless = new Map(counted.map((file) => [file.ino, heldNow(file)]));
    return (
      counted.some((file) => !isSame(former.get(file.ino), file)) ||
      [...former.keys()].some((ino) => !this.#nameless.has(ino))
    );
  }

  #stats(path: Uint8Array): BigIntStats | undefined {
    const stats = knownStats(joinPath(Buffer.from(this.#root), path));
    return stats?.isFile() === true ? stats : undefined;
  }
}

function heldNow({ ino, ctimeNs }: Pick<HeldFile, 'ino' | 'ctimeNs'>): HeldFile {
  const newestNs = BigInt(Date.now() - RACY_MARGIN_MS) * 1_000_000n;
  return { ino, ctimeNs, isRacy: ctimeNs > newestNs };
}

function isSame(former: HeldFile | undefined, now: Pick<HeldFile, 'ino' | 'ctimeNs'>): boolean {
  return former?.ino === now.ino && former.ctimeNs === now.ctimeNs && !former.isRacy;
}

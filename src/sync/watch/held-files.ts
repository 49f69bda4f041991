// Files that programs hold: what is written to them through memory, no watch tells of, and often no time of the file.
import type { BigIntStats } from 'node:fs';
import { joinPath, pathKey } from '../files/byte-path.ts';
import { RACY_MARGIN_MS } from '../files/file-index.ts';
import { findOpenWriters } from '../posix/open-writers.ts';
import { knownStats } from '../posix/path-status.ts';

/** What is to be done about files that are held. */
export interface HeldFiles {
  /** To be looked at. */
  readonly dirty: readonly Uint8Array[];
  /** To be read again, whatever their times say. */
  readonly unsure: readonly Uint8Array[];
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
      if (now === undefined) continue; // a name that is gone: its file is in no manifest
      const key = pathKey(path);
      const former = this.#open.get(key);
      const isSame = former?.ino === now.ino && former.ctimeNs === now.ctimeNs && !former.isRacy;
      if (!isSame) dirty.push(path);
      const newestNs = BigInt(Date.now() - RACY_MARGIN_MS) * 1_000_000n;
      open.set(key, { ino: now.ino, ctimeNs: now.ctimeNs, isRacy: now.ctimeNs > newestNs });
    }
    this.#open = open;
    const mapped = new Map<string, Uint8Array>();
    for (const path of found.mapped)
      if (!this.#isExcluded(path) && this.#stats(path) !== undefined) mapped.set(pathKey(path), path);
    const unsure = [...new Map([...this.#mapped, ...mapped]).values()];
    this.#mapped = mapped;
    return { dirty, unsure };
  }

  #stats(path: Uint8Array): BigIntStats | undefined {
    const stats = knownStats(joinPath(Buffer.from(this.#root), path));
    return stats?.isFile() === true ? stats : undefined;
  }
}

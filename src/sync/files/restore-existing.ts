// What a restore does about what stands in the target already: nothing, if that is the same.
import { type BigIntStats, constants, lstatSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { equalBytes } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import type { ManifestEntry } from '../../core/manifest.ts';
import { displayPath } from './byte-path.ts';
import type { RestoreTarget } from './restore-target.ts';

/**
 * What becomes of an entry. `make`: nothing is there. `replace`: another thing is there. `patch`: a file is there whose
 * chunks have to be compared. `describe`: only metadata differs. `leave`: nothing differs.
 */
export type Verdict = 'make' | 'replace' | 'patch' | 'describe' | 'leave';

/** How many entries met with what. */
export interface VerdictCounts {
  made: number;
  replaced: number;
  described: number;
  left: number;
}

/** A file that is not written to can still be replaced. */
const REPLACED_INSTEAD = new Set(['EACCES', 'EPERM', 'ETXTBSY', 'EROFS']);

/**
 * Judges entries by size and time, as rsync does, and by everything that is no content. With `isThorough` the content of
 * files that seem the same is compared, too.
 */
export class ExistingFiles {
  readonly counts: VerdictCounts = { made: 0, replaced: 0, described: 0, left: 0 };
  readonly #target: RestoreTarget;
  readonly #isThorough: boolean;

  constructor(target: RestoreTarget, isThorough: boolean) {
    this.#target = target;
    this.#isThorough = isThorough;
  }

  /**
   * The verdict on an entry that is no further name of an inode.
   * @throws DeskPodError TARGET_NOT_EMPTY for a folder with something in it where another thing belongs, or something
   * else where a folder that is not meant itself leads to what is
   */
  judge(entry: ManifestEntry, isPassage = false): Verdict {
    if (this.#target.isFresh(entry.path)) return 'make';
    const place = this.#target.place(entry.path);
    const stats = lstatSync(place, { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) return 'make';
    if (entry.kind === 'directory' && stats.isDirectory())
      return isPassage || this.#target.isDescribed(entry, stats) ? 'leave' : 'describe';
    if (isPassage) throw inTheWay(entry, 'it is no folder, and not among what is restored');
    if (stats.isDirectory() && readdirSync(place).length > 0)
      throw inTheWay(entry, `a folder with something in it is in the place of a ${entry.kind}`);
    if (!isSameKind(entry, stats, place)) return 'replace';
    const isDescribed = this.#target.isDescribed(entry, stats);
    if (entry.kind === 'file') {
      const seemsSame = stats.size === BigInt(entry.sizeBytes) && stats.mtimeNs === entry.mtimeNs;
      // what is written to an inode with another name is written there, too
      if (stats.nlink > 1n) return seemsSame && isDescribed ? 'leave' : 'replace';
      if (!seemsSame || this.#isThorough) return 'patch';
    }
    if (isDescribed) return 'leave';
    return stats.nlink > 1n ? 'replace' : 'describe';
  }

  /** The verdict on a further name of the inode that `first` names. */
  judgeLink(first: Uint8Array, entry: ManifestEntry): Verdict {
    if (this.#target.isFresh(entry.path)) return 'make';
    const stats = lstatSync(this.#target.place(entry.path), { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) return 'make';
    if (stats.isDirectory()) return this.judge(entry);
    const other = lstatSync(this.#target.place(first), { bigint: true, throwIfNoEntry: false });
    return other?.ino === stats.ino && other.dev === stats.dev ? 'leave' : 'replace';
  }

  /** Whether a file with the right content needs to be described. */
  judgeDescription(entry: ManifestEntry): 'leave' | 'describe' {
    const stats = lstatSync(this.#target.place(entry.path), { bigint: true });
    return this.#target.isDescribed(entry, stats) ? 'leave' : 'describe';
  }

  /** Opens a file to be patched; undefined if it can only be replaced. The caller closes it. */
  openFile(path: Uint8Array): number | undefined {
    try {
      return openSync(this.#target.place(path), constants.O_RDWR | constants.O_NOFOLLOW);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (REPLACED_INSTEAD.has(code)) return undefined;
      throw error;
    }
  }

  /** Counts what was done; a patch counts as what came of it. */
  count(verdict: Verdict): void {
    const { counts } = this;
    if (verdict === 'make') counts.made++;
    else if (verdict === 'replace') counts.replaced++;
    else if (verdict === 'describe') counts.described++;
    else if (verdict === 'leave') counts.left++;
  }
}

function isSameKind(entry: ManifestEntry, stats: BigIntStats, place: Buffer): boolean {
  switch (entry.kind) {
    case 'file':
      return stats.isFile();
    case 'directory':
      return stats.isDirectory();
    case 'symlink':
      return stats.isSymbolicLink() && equalBytes(readlinkSync(place, { encoding: 'buffer' }), entry.target);
    case 'fifo':
      return stats.isFIFO();
    case 'socket':
      return stats.isSocket();
    case 'character-device':
      return stats.isCharacterDevice() && isSameDevice(entry, stats);
    case 'block-device':
      return stats.isBlockDevice() && isSameDevice(entry, stats);
  }
}

/** Linux packs a device number into a dev_t of 64 bits, whose low 32 hold all that is common. */
function isSameDevice({ rdevMajor, rdevMinor }: ManifestEntry, { rdev }: BigIntStats): boolean {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
  return major === BigInt(rdevMajor) && minor === BigInt(rdevMinor);
}

function inTheWay({ path }: ManifestEntry, why: string): DeskPodError {
  const shown = displayPath(path);
  return new DeskPodError('TARGET_NOT_EMPTY', `${shown} can not be restored: ${why}`, {
    hint: 'Move it away, or restore into another folder.',
    details: { path: shown },
  });
}

// Picks the entries of a manifest that a restore by path makes: those that are meant, and the folders on the way.
import type { ManifestEntry } from './manifest.ts';
import { isWithin } from './path-order.ts';
import { type PathPatterns, PathSelection } from './path-selection.ts';

/** What a first walk over the manifest finds out for the second. */
export interface PickPlan {
  readonly files: number;
  /** Length of the files, each inode counted once. */
  readonly bytes: number;
  readonly entries: number;
  /** Hardlink groups whose first name is not meant and another one is: that one has to carry the content. */
  readonly orphans: ReadonlySet<number>;
  /** Includes that mean nothing. */
  readonly unmatched: readonly string[];
}

/** The first walk. */
export class PickSurvey {
  readonly #selection: PathSelection;
  readonly #orphans = new Set<number>();
  readonly #picked = new Set<number>();
  #groupCount = 0;
  #files = 0;
  #bytes = 0;
  #entries = 0;

  constructor(patterns: PathPatterns) {
    this.#selection = new PathSelection(patterns);
  }

  /** Must be told of every entry, in order; true if it is meant. */
  see(entry: ManifestEntry): boolean {
    const isMeant = this.#selection.selects(entry);
    const { hardlinkGroup, kind, sizeBytes } = entry;
    const isFirst = hardlinkGroup > this.#groupCount;
    if (isFirst) this.#groupCount = hardlinkGroup;
    if (!isMeant) return false;
    this.#entries++;
    const isKnown = hardlinkGroup !== 0 && this.#picked.has(hardlinkGroup);
    if (kind === 'file') this.#files++;
    if (!isKnown) this.#bytes += sizeBytes;
    if (hardlinkGroup !== 0 && !isKnown) {
      this.#picked.add(hardlinkGroup);
      if (!isFirst) this.#orphans.add(hardlinkGroup);
    }
    return true;
  }

  /** What was found, after the last entry. */
  plan(): PickPlan {
    return {
      files: this.#files,
      bytes: this.#bytes,
      entries: this.#entries,
      orphans: this.#orphans,
      unmatched: this.#selection.unmatched,
    };
  }
}

/** An entry to be made. */
export interface PickedEntry {
  readonly entry: ManifestEntry;
  /** A folder that is not meant itself: it is needed only if it is not there. */
  readonly isPassage: boolean;
}

/** The second walk. */
export class EntryPicker {
  readonly #selection: PathSelection;
  readonly #orphans: ReadonlySet<number>;
  readonly #contents = new Map<number, readonly Uint8Array[]>();
  /** Folders above the present entry that are not meant, and were not handed out yet. */
  #waiting: ManifestEntry[] = [];

  constructor(patterns: PathPatterns, plan: Pick<PickPlan, 'orphans'>) {
    this.#selection = new PathSelection(patterns);
    this.#orphans = plan.orphans;
  }

  /** What has to be made when the walk comes to an entry: none, or it and the folders that lead to it. */
  pick(entry: ManifestEntry): readonly PickedEntry[] {
    const isMeant = this.#selection.selects(entry);
    const { path, kind, hardlinkGroup, chunkIds } = entry;
    while (this.#waiting.length > 0 && !isWithin(path, this.#waiting.at(-1)?.path ?? path))
      this.#waiting.pop();
    if (!isMeant) {
      if (kind === 'directory' && path.length > 0) this.#waiting.push(entry);
      if (this.#orphans.has(hardlinkGroup) && !this.#contents.has(hardlinkGroup))
        this.#contents.set(hardlinkGroup, chunkIds);
      return [];
    }
    const passages = this.#waiting.map((folder) => ({ entry: folder, isPassage: true }));
    this.#waiting = [];
    return [...passages, { entry: this.#withContent(entry), isPassage: false }];
  }

  #withContent(entry: ManifestEntry): ManifestEntry {
    const chunkIds = this.#contents.get(entry.hardlinkGroup);
    if (chunkIds === undefined) return entry;
    // the next name of this inode is a link to this one
    this.#contents.set(entry.hardlinkGroup, []);
    return chunkIds.length === 0 ? entry : { ...entry, chunkIds };
  }
}

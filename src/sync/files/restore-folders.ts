// The folders of a restore: each gets its own metadata when nothing in it is being written any more.
import type { ManifestEntry } from '../../core/manifest.ts';
import { isWithin } from '../../core/path-order.ts';
import type { RestoreTarget } from './restore-target.ts';

/** Without these bits an owner who is not root can not work in a folder. */
const OWNER_ACCESS = 0o700;

/** A folder whose own metadata waits until nothing in it is being written any more. */
export interface OpenFolder {
  readonly entry: ManifestEntry;
  readonly parent: OpenFolder | undefined;
  /** It was there and is not meant: its metadata stays. */
  readonly isKept: boolean;
  /** Itself while entries may still come, files being written, and folders in it. */
  busy: number;
}

/** Knows the folder that entries come to now, and those above it and behind it that are not settled yet. */
export class OpenFolders {
  readonly #target: RestoreTarget;
  /** Folders that their owner may not enter: closed only at the end, as later hard links lead through them. */
  readonly #closed: ManifestEntry[] = [];
  #current: OpenFolder | undefined;

  constructor(target: RestoreTarget) {
    this.#target = target;
  }

  /** Leaves the folders that a path is not within, as no more entries come to them. */
  leaveFor(path: Uint8Array): void {
    while (
      this.#current !== undefined &&
      this.#current.entry.path.length > 0 &&
      !isWithin(path, this.#current.entry.path)
    )
      this.#leaveCurrent();
  }

  /** Enters a folder that was made, or that was there: if it `isKept`, its metadata stays. */
  enter(entry: ManifestEntry, isKept: boolean): void {
    this.#current = { entry, parent: this.hold(), isKept, busy: 1 };
  }

  /** Has the current folder wait for something in it, until that is given to {@link release}. */
  hold(): OpenFolder | undefined {
    if (this.#current !== undefined) this.#current.busy++;
    return this.#current;
  }

  /** One thing less keeps the folder busy; the last one settles it, and then perhaps the folder above. */
  release(folder: OpenFolder | undefined): void {
    for (let idle = folder; idle !== undefined && --idle.busy === 0; idle = idle.parent) {
      const { entry, isKept } = idle;
      if (isKept) continue;
      const isClosed = (entry.mode & OWNER_ACCESS) !== OWNER_ACCESS;
      if (isClosed) this.#closed.push(entry);
      this.#target.describe(isClosed ? { ...entry, mode: entry.mode | OWNER_ACCESS } : entry);
    }
  }

  /** Leaves all folders and closes those that stayed open only for this; nothing may be held any more. */
  finish(): void {
    while (this.#current !== undefined) this.#leaveCurrent();
    for (const { path, mode } of this.#closed.reverse()) this.#target.setFolderMode(path, mode);
  }

  #leaveCurrent(): void {
    const folder = this.#current;
    this.#current = folder?.parent;
    this.release(folder);
  }
}

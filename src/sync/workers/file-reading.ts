// Reads files run by run, and knows whether each is the inode that it must be, from its first byte to its last.
import { closeSync, readSync } from 'node:fs';
import { openQuietly } from '../posix/open-quietly.ts';
import { StatReader } from '../posix/statx.ts';
import type { FileRun } from './file-runs.ts';

/** Files, or stretches of them, of which not all runs have been read; whoever began one reads it to its last run. */
export class FileReading {
  readonly #stats = new StatReader();
  /** By string; undefined for what turned out to be another file. */
  readonly #open = new Map<number, number | undefined>();

  /** Reads a run into the front of `target`; false, and so for all further runs of the file, if it is not as it must be. */
  read(run: FileRun, target: Uint8Array): boolean {
    const fd = this.#open.has(run.string) ? this.#open.get(run.string) : this.#begin(run);
    const isRead = fd !== undefined && this.#isRead(fd, run, target);
    if (run.isLast || !isRead) {
      if (fd !== undefined) closeSync(fd);
      this.#open.delete(run.string);
    }
    if (!run.isLast) this.#open.set(run.string, isRead ? fd : undefined);
    return isRead;
  }

  #begin({ place, stamp, isLast }: FileRun): number | undefined {
    let fd: number | undefined;
    try {
      fd = openQuietly(place);
      // of a file in one run it is enough to look afterwards
      if (fd === undefined || isLast || this.#isStamped(fd, stamp)) return fd;
    } catch {
      // whoever asked opens it again, and names what is wrong
    }
    if (fd !== undefined) closeSync(fd);
    return undefined;
  }

  #isRead(fd: number, { offset, length, isLast, stamp }: FileRun, target: Uint8Array): boolean {
    try {
      for (let done = 0; done < length; ) {
        const count = readSync(fd, target, done, length - done, offset + done);
        if (count === 0) return false;
        done += count;
      }
      return !isLast || this.#isStamped(fd, stamp);
    } catch {
      return false; // as above
    }
  }

  #isStamped(fd: number, stamp: Uint8Array): boolean {
    this.#stats.readOpen(fd);
    return this.#stats.isStamped(stamp);
  }
}

// Folders on this host for what is needed for a moment; those of killed processes are removed by the next one.
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeskPodError } from '../core/errors.ts';
import { type FileLock, tryLock } from './posix/flock.ts';
import { isSystemError } from './repository/durable-file.ts';

const LOCK = '.lock';
/** The lock of a folder that {@link withScratchFolder} made, whose process its name tells. */
const LOCK_NAME = /^\d+-[0-9a-f]{16}\.lock$/;

/** Where scratch folders lie, and what is to be done before one goes. */
export interface ScratchKind {
  /** Theirs is `NAME-UID`. */
  readonly name: string;
  /** The folder that it lies in. */
  readonly above: string;
  /** Lets go of what still uses a folder, which a killed process may have left; where this fails, the folder stays. */
  readonly release?: (folder: string) => Promise<void>;
}

/**
 * Lends `work` an empty folder for this user only, and removes it afterwards. It lies in `deskpod-UID` below the system's
 * folder for temporary files, or as `kind` says. A lock is held beside it, so that whoever comes next sees which ones are
 * abandoned.
 *
 * @throws DeskPodError TARGET_WRITE_FAILED if somebody else made that place
 */
export async function withScratchFolder<T>(
  work: (folder: string) => Promise<T>,
  kind: ScratchKind = { name: 'deskpod', above: tmpdir() },
): Promise<T> {
  const place = scratchPlace(kind);
  await removeAbandoned(place, kind);
  const folder = join(place, `${process.pid}-${randomBytes(8).toString('hex')}`);
  const lock = tryLock(folder + LOCK);
  // nobody else knows this name, but for a sweep that looks at it for an instant and will find it locked the next time
  if (lock === undefined) return withScratchFolder(work, kind);
  try {
    await mkdir(folder, { mode: 0o700 });
    return await work(folder);
  } finally {
    await remove(folder, lock, kind);
  }
}

/**
 * Removes the scratch folders of a kind whose processes are gone, as {@link withScratchFolder} does before it makes one.
 *
 * @throws DeskPodError TARGET_WRITE_FAILED if somebody else made that place; what `release` throws: that folder stays
 */
export async function sweepScratchFolders(kind: ScratchKind): Promise<void> {
  if (lstatSync(placeOf(kind), { throwIfNoEntry: false }) === undefined) return;
  await removeAbandoned(scratchPlace(kind), kind);
}

/** What could not be let go of keeps its lock file, and is met again by the next sweep. */
async function remove(folder: string, lock: FileLock, { release }: ScratchKind): Promise<void> {
  try {
    await release?.(folder);
    await rm(folder, { recursive: true, force: true });
    await rm(lock.path, { force: true });
  } finally {
    lock.release();
  }
}

function placeOf({ name, above }: ScratchKind): string {
  return join(above, `${name}-${process.getuid?.() ?? 0}`);
}

function scratchPlace(kind: ScratchKind): string {
  const place = placeOf(kind);
  try {
    mkdirSync(place, { mode: 0o700 });
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error;
  }
  const stats = lstatSync(place);
  if (stats.isDirectory() && stats.uid === (process.getuid?.() ?? 0) && (stats.mode & 0o077) === 0)
    return place;
  throw new DeskPodError(
    'TARGET_WRITE_FAILED',
    `${place}: expected a folder of this user's own, got another`,
    {
      hint: 'See who made it and remove it, or set TMPDIR to a folder of yours.',
      details: { place },
    },
  );
}

/** A lock that is free had a holder that is gone; no link is followed, neither here nor in what is removed. */
async function removeAbandoned(place: string, kind: ScratchKind): Promise<void> {
  for (const name of await readdir(place)) {
    if (!LOCK_NAME.test(name)) continue;
    const path = join(place, name);
    const lock = tryLock(path);
    if (lock !== undefined) await remove(path.slice(0, -LOCK.length), lock, kind);
  }
}

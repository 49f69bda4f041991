// Folders on this host for what is needed for a moment; those of killed processes are removed by the next one.
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeskPodError } from '../core/errors.ts';
import { tryLock } from './posix/flock.ts';
import { isSystemError } from './repository/durable-file.ts';

const LOCK = '.lock';

/**
 * Lends `work` an empty folder for this user only, and removes it afterwards. It lies in `deskpod-UID` below the system's
 * folder for temporary files, or of `above`. A lock is held beside it, so that whoever comes next sees which ones are abandoned.
 *
 * @throws DeskPodError TARGET_WRITE_FAILED if somebody else made that place
 */
export async function withScratchFolder<T>(
  work: (folder: string) => Promise<T>,
  above: string = tmpdir(),
): Promise<T> {
  const place = scratchPlace(above);
  await removeAbandoned(place);
  const folder = join(place, `${process.pid}-${randomBytes(8).toString('hex')}`);
  const lock = tryLock(folder + LOCK);
  // nobody else knows this name, but for a sweep that looks at it for an instant and will find it locked the next time
  if (lock === undefined) return withScratchFolder(work, above);
  try {
    await mkdir(folder, { mode: 0o700 });
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
    await rm(lock.path, { force: true });
    lock.release();
  }
}

function scratchPlace(above: string): string {
  const userId = process.getuid?.() ?? 0;
  const place = join(above, `deskpod-${userId}`);
  try {
    mkdirSync(place, { mode: 0o700 });
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error;
  }
  const stats = lstatSync(place);
  if (stats.isDirectory() && stats.uid === userId && (stats.mode & 0o077) === 0) return place;
  throw new DeskPodError(
    'TARGET_WRITE_FAILED',
    `${place}: expected a folder of this user's own, got another`,
    {
      hint: 'See who made it and remove it, or set TMPDIR to a folder of yours.',
      details: { place },
    },
  );
}

async function removeAbandoned(place: string): Promise<void> {
  for (const name of await readdir(place)) {
    if (!name.endsWith(LOCK)) continue;
    const path = join(place, name);
    const lock = tryLock(path);
    if (lock === undefined) continue;
    await rm(path.slice(0, -LOCK.length), { recursive: true, force: true });
    await rm(path, { force: true });
    lock.release();
  }
}

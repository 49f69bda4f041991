// Process images in the host's memory, on their way between CRIU and the repository.
import { readdir, rm, writeFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { run } from '../../sync/process.ts';
import { isSystemError } from '../../sync/repository/durable-file.ts';
import { mountAt, readMounts } from '../host/mount-table.ts';
import { mountImagesTmpfs, type Staging } from '../host/staging.ts';

/**
 * An empty folder in memory for the images of this pod's session. `isForSuspend` is noted beside it: only what was
 * saved in order to end the session may later stand for it.
 */
export async function openImages(staging: Staging, isForSuspend: boolean): Promise<string> {
  await emptyImages(staging);
  await mountImagesTmpfs(staging.imagesDir, totalmem());
  if (isForSuspend) await writeFile(suspendNote(staging), '', { mode: 0o600 });
  return staging.imagesDir;
}

/** Gives the memory back, with whatever is in it. */
export async function emptyImages(staging: Staging): Promise<void> {
  await rm(suspendNote(staging), { force: true });
  while (mountAt(await readMounts(), staging.imagesDir) !== undefined) {
    // Lazily, as nothing in it is worth waiting for: a CRIU that was killed may leave processes that look into it.
    await run('umount', ['--lazy', '--', staging.imagesDir]);
  }
}

/**
 * Whether the whole images of a session that was to be suspended are still in memory: then its supervisor was killed
 * before it had sealed them. CRIU writes the inventory last, after every page.
 */
export async function hasFinishedImages(staging: Staging): Promise<boolean> {
  const inPrivate = await listNames(staging.privateDir);
  if (!inPrivate.some((name) => join(staging.privateDir, name) === suspendNote(staging))) return false;
  return (await listNames(staging.imagesDir)).includes('inventory.img');
}

function suspendNote({ privateDir }: Staging): string {
  return join(privateDir, 'suspending');
}

async function listNames(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}

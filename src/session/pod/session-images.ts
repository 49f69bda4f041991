// Process images in the host's memory, on their way between CRIU and the repository.
import { readdir, rm, writeFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { run } from '../../sync/process.ts';
import { isSystemError } from '../../sync/repository/durable-file.ts';
import { mountAt, readMounts } from '../host/mount-table.ts';
import { mountImagesTmpfs, type Staging } from '../host/staging.ts';

/** An empty folder in memory for the images of this pod's session. */
export async function openImages(staging: Staging): Promise<string> {
  await dropImages(staging);
  await mountImagesTmpfs(staging.imagesDir, totalmem());
  return staging.imagesDir;
}

/** Gives the memory back, with whatever is in it. */
export async function dropImages(staging: Staging): Promise<void> {
  await rm(endNote(staging), { force: true });
  while (mountAt(await readMounts(), staging.imagesDir) !== undefined) {
    // Lazily, as nothing in it is worth waiting for: a CRIU that was killed may leave processes that look into it.
    await run('umount', ['--lazy', '--', staging.imagesDir]);
  }
}

/**
 * Notes that CRIU has written everything and is about to end the session. It waits for this: without the note a session
 * goes on, and its images are of no use any more.
 */
export async function noteSessionEnds(staging: Staging): Promise<void> {
  await writeFile(endNote(staging), '', { mode: 0o600 });
}

/**
 * Whether the images of a session that was ended by its suspend are still in memory: its supervisor was killed before it
 * had sealed them, or could not seal them. To be asked only when no session of this pod runs.
 */
export async function holdsEndedSession(staging: Staging): Promise<boolean> {
  const isNoted = (await listNames(staging.privateDir)).some(
    (name) => join(staging.privateDir, name) === endNote(staging),
  );
  // CRIU writes the inventory last, after every page.
  return isNoted && (await listNames(staging.imagesDir)).includes('inventory.img');
}

function endNote({ privateDir }: Staging): string {
  return join(privateDir, 'session-ended');
}

async function listNames(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}

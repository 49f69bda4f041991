// Which files somebody still has open on this computer, as far as this user may see.
import { readdir, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { isOutOfMeans } from '../storage-failure.ts';

const PROCESSES = '/proc';

/**
 * Those of these files, whose names are like no others, that a process has open: whatever path it knows them by. Of processes of
 * other users only root sees that.
 */
export async function openAmong(paths: readonly string[]): Promise<ReadonlySet<string>> {
  const open = new Set<string>();
  if (paths.length === 0) return open;
  const byName = new Map(paths.map((path) => [basename(path), path]));
  for (const pid of await readdir(PROCESSES)) {
    if (!/^\d+$/.test(pid)) continue;
    const folder = `${PROCESSES}/${pid}/fd`;
    // it has ended meanwhile, or is another user's
    for (const fd of await readdir(folder).catch(nothing)) {
      const found = byName.get(basename((await readlink(`${folder}/${fd}`).catch(nothing)).toString()));
      if (found !== undefined) open.add(found);
    }
  }
  return open;
}

/** @throws what the system did not say, or said of this process: then nobody knows what is open */
function nothing(error: unknown): string[] {
  if ((error as NodeJS.ErrnoException).code === undefined || isOutOfMeans(error)) throw error;
  return [];
}

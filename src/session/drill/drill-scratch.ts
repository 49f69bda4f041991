// Where drills take room: a folder of their own, and letting go of what a drill that was killed left of it on this host.
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '../../sync/repository/durable-file.ts';
import { type ScratchKind, sweepScratchFolders } from '../../sync/scratch-folder.ts';
import { releaseDevice } from '../pod/release.ts';

/** The image file of a desktop's copy. */
export const DEVICE_NAME = 'pod.img';

/** The scratch folders of drills below `above`. Nobody else's sweep comes here, which would not know of mounts and sessions. */
export function drillScratch(above: string): ScratchKind {
  return { name: 'deskpod-drill', above, release };
}

/**
 * Removes what drills that were killed left below `above`: their sessions, their mounts, their copies.
 *
 * @throws DeskPodError TARGET_WRITE_FAILED if their place is somebody else's; DEVICE_IN_USE naming who still uses a copy
 */
export function sweepDrills(above: string): Promise<void> {
  return sweepScratchFolders(drillScratch(above));
}

/** A folder's lock is held by whoever calls this, so no drill goes on in it. */
async function release(folder: string): Promise<void> {
  const image = join(folder, DEVICE_NAME);
  try {
    if ((await lstat(image)).isFile()) await releaseDevice(image);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
  }
}

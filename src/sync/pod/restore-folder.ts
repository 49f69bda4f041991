// The folder that a tree pod is restored into: whether it is free, and the note by which an unfinished restore is known.
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { isSystemError, syncFolder } from '../repository/durable-file.ts';
import { storageError } from '../storage-failure.ts';
import { MARKER_FILE, REPOSITORY_FOLDER, TREE_LOCK, TREE_POD_DIR } from './pod-folder.ts';

/** In the pod's folder. Without a marker beside it, what lies there is what a restore left that did not end. */
const RESTORE_NOTE = 'restoring';

/**
 * Refuses a folder in which a restore could replace what is somebody's. Free is one that is empty, or in which a restore
 * was interrupted.
 *
 * @throws DeskPodError TARGET_NOT_EMPTY without `isForced`; POD_EXISTS in any case for a pod, also for one without marker
 */
export async function requireFreeFolder(dir: string, isForced: boolean): Promise<void> {
  const names = await namesIn(dir);
  const ofPod = await namesIn(join(dir, TREE_POD_DIR));
  const isPod = ofPod.includes(MARKER_FILE);
  if (isPod && isForced) throw podThere(dir);
  const isUnfinished = !isPod && ofPod.includes(RESTORE_NOTE);
  if (isUnfinished) return;
  if (!isPod && (await namesIn(join(dir, TREE_POD_DIR, REPOSITORY_FOLDER, 'packs'))).length > 0)
    throw podWithoutMarker(dir);
  // killed before its note, a restore leaves the folder and the lock in it
  const isBare = ofPod.every((name) => name === TREE_LOCK) && names.every((name) => name === TREE_POD_DIR);
  if (isBare || isForced) return;
  throw new DeskPodError('TARGET_NOT_EMPTY', `${dir}: expected an empty folder, or none`, {
    hint: 'Choose another folder, or give --force to write over what has the same names.',
  });
}

/** Notes durably that a restore begins in `dir`, whose pod folder is there and locked. Call it before anything else is written. */
export async function beginRestore(dir: string): Promise<void> {
  const podDir = join(dir, TREE_POD_DIR);
  try {
    await writeFile(join(podDir, RESTORE_NOTE), '');
    await syncFolder(podDir);
    await syncFolder(dir);
  } catch (error) {
    throw storageError(error, podDir);
  }
}

/** Takes the note away once the marker is there; one that a killed restore left behind its marker, too. */
export async function endRestore(dir: string): Promise<void> {
  const podDir = join(dir, TREE_POD_DIR);
  if (!(await namesIn(podDir)).includes(RESTORE_NOTE)) return;
  try {
    await rm(join(podDir, RESTORE_NOTE));
    await syncFolder(podDir);
  } catch (error) {
    throw storageError(error, podDir);
  }
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw storageError(error, dir);
  }
}

/** What that pod has not synced yet is nowhere else. */
function podThere(dir: string): DeskPodError {
  return new DeskPodError('POD_EXISTS', `${dir}: holds a pod, and --force does not write over one`, {
    hint: 'Choose another folder, or move that pod elsewhere first.',
    details: { dir },
  });
}

function podWithoutMarker(dir: string): DeskPodError {
  const podDir = join(dir, TREE_POD_DIR);
  return new DeskPodError('POD_EXISTS', `${dir}: holds the packs of a pod, but not its marker`, {
    hint:
      `They may hold what was never synced. Bring ${join(podDir, MARKER_FILE)} back from a copy, or restore to another ` +
      `folder; \`ops/reader ${join(podDir, REPOSITORY_FOLDER)}\` takes the files out without it. If none of it is needed, ` +
      `move ${podDir} away first.`,
    details: { dir },
  });
}

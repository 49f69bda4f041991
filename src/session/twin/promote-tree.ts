// The twin of a tree pod becomes the pod: its files are laid out around the repository that it has.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { twinUrl } from '../../sync/home/home-url.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import { inodePlace } from '../../sync/pod/device-place.ts';
import type { NewDevice } from '../../sync/pod/new-device.ts';
import { TREE_POD_DIR, treePodFolder } from '../../sync/pod/pod-folder.ts';
import { promoteTwin, surveyTwin } from '../../sync/pod/promote-twin.ts';
import { stageFiles } from '../../sync/pod/staged-files.ts';
import { lockTree } from '../../sync/pod/tree.ts';

/**
 * Makes the tree pod of the twin around `dir`, at a checkpoint or the newest one.
 *
 * @throws DeskPodError TARGET_NOT_EMPTY if other files lie there, as theirs might be replaced; POD_BUSY; as surveyTwin and
 * promoteTwin; the folder is a twin then
 */
export async function promoteTree(
  dir: string,
  credential: Credential,
  checkpoint: number | undefined,
  onProgress: ProgressListener,
): Promise<NewDevice> {
  const lock = await lockTree(dir);
  try {
    const folder = treePodFolder(dir);
    const surveyed = await surveyTwin(folder, credential, { place: dir, checkpoint });
    if (!surveyed.isTakenOver) await requireNoFiles(dir);
    const { pod, promotion } = await promoteTwin(surveyed, {
      ...{ folder, files: await stageFiles(dir), vault: 'none', url: twinUrl(dir), onProgress },
      place: await inodePlace('folder', join(dir, TREE_POD_DIR)),
    });
    await pod.close();
    return promotion;
  } finally {
    lock.release();
  }
}

async function requireNoFiles(dir: string): Promise<void> {
  const other = (await readdir(dir)).find((name) => name !== TREE_POD_DIR && name !== 'lost+found');
  if (other === undefined) return;
  throw new DeskPodError('TARGET_NOT_EMPTY', `${dir}: expected nothing beside the twin, got ${other}`, {
    hint: 'Move it elsewhere, then start the twin again: its own files are laid out there.',
    details: { dir, found: other },
  });
}

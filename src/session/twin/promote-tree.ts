// The twin of a tree pod becomes the pod: its files are laid out around the repository that it has.
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { twinUrl } from '../../sync/home/home-url.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import { inodePlace } from '../../sync/pod/device-place.ts';
import { TREE_POD_DIR, treePodFolder } from '../../sync/pod/pod-folder.ts';
import { type Promotion, promoteTwin, surveyTwin } from '../../sync/pod/promote-twin.ts';
import { lockTree } from '../../sync/pod/tree.ts';
import { statusAt } from '../host/path-status.ts';

/** In the pod folder: files may have been laid out by a promotion that was killed. */
const BEGUN = 'promotion-begun';

/**
 * Makes the tree pod of the twin around `dir`.
 *
 * @throws DeskPodError TARGET_NOT_EMPTY if other files lie there, as theirs might be replaced; POD_BUSY; as surveyTwin and
 * promoteTwin; the folder is a twin then
 */
export async function promoteTree(
  dir: string,
  credential: Credential,
  onProgress: ProgressListener,
): Promise<Promotion> {
  const lock = await lockTree(dir);
  try {
    const folder = treePodFolder(dir);
    const begun = join(dir, TREE_POD_DIR, BEGUN);
    const surveyed = await surveyTwin(folder, credential, dir);
    const isPublished = surveyed.state.deviceId === toHex(surveyed.marker.deviceId);
    if (!isPublished && (await statusAt(begun)) === undefined) await requireNoFiles(dir);
    await writeFile(begun, '');
    const { pod, promotion } = await promoteTwin(surveyed, {
      ...{ folder, filesDir: dir, vault: 'none', url: twinUrl(dir), onProgress },
      place: await inodePlace('folder', join(dir, TREE_POD_DIR)),
    });
    await pod.close();
    await rm(begun);
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

// Mending a pod that cannot be opened, wherever it is: around a folder, or on a device.
import { openRsyncHome } from '../../sync/home/rsync-home.ts';
import { treePodFolder } from '../../sync/pod/pod-folder.ts';
import { lockTree } from '../../sync/pod/tree.ts';
import { mendClosedPod } from '../../sync/verify/mend-closed.ts';
import { mountDevice } from '../device/device.ts';
import { afterwards } from '../pod/afterwards.ts';
import { readSessionNote } from '../pod/session-note.ts';
import { findPod } from './target.ts';

/**
 * Brings back the head and keyring of the pod at `path` from the home at `url`, as far as they are damaged. Nothing is
 * done while a session of the pod runs: its supervisor has it open.
 *
 * @returns the names of what was brought back
 * @throws DeskPodError as {@link mendClosedPod}; POD_BUSY, and what finding or mounting the pod throws
 */
export async function mendPod(path: string | undefined, url: string): Promise<string[]> {
  const target = await findPod(path);
  const home = openRsyncHome(url);
  if (target.kind === 'tree') {
    const lock = await lockTree(target.dir);
    try {
      return await mendClosedPod(treePodFolder(target.dir), home);
    } finally {
      lock.release();
    }
  }
  const device = await mountDevice(target.path);
  if ((await readSessionNote(device.staging)) !== undefined) return [];
  return afterwards(
    () =>
      mendClosedPod(
        { repositoryDir: `${device.mountDir}/repository`, markerFile: `${device.mountDir}/deskpod.pod` },
        home,
      ),
    () => device.unmount(),
  );
}

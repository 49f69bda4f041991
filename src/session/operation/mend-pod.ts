// Mending a pod that cannot be opened, wherever it is: around a folder, or on a device.
import type { Home } from '../../sync/home/home.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import { treePodFolder } from '../../sync/pod/pod-folder.ts';
import { lockTree } from '../../sync/pod/tree.ts';
import { mendClosedPod } from '../../sync/verify/mend-closed.ts';
import { mountDevice } from '../device/device.ts';
import { afterwards } from '../pod/afterwards.ts';
import { readSessionNote } from '../pod/session-note.ts';
import { withSource } from '../twin/restore-source.ts';
import { findPod, type Target } from './target.ts';

/**
 * Brings back the head and keyring of the pod at `path` from the home or twin at `url`, as far as they are damaged. Nothing
 * is done while a session of the pod runs: its supervisor has it open.
 *
 * @param credential asked for a twin only
 * @returns the names of what was brought back
 * @throws DeskPodError as {@link mendClosedPod}; POD_BUSY, and what finding or mounting the pod or the twin throws
 */
export async function mendPod(
  path: string | undefined,
  url: string,
  credential: () => Promise<Credential>,
): Promise<string[]> {
  const target = await findPod(path);
  return withSource(url, credential, (home) => mendTarget(target, home));
}

async function mendTarget(target: Target, home: Home): Promise<string[]> {
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

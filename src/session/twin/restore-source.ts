// What a pod is restored or mended from: a home that rsync reaches, or a twin, which is as complete and mounted meanwhile.
import { join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { hashing } from '../../sync/hashing.ts';
import type { Home } from '../../sync/home/home.ts';
import { isTwinUrl, parseHomeUrl } from '../../sync/home/home-url.ts';
import type { TransferSettings } from '../../sync/home/lend-home.ts';
import { openRsyncHome } from '../../sync/home/rsync-home.ts';
import { type FollowedPod, openTwinHome } from '../../sync/home/twin-home.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import { MARKER_FILE, REPOSITORY_FOLDER, TREE_POD_DIR } from '../../sync/pod/pod-folder.ts';
import { isTwinAt, unlockTwin } from '../../sync/pod/twin.ts';
import { afterwards } from '../pod/afterwards.ts';
import { isDevice, takePlace } from './twin-place.ts';

/**
 * Lends `work` the home at `from`: a URL, or the device or folder of a twin.
 *
 * @param credential asked for a twin only, which shows nothing without a key
 * @throws DeskPodError USAGE for what is neither; of a twin HOME_AWAY, POD_BUSY, POD_NOT_FOUND if nothing was synced to it,
 * PASSPHRASE_WRONG, KEYRING_NO_IDENTITY, ROOT_NEEDED, and whatever damage is found; what `work` throws
 */
export async function withSource<T>(
  from: string,
  credential: () => Promise<Credential>,
  work: (home: Home) => Promise<T>,
  settings: TransferSettings = {},
): Promise<T> {
  const path = await findTwinPath(from);
  if (path === undefined) return work(openRsyncHome(from, settings));
  const { dir, url, release } = await takePlace(path);
  return afterwards(async () => {
    await requireTwin(dir, path);
    return work(openTwinHome({ dir, url, ...settings }, await prove(dir, path, await credential())));
  }, release);
}

/** True for what only a key makes a source of: the device, image file or folder of a twin, or its URL. */
export async function isTwinPlace(from: string): Promise<boolean> {
  return (await findTwinPath(from)) !== undefined;
}

async function findTwinPath(from: string): Promise<string | undefined> {
  if (isTwinUrl(from)) return parseHomeUrl(from).path;
  if (!from.startsWith('/')) return undefined;
  const isTwin =
    (await isDevice(from)) ||
    (await isTwinAt({ markerFile: join(from, TREE_POD_DIR, MARKER_FILE), place: from }));
  return isTwin ? from : undefined;
}

async function requireTwin(dir: string, path: string): Promise<void> {
  if (await isTwinAt({ markerFile: join(dir, MARKER_FILE), place: path })) return;
  throw new DeskPodError('USAGE', `${path}: expected a home or a twin, got a device in its own right`, {
    hint: `It goes on as it is: \`deskpod start ${path}\`. Files come out of it with \`deskpod restore --into FOLDER -d ${path}\`.`,
    details: { path },
  });
}

async function prove(dir: string, place: string, credential: Credential): Promise<FollowedPod> {
  const { head, keyring } = await unlockTwin(join(dir, REPOSITORY_FOLDER), credential, place);
  const { podId, logKey } = keyring.secrets;
  return { podId, epoch: head.epoch, sealing: { hashing, logKey } };
}

// A twin: a device that follows a pod as one of its homes, and whose repository is there to become the pod itself.
import { join } from 'node:path';
import { fromHex } from '../../core/bytes.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { encodeMarker } from '../../core/marker.ts';
import { type CarriedRuntime, latestCheckpoint, type PodState } from '../../core/state.ts';
import type { FollowedPod } from '../home/twin-home.ts';
import { type Credential, peekMarkerIn, readMarker, unlockRepository } from '../keyring/unlock.ts';
import { Repository } from '../repository/repository.ts';
import { withScratchFolder } from '../scratch-folder.ts';
import { newDeviceId } from './create-pod.ts';
import { type DevicePlace, placeId } from './device-place.ts';
import type { MarkerPlace } from './lost-marker.ts';
import { Pod } from './pod.ts';
import { MARKER_FILE, REPOSITORY_FOLDER } from './pod-folder.ts';

/** What a twin of this pod has to be proven by. */
export function asFollowed({ state, secrets, sealing }: Pod): FollowedPod {
  return { podId: secrets.podId, epoch: state.epoch, sealing };
}

/**
 * The marker of a twin of this pod, which makes it one. `place` is what the twin lies on.
 *
 * @param deviceId in hexadecimal: its own if it is known, else a new one
 */
export function newTwinMarker(
  { state, secrets, sealing }: Pod,
  place: DevicePlace,
  deviceId = newDeviceId(),
): Uint8Array {
  const log = { podId: secrets.podId, deviceId: fromHex(deviceId), epoch: 0 };
  return encodeMarker(
    { ...log, kind: state.kind, isTwin: true, placeId: placeId(place, secrets.logKey) },
    sealing,
  );
}

/**
 * True if the marker is that of a twin; nothing is proven yet. False if there is none.
 *
 * @throws DeskPodError MARKER_DAMAGED, FORMAT_UNKNOWN: it might be a twin's, and the last whole copy of its pod
 */
export async function isTwinAt(at: MarkerPlace): Promise<boolean> {
  try {
    return (await peekMarkerIn(at)).isTwin;
  } catch (error) {
    if (isDeskPodError(error, 'POD_NOT_FOUND')) return false;
    throw error;
  }
}

/** What the log says of the runtime on the twin with this device id, in hexadecimal: wherever the twin lies now. */
export function runtimeOnTwin({ homes }: PodState, deviceId: string): CarriedRuntime | undefined {
  const found = homes.find(({ runtime }) => runtime?.deviceId === deviceId)?.runtime;
  if (found === undefined) return undefined;
  const { deviceId: _, ...runtime } = found;
  return runtime;
}

/** Bytes of the files that are laid out when a twin of this pod is started. */
export function bytesToStart({ state }: Pod): number {
  return latestCheckpoint(state)?.stats.fileBytes ?? 0;
}

/** Bytes that a twin of this pod takes: the repository, and the files that are laid out when it is started. */
export async function bytesForTwin(pod: Pod): Promise<number> {
  const { repository } = pod;
  let neededBytes = bytesToStart(pod);
  for (const kind of ['packs', 'bases', 'segments'] as const) {
    for (const name of await repository.listObjects(kind))
      neededBytes += await repository.objectSize(kind, name);
  }
  return neededBytes;
}

/** The error for what a twin cannot do. `place` is its device or folder. */
export function onlyFollows(place: string): DeskPodError {
  return new DeskPodError(
    'POD_IS_TWIN',
    `${place} is a twin: it only follows its pod, and changes by syncs`,
    {
      hint: `If the device that it follows is lost, \`deskpod start ${place}\` makes it the pod.`,
      details: { place },
    },
  );
}

/**
 * Lends `work` the pod of a twin to look into, as the twin has it; appends to its log are refused with POD_IS_TWIN.
 *
 * @param dir the folder of its marker and repository
 * @param place what to call it
 * @throws DeskPodError PASSPHRASE_WRONG, KEYRING_NO_IDENTITY, MARKER_DAMAGED, and whatever damage is found; POD_NOT_FOUND
 * if nothing was synced to it yet
 */
export async function withTwinPod<T>(
  { dir, place }: { readonly dir: string; readonly place: string },
  credential: Credential,
  work: (pod: Pod) => Promise<T>,
): Promise<T> {
  const [markerFile, repositoryDir] = [join(dir, MARKER_FILE), join(dir, REPOSITORY_FOLDER)];
  const repository = await Repository.open(repositoryDir);
  await requireSynced(repository, place);
  const unlocked = await unlockRepository(repository, credential);
  await readMarker({ markerFile, place }, unlocked.keyring);
  return withScratchFolder(async (projectionsDir) => {
    const pod = await Pod.openRepository({ markerFile, repositoryDir, projectionsDir }, unlocked, () =>
      onlyFollows(place),
    );
    try {
      return await work(pod);
    } finally {
      await pod.close();
    }
  });
}

/** Refuses a twin that has nothing yet. @throws DeskPodError POD_NOT_FOUND */
export async function requireSynced(repository: Repository, place: string): Promise<void> {
  if ((await repository.readHead()) !== undefined) return;
  throw new DeskPodError('POD_NOT_FOUND', `${place} is a twin to which no sync has ended yet`, {
    hint: 'Sync to it from the device that it follows; if that is lost, restore the pod from another home.',
    details: { place },
  });
}

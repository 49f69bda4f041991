// A twin: a device that follows a pod as one of its homes, and whose repository is there to become the pod itself.
import { join } from 'node:path';
import { fromHex } from '../../core/bytes.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { CarriedRuntime } from '../../core/home-state.ts';
import { encodeMarker } from '../../core/marker.ts';
import { latestCheckpoint, type PodState } from '../../core/state.ts';
import type { FollowedPod } from '../home/twin-home.ts';
import {
  type Credential,
  peekMarkerIn,
  readMarker,
  type Unlocked,
  unlockRepository,
} from '../keyring/unlock.ts';
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
  const unlocked = await unlockTwin(repositoryDir, credential, place);
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

/** The repository of a twin, whose head and keyring are proven. */
export interface UnlockedTwin extends Unlocked {
  readonly repository: Repository;
}

/**
 * Opens the repository of a twin, and proves its head and keyring. `place` is what to call the twin.
 *
 * @throws DeskPodError POD_NOT_FOUND if no sync to it has ended, or nothing of it is left; PASSPHRASE_WRONG,
 * KEYRING_NO_IDENTITY; HEAD_DAMAGED, KEYRING_DAMAGED, OBJECT_MISSING, OBJECT_DAMAGED with `details.isTwin`
 */
export async function unlockTwin(
  repositoryDir: string,
  credential: Credential,
  place: string,
): Promise<UnlockedTwin> {
  const repository = await Repository.open(repositoryDir).catch((error: unknown) => {
    throw isDeskPodError(error, 'POD_NOT_FOUND')
      ? nothingSynced(place, 'without a repository', error)
      : error;
  });
  try {
    if ((await repository.readHead()) === undefined) throw nothingSynced(place, 'without a head');
    return { repository, ...(await unlockRepository(repository, credential)) };
  } catch (error) {
    throw damagedTwin(error, place);
  }
}

function nothingSynced(place: string, what: string, cause?: unknown): DeskPodError {
  return new DeskPodError(
    'POD_NOT_FOUND',
    `${place} is a twin ${what}: no sync to it has ended yet, or it was lost`,
    {
      hint: 'Sync to it from the device that it follows; if that is lost, restore the pod from another home.',
      details: { place },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

/** What keeps a twin from being opened, with its place and what brings it back; any other error as it is. */
function damagedTwin(error: unknown, place: string): unknown {
  if (!isDeskPodError(error)) return error;
  const isHead = error.code === 'HEAD_DAMAGED';
  if (!isHead && error.code !== 'KEYRING_DAMAGED' && error.details.kind !== 'keyrings') return error;
  const hint = isHead
    ? `From the device that it follows, \`deskpod verify -d POD --home ${place}\` says how it gets another one. If that is ` +
      'lost, restore the pod from another home.'
    : `From the device that it follows, \`deskpod verify -d POD --home ${place}\` sends it anew; if that is lost, ` +
      `\`deskpod verify -d ${place} --home URL\` fetches it from another home.`;
  const details = { ...error.details, place, isTwin: true };
  return new DeskPodError(error.code, `${place}: ${error.message}`, { hint, details, cause: error });
}

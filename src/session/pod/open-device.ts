// Opening a desktop pod on this host: device, keyring, vault, log; and letting go of it again.
import { join } from 'node:path';
import { toHex } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { bothNotices, takeNote } from '../../sync/dock/note-file.ts';
import { type Credential, readMarker, unlockRepository } from '../../sync/keyring/unlock.ts';
import { settleMarker } from '../../sync/pod/marker-file.ts';
import type { NewDevice } from '../../sync/pod/new-device.ts';
import { Pod } from '../../sync/pod/pod.ts';
import { devicePodFolder } from '../../sync/pod/pod-folder.ts';
import { isTwinAt, onlyFollows } from '../../sync/pod/twin.ts';
import { Repository } from '../../sync/repository/repository.ts';
import { type BaseHashes, beginBaseHashes } from '../base/base-check.ts';
import { abandonDevice, type MountedDevice, mountDevice, pulledOut } from '../device/device.ts';
import { MARKER_NAME } from '../device/device-content.ts';
import { findDevicePlace } from '../device/medium.ts';
import { SessionGuard, tokenOf } from '../tier/session-guard.ts';
import { chooseVault, findVaultKind, type Vault } from '../vault/vault.ts';
import { afterwards } from './afterwards.ts';
import { promoteDevice } from './promote-device.ts';
import { endDeviceRestore } from './restore-device.ts';
import { endOrphanedDump } from './session-images.ts';
import { readSessionNote, type SessionNote } from './session-note.ts';

/** A desktop pod whose device is mounted, vault unlocked and log open. */
export interface OpenedDevice {
  readonly device: MountedDevice;
  readonly vault: Vault;
  readonly pod: Pod;
  /** The session of this pod that runs here, if a killed supervisor left one. */
  readonly left: SessionNote | undefined;
  /** What protects that, if something does: nobody else sees its processes. */
  readonly guard?: SessionGuard;
  /** What the user is to be told of this device, if there is something. */
  readonly notice: string | undefined;
  /** How long the passphrase took. */
  readonly unlockMs: number;
  /** Hashes of the bases that were begun while it was worked on. */
  readonly baseHashes: BaseHashes | undefined;
  /** The device was a twin, and became the pod just now. */
  readonly promotion?: NewDevice;
}

/** How a device is opened. */
export interface OpenOptions {
  /** The session's root will be mounted: its base is read meanwhile. */
  readonly willMount?: boolean;
  /** Called with the progress of making a pod of a twin. Without it a twin is refused. */
  readonly onPromotion?: ProgressListener;
}

/**
 * Mounts and unlocks a device. If that fails nothing stays mounted, unless a session still runs on it: that goes on.
 *
 * @throws DeskPodError from device, keyring, vault or log; POD_BUSY if another process has it; POD_IS_TWIN before anything
 * is unlocked
 */
export async function openDevice(
  devicePath: string,
  credential: Credential,
  options: OpenOptions = {},
): Promise<OpenedDevice> {
  const device = await mountDevice(devicePath);
  await endOrphanedDump(device.staging);
  const left = await readSessionNote(device.staging);
  let guard: SessionGuard | undefined;
  const undo: (() => Promise<void>)[] = [() => device.unmount()];
  try {
    const isTwin = await isTwinAt({ markerFile: join(device.mountDir, MARKER_NAME), place: devicePath });
    if (isTwin && options.onPromotion === undefined) throw onlyFollows(devicePath);
    const repository = await Repository.open(`${device.mountDir}/repository`);
    const baseHashes = options.willMount === true ? await beginBaseHashes(repository) : undefined;
    undo.push(async () => baseHashes?.stop());
    if (isTwin && options.onPromotion !== undefined) {
      const promoted = await promoteDevice(device, credential, options.onPromotion);
      return { device, left, baseHashes, notice: undefined, ...promoted };
    }
    const startedMs = performance.now();
    const { keyring } = await unlockRepository(repository, credential);
    const unlockMs = performance.now() - startedMs;
    const vault = await findVault(device);
    const folder = devicePodFolder(device.mountDir, vault.dir);
    const marker = await readMarker({ ...folder, place: devicePath }, keyring);
    if (toHex(marker.podId) !== toHex(keyring.secrets.podId)) {
      throw new DeskPodError('MARKER_DAMAGED', `${devicePath}: marker and keyring are of two pods`);
    }
    await vault.unlock(keyring.secrets.volumeKey);
    undo.push(() => vault.lock());
    const pod = await Pod.open(folder, keyring.secrets);
    undo.push(() => pod.close());
    // whoever looks at its processes comes later: until then they are not to be seen
    guard =
      left === undefined ? undefined : await SessionGuard.claim(left.root.pid, tokenOf(keyring.secrets));
    await endDeviceRestore(device.mountDir);
    const moved = await settleMarker(pod, marker, await findDevicePlace(device.path));
    const notice = bothNotices(moved, await takeNote(pod));
    return {
      ...{ device, vault, pod, left, notice, unlockMs, baseHashes },
      ...(guard === undefined ? {} : { guard }),
    };
  } catch (error) {
    guard?.close();
    if (left !== undefined) throw error;
    return orPulledOut(device, () => afterwards(() => Promise.reject(error), ...undo.toReversed()));
  }
}

/**
 * Closes the pod, locks the vault and unmounts the device: on return it is safe to unplug.
 *
 * @throws DeskPodError DEVICE_GONE if the drive was pulled out: nothing of it stays on this host then
 */
export async function closeDevice({ device, vault, pod, baseHashes }: OpenedDevice): Promise<void> {
  await orPulledOut(device, () =>
    afterwards(
      // A base that is still read keeps the device from being let go.
      async () => baseHashes?.stop(),
      () => pod.close(),
      () => vault.lock(),
      () => device.unmount(),
    ),
  );
}

/** What fails because the drive was pulled out says so, and nothing of the device stays on this host. */
async function orPulledOut<Result>(device: MountedDevice, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    throw (await abandonDevice(device)) ? pulledOut(device.path, error) : error;
  }
}

async function findVault(device: MountedDevice): Promise<Vault> {
  const place = { mountDir: device.mountDir, stagingId: device.staging.id };
  const kind = await findVaultKind(place);
  if (kind === undefined) {
    throw new DeskPodError('DEVICE_NOT_A_POD', `${device.path}: expected a vault on the device, found none`, {
      hint:
        'Keep what is on it: its packs may be whole. Restore the pod from a home or twin to another device; mounted ' +
        'read-only at FOLDER, `ops/reader FOLDER/repository` takes the files out.',
    });
  }
  return chooseVault(kind, place);
}

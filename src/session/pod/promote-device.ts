// A twin on a device becomes the desktop pod: its vault is made, and filled from the repository that lies beside it.
import { rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { formatBytes } from '../../core/quantities.ts';
import { isTwinUrl } from '../../sync/home/home-url.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import type { NewDevice } from '../../sync/pod/new-device.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { devicePodFolder } from '../../sync/pod/pod-folder.ts';
import { promoteTwin, type SurveyedTwin, surveyTwin } from '../../sync/pod/promote-twin.ts';
import type { MountedDevice } from '../device/device.ts';
import { VAULT_FILE_NAME, VAULT_NAME } from '../device/device-content.ts';
import { reportDeviceFull } from '../device/device-full.ts';
import { findDevicePlace } from '../device/medium.ts';
import { chooseHomeUrl, urlOfDevice } from '../twin/twin-place.ts';
import { chooseVault, findVaultKind, preferVaultKind, type Vault, type VaultPlace } from '../vault/vault.ts';
import { layerDirs, makeLayer } from './layer-dirs.ts';

/** A twin that became the pod, with its vault unlocked and its log open. */
export interface PromotedDevice {
  readonly vault: Vault;
  readonly pod: Pod;
  readonly promotion: NewDevice;
  /** How long the passphrase took, and reading the log. */
  readonly unlockMs: number;
}

/**
 * Makes the pod of a twin's device, in place. Whatever an earlier promotion left that was killed is made anew: the twin's
 * vault holds nothing that is not in its repository.
 *
 * @throws DeskPodError as surveyTwin and promoteTwin; DEVICE_TOO_SMALL before anything is changed, DEVICE_FULL, VAULT_*;
 * the device is a twin then
 */
export async function promoteDevice(
  device: MountedDevice,
  credential: Credential,
  onProgress: ProgressListener,
): Promise<PromotedDevice> {
  const { mountDir, path, staging } = device;
  onProgress({ step: 'this device is a twin: it becomes the pod' });
  const startedMs = performance.now();
  const surveyed = await surveyTwin(devicePodFolder(mountDir, ''), credential, { place: path });
  const unlockMs = performance.now() - startedMs;
  const place = { mountDir, stagingId: staging.id };
  await discardVault(place);
  const { fileBytes } = surveyed.checkpoint.stats;
  await requireRoom(device, fileBytes);
  const vaultKind = await preferVaultKind(surveyed.state.vault);
  const vault = chooseVault(vaultKind, place);
  await vault.create(surveyed.secrets.volumeKey, { vaultBytes: fileBytes, plainBytes: 0 });
  try {
    await makeLayer(vault.dir);
    const { pod, promotion } = await reportDeviceFull(mountDir, 'the files of the pod', async () =>
      promoteTwin(surveyed, {
        folder: devicePodFolder(mountDir, vault.dir),
        files: { dir: layerDirs(vault.dir).upperDir },
        vault: vaultKind,
        place: await findDevicePlace(path),
        url: await ownUrl(device, surveyed),
        onProgress,
      }),
    );
    return { vault, pod, promotion, unlockMs };
  } catch (error) {
    await vault.lock();
    throw error;
  }
}

async function ownUrl({ path, fsUuid }: MountedDevice, { state }: SurveyedTwin): Promise<string> {
  const url = await urlOfDevice(path, fsUuid);
  const twins = state.homes.map((home) => home.url).filter(isTwinUrl);
  if (twins.includes(url)) return url;
  const chosen = await chooseHomeUrl(twins, path);
  return twins.includes(chosen) ? chosen : url;
}

async function discardVault(place: VaultPlace): Promise<void> {
  const kind = await findVaultKind(place);
  // a killed promotion left it open
  if (kind !== undefined) await chooseVault(kind, place).lock();
  await rm(join(place.mountDir, VAULT_FILE_NAME), { force: true });
  await rm(join(place.mountDir, VAULT_NAME), { recursive: true, force: true });
}

async function requireRoom({ mountDir, path }: MountedDevice, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(mountDir);
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return;
  throw new DeskPodError(
    'DEVICE_TOO_SMALL',
    `${path}: the files of the pod need ${formatBytes(neededBytes)}, ${formatBytes(freeBytes)} are free`,
    {
      hint: `Restore it to a larger device: deskpod restore --from ${path} --to DEVICE. Or take files out: deskpod restore --into FOLDER -d ${path}`,
      details: { path, neededBytes, freeBytes },
    },
  );
}

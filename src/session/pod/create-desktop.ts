// Making a desktop pod: device, keyring, vault, base, empty layer, and last the marker.
import type { ProcessorLevel } from '../../core/processor.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { SessionLimits } from '../../core/session-limits.ts';
import { foundKeyring, foundPod } from '../../sync/pod/create-pod.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { devicePodFolder } from '../../sync/pod/pod-folder.ts';
import type { CreatedPod } from '../../sync/pod/tree.ts';
import { findBase } from '../base/base.ts';
import { formatDevice, mountDevice } from '../device/device.ts';
import { findDevicePlace } from '../device/medium.ts';
import type { SeenTarget } from '../device/seen-target.ts';
import { requireRoot } from '../host/root-rights.ts';
import { findRuntimeImage, putRuntime } from '../runtime/device-runtime.ts';
import { chooseVault, preferVaultKind, type VaultKind } from '../vault/vault.ts';
import { afterwards } from './afterwards.ts';
import { makeLayer } from './layer-dirs.ts';
import { releaseUnfinished } from './release.ts';

/** What a new desktop pod is made of. */
export interface DesktopPlan {
  readonly devicePath: string;
  /** For an image file that is to be made. */
  readonly sizeBytes?: number;
  readonly name: string;
  readonly passphrase: string;
  /** Name or path of a base. */
  readonly base: string;
  readonly vaultKind?: VaultKind;
  /** What its sessions are kept to, so that they go on on computers with this much. */
  readonly processorLevel?: ProcessorLevel;
  /** The device carries this host's runtime, so that it can be started on hosts that have nothing. */
  readonly carriesRuntime?: boolean;
  /** How much of a host its sessions may use. */
  readonly limits?: SessionLimits;
  readonly isForced: boolean;
  /** What the device looked like when somebody said that it may be erased. */
  readonly seen?: SeenTarget;
  readonly onProgress: ProgressListener;
  /** scrypt's work factor, if not the safe default. */
  readonly workFactor?: number;
}

/** A desktop pod that was made. */
export interface CreatedDesktop extends CreatedPod {
  /** Of the device. */
  readonly sizeBytes: number;
  /** Of the runtime that it carries; 0 without one. */
  readonly runtimeBytes: number;
}

/**
 * Makes a desktop pod on a device. Everything that can be refused is looked at before the device is touched.
 *
 * @throws DeskPodError ROOT_NEEDED, BASE_NOT_FOUND, RUNTIME_MISSING, VAULT_UNSUPPORTED, DEVICE_*, POD_EXISTS, TARGET_NOT_EMPTY
 */
export async function createDesktop(plan: DesktopPlan): Promise<CreatedDesktop> {
  const { devicePath, onProgress } = plan;
  requireRoot('making a desktop pod');
  const base = await findBase(plan.base);
  const runtime = plan.carriesRuntime === true ? await findRuntimeImage() : undefined;
  const runtimeBytes = runtime?.sizeBytes ?? 0;
  const vaultKind = plan.vaultKind ?? (await preferVaultKind());
  const keyring = await foundKeyring(plan.passphrase, plan.workFactor);
  await releaseUnfinished(devicePath);
  onProgress({ step: `formatting ${devicePath}` });
  const formatted = await formatDevice({
    path: devicePath,
    force: plan.isForced,
    contentBytes: base.sizeBytes,
    runtimeBytes,
    ...(plan.sizeBytes === undefined ? {} : { sizeBytes: plan.sizeBytes }),
    ...(plan.seen === undefined ? {} : { seen: plan.seen }),
  });
  const device = await mountDevice(devicePath, { isFresh: true });
  const vault = chooseVault(vaultKind, { mountDir: device.mountDir, stagingId: device.staging.id });
  const furnish = async (pod: Pod) => {
    onProgress({ step: `copying the base ${base.name}` });
    const { name: sha256 } = await pod.repository.putObject('bases', { file: base.path });
    await pod.append({ type: 'addBase', name: base.name, sha256, sizeBytes: base.sizeBytes });
    const { processorLevel: level, limits } = plan;
    if (level !== undefined) await pod.append({ type: 'limitProcessor', level });
    if (runtime !== undefined) {
      onProgress({ step: 'copying the runtime' });
      await pod.append({ type: 'putRuntime', runtime: await putRuntime(device.mountDir, runtime) });
    }
    if (limits !== undefined) await pod.append({ type: 'limitSession', limits });
    await makeLayer(vault.dir);
  };
  return afterwards(
    async () => {
      await vault.create(keyring.secrets.volumeKey, {
        vaultBytes: 0,
        plainBytes: base.sizeBytes + runtimeBytes,
      });
      const facts = {
        kind: 'desktop' as const,
        name: plan.name,
        vault: vaultKind,
        place: await findDevicePlace(device.path),
      };
      const pod = await foundPod(devicePodFolder(device.mountDir, vault.dir), keyring, facts, furnish);
      const { podId } = pod.state;
      await pod.close();
      return { podId, recoveryKey: keyring.recoveryKey, sizeBytes: formatted.sizeBytes, runtimeBytes };
    },
    () => vault.lock(),
    () => device.unmount(),
  );
}

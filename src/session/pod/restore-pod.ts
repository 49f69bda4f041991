// Restoring a pod from home: onto a device for a desktop, into a folder for a tree.
import { lstat, mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import { inodePlace } from '../../sync/pod/device-place.ts';
import { type FetchablePod, requireObjects } from '../../sync/pod/objects-at-home.ts';
import { foldRecords } from '../../sync/pod/pod.ts';
import { devicePodFolder, TREE_POD_DIR, treePodFolder } from '../../sync/pod/pod-folder.ts';
import { choosePod, type RebuiltPod, rebuildPod } from '../../sync/pod/rebuild.ts';
import { surveyPod } from '../../sync/pod/survey.ts';
import { lockTree } from '../../sync/pod/tree.ts';
import { isSystemError } from '../../sync/repository/durable-file.ts';
import { formatDevice, mountDevice } from '../device/device.ts';
import { findDevicePlace } from '../device/medium.ts';
import { requireRoot } from '../host/root-rights.ts';
import { chooseVault, preferVaultKind, type VaultKind, type VaultRoom } from '../vault/vault.ts';
import { afterwards } from './afterwards.ts';
import { layerDirs, makeLayer } from './pod-root.ts';
import { releaseUnfinished } from './release.ts';

export { listHomeHeads } from '../../sync/pod/rebuild.ts';

/** What is to be restored, and where to. */
export interface RestorePlan {
  readonly url: string;
  readonly podId?: string;
  readonly credential: Credential;
  /** A device, an image file, or a folder. */
  readonly target: string;
  /** For an image file that is to be made. */
  readonly sizeBytes?: number;
  readonly checkpoint?: number;
  /** Position of a head that home received earlier; its present one without it. */
  readonly headSeq?: number;
  /** A branch of the pod, or how its name begins; home's own history without it. */
  readonly branch?: string;
  /** Restore what is there, though home lacks some of the pod's packs. */
  readonly allowsMissing?: boolean;
  readonly isForced: boolean;
  readonly onProgress: ProgressListener;
}

/** What was restored. */
export interface RestoreReport {
  readonly podId: string;
  readonly kind: 'desktop' | 'tree';
  readonly deviceId: string;
  readonly epoch: number;
  readonly checkpoint: number;
  readonly checkpointAtMs: number;
  readonly fileCount: number;
  readonly fileBytes: number;
  readonly durationMs: number;
  readonly warnings: readonly string[];
}

/**
 * Restores a pod. A target that is a folder, or nothing yet and without a size, becomes a tree pod; anything else a
 * device.
 *
 * @throws DeskPodError POD_NOT_FOUND, BRANCH_NOT_FOUND, USAGE, HOME_*, PASSPHRASE_WRONG, KEYRING_NO_IDENTITY, DEVICE_*, TARGET_NOT_EMPTY,
 * OBJECT_DAMAGED, CHUNK_MISSING, SPACE_EXHAUSTED; home is unchanged then, and the target is no pod
 */
export async function restorePod(plan: RestorePlan): Promise<RestoreReport> {
  const startedMs = performance.now();
  const podId = await choosePod(plan.url, plan.podId);
  const target = resolve(plan.target);
  const isTree = await isFolderTarget(target, plan.sizeBytes);
  const rebuilt = isTree
    ? await restoreTreePod(plan, podId, target)
    : await restoreDesktop(plan, podId, target);
  return { ...rebuilt, durationMs: performance.now() - startedMs };
}

type Outcome = Omit<RestoreReport, 'durationMs'>;

async function restoreTreePod(plan: RestorePlan, podId: string, dir: string): Promise<Outcome> {
  await requireFreeFolder(dir, plan.isForced);
  const surveyed = await survey(plan, podId, 'tree');
  await mkdir(dir, { recursive: true });
  const lock = await lockTree(dir);
  try {
    const place = await inodePlace('folder', join(dir, TREE_POD_DIR));
    const { onProgress } = plan;
    const folder = treePodFolder(dir);
    return await conclude(
      await rebuildPod({ surveyed, folder, filesDir: dir, vault: 'none', place, onProgress }),
    );
  } finally {
    lock.release();
  }
}

/** Nothing on the device is touched before home has shown that the pod opens and fits. */
async function restoreDesktop(plan: RestorePlan, podId: string, path: string): Promise<Outcome> {
  requireRoot('restoring a desktop pod');
  const surveyed = await survey(plan, podId, 'desktop');
  const former = foldRecords(surveyed.records).vault;
  const vaultKind = await preferVaultKind(former);
  const { onProgress } = plan;
  await releaseUnfinished(path);
  onProgress({ step: `formatting ${path}` });
  await formatDevice({
    path,
    force: plan.isForced,
    contentBytes: surveyed.neededBytes,
    ...(plan.sizeBytes === undefined ? {} : { sizeBytes: plan.sizeBytes }),
  });
  const device = await mountDevice(path, { isFresh: true });
  const vault = chooseVault(vaultKind, { mountDir: device.mountDir, stagingId: device.staging.id });
  return afterwards(
    async () => {
      await vault.create(surveyed.unlocked.keyring.secrets.volumeKey, roomOf(surveyed));
      await makeLayer(vault.dir);
      const folder = devicePodFolder(device.mountDir, vault.dir);
      const place = await findDevicePlace(device.path);
      const filesDir = layerDirs(vault.dir).upperDir;
      const outcome = await conclude(
        await rebuildPod({ surveyed, folder, filesDir, vault: vaultKind, place, onProgress }),
      );
      return { ...outcome, warnings: [...outcome.warnings, ...weakerVault(former, vaultKind)] };
    },
    () => vault.lock(),
    () => device.unmount(),
  );
}

function roomOf({ neededBytes, checkpoint }: FetchablePod): VaultRoom {
  const { fileBytes } = checkpoint.stats;
  return { vaultBytes: fileBytes, plainBytes: neededBytes - fileBytes };
}

function weakerVault(former: string, kind: VaultKind): string[] {
  if (former !== 'luks' || kind === 'luks') return [];
  return [
    'The former device had a LUKS vault, which this host cannot open; the new one has an fscrypt vault. Whoever finds it ' +
      'sees how many files there are and how long they are, but neither names nor contents.',
  ];
}

async function survey(plan: RestorePlan, podId: string, kind: 'desktop' | 'tree'): Promise<FetchablePod> {
  const { url, credential, checkpoint, headSeq, branch, onProgress } = plan;
  onProgress({ step: `looking at ${url}` });
  const surveyed = await surveyPod({
    ...{ url, podId, credential, kind },
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(headSeq === undefined ? {} : { headSeq }),
    ...(branch === undefined ? {} : { branch }),
  });
  return requireObjects(surveyed, plan.allowsMissing === true);
}

async function conclude({ pod, checkpoint, fileCount, fileBytes, warnings }: RebuiltPod): Promise<Outcome> {
  const { podId, kind, deviceId, epoch } = pod.state;
  await pod.close();
  const { number, atMs } = checkpoint;
  return {
    podId,
    kind,
    deviceId,
    epoch,
    checkpoint: number,
    checkpointAtMs: atMs,
    fileCount,
    fileBytes,
    warnings,
  };
}

async function isFolderTarget(path: string, sizeBytes: number | undefined): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
    return sizeBytes === undefined && !path.startsWith('/dev/');
  }
}

async function requireFreeFolder(dir: string, isForced: boolean): Promise<void> {
  try {
    const names = await readdir(dir);
    const isUnfinished =
      names.includes(TREE_POD_DIR) && !(await readdir(join(dir, TREE_POD_DIR))).includes('deskpod.pod');
    if (names.length === 0 || isForced || isUnfinished) return;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return;
    throw error;
  }
  throw new DeskPodError('TARGET_NOT_EMPTY', `${dir}: expected an empty folder, or none`, {
    hint: 'Choose another folder, or give --force to write over what has the same names.',
  });
}

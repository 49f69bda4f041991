// Restoring a pod from home: onto a device for a desktop, into a folder for a tree.
import { lstat, mkdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Home } from '../../sync/home/home.ts';
import { isTwinUrl, parseHomeUrl } from '../../sync/home/home-url.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import { inodePlace } from '../../sync/pod/device-place.ts';
import type { NewDevice } from '../../sync/pod/new-device.ts';
import { type FetchablePod, requireObjects } from '../../sync/pod/objects-at-home.ts';
import { foldRecords, type Pod } from '../../sync/pod/pod.ts';
import { devicePodFolder, TREE_POD_DIR, treePodFolder } from '../../sync/pod/pod-folder.ts';
import { choosePod, rebuildPod } from '../../sync/pod/rebuild.ts';
import { beginRestore, endRestore, requireFreeFolder } from '../../sync/pod/restore-folder.ts';
import { stageFiles } from '../../sync/pod/staged-files.ts';
import { surveyPod } from '../../sync/pod/survey.ts';
import { lockTree } from '../../sync/pod/tree.ts';
import { isSystemError } from '../../sync/repository/durable-file.ts';
import { abandonDevice } from '../device/device.ts';
import { findDevicePlace } from '../device/medium.ts';
import type { SeenTarget } from '../device/seen-target.ts';
import { withHooks } from '../hooks/step-hooks.ts';
import { isWithin } from '../host/mount-table.ts';
import { requireRoot } from '../host/root-rights.ts';
import { findRuntimeImage, putRuntime, type RuntimeImage } from '../runtime/device-runtime.ts';
import { withSource } from '../twin/restore-source.ts';
import { isSamePlace } from '../twin/twin-place.ts';
import { chooseVault, preferVaultKind, type VaultKind, type VaultRoom } from '../vault/vault.ts';
import { afterwards } from './afterwards.ts';
import { layerDirs, makeLayer } from './layer-dirs.ts';
import { endDeviceRestore, takeRestoreDevice } from './restore-device.ts';

/** What is to be restored, and where to. */
export interface RestorePlan {
  /** The URL of a home, or the place of a twin. */
  readonly from: string;
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
  /** A device carries this host's runtime then, so that it can be started on hosts that have nothing. */
  readonly carriesRuntime?: boolean;
  readonly isForced: boolean;
  /** What the target looked like when it was chosen: it is refused if it looks otherwise in the moment before it is formatted. */
  readonly seen?: SeenTarget;
  /** The copy is only to show that it can be made: home is not told, and its device stays the one that it goes on with. */
  readonly isDrill?: boolean;
  /** A desktop is done when its checkpoint can go on: packs that only older ones need come beside its session. */
  readonly isUsableFirst?: boolean;
  /** The most that is fetched in a second; no limit if left out. */
  readonly bytesPerSecond?: number;
  readonly onProgress: ProgressListener;
  /** Stops it (CANCELLED) before the target is a pod; what came stays, and the same restore goes on from there. */
  readonly signal?: AbortSignal;
}

/**
 * Restores a pod. A target that is a folder, or nothing yet and without a size, becomes a tree pod; anything else a
 * device.
 *
 * @throws DeskPodError POD_NOT_FOUND, BRANCH_NOT_FOUND, USAGE, HOME_*, PASSPHRASE_WRONG, KEYRING_NO_IDENTITY, DEVICE_*, TARGET_NOT_EMPTY,
 * POD_EXISTS, OBJECT_DAMAGED, CHUNK_MISSING, SPACE_EXHAUSTED; home is unchanged then, and the target is no pod
 */
export async function restorePod(plan: RestorePlan): Promise<NewDevice> {
  const startedMs = performance.now();
  const target = resolve(plan.target);
  await requireAnother(plan.from, target);
  return withSource(
    plan.from,
    async () => plan.credential,
    async (home) => {
      const podId = await choosePod(home, plan.podId);
      const isTree = await isFolderTarget(target, plan.sizeBytes);
      const source = { home, podId, startedMs };
      const stepped = { podId, kind: isTree ? 'tree' : 'desktop', place: target } as const;
      const restore = (): Promise<NewDevice> =>
        isTree ? restoreTreePod(plan, source, target) : restoreDesktop(plan, source, target);
      // what only shows that it can be done does nothing to the rest of the world
      return plan.isDrill === true ? restore() : withHooks(stepped, 'restore', plan, restore);
    },
    plan.bytesPerSecond === undefined ? {} : { bytesPerSecond: plan.bytesPerSecond },
  );
}

/** Where a pod is restored from. */
interface Source {
  readonly home: Home;
  readonly podId: string;
  /** When the restore was asked for, by performance.now(). */
  readonly startedMs: number;
}

async function restoreTreePod(plan: RestorePlan, source: Source, dir: string): Promise<NewDevice> {
  await requireFreeFolder(dir, plan.isForced);
  const surveyed = await survey(plan, source, 'tree');
  await mkdir(dir, { recursive: true });
  const lock = await lockTree(dir);
  try {
    // another command may have made a pod here since
    await requireFreeFolder(dir, plan.isForced);
    await beginRestore(dir);
    const place = await inodePlace('folder', join(dir, TREE_POD_DIR));
    const [folder, files] = [treePodFolder(dir), await stageFiles(dir)];
    const { startedMs } = source;
    const { onProgress } = plan;
    const isDrill = plan.isDrill === true;
    const made = await rebuildPod({
      ...{ surveyed, folder, files, vault: 'none', place, startedMs, isDrill, onProgress },
      ...(plan.signal === undefined ? {} : { signal: plan.signal }),
    });
    return { ...made, warnings: [...made.warnings, ...(await settle(() => endRestore(dir)))] };
  } finally {
    lock.release();
  }
}

/** The pod is whole by now: no drive that fails may make it look as if it were not. */
async function settle(end: () => Promise<void>): Promise<string[]> {
  try {
    await end();
    return [];
  } catch (error) {
    if (!(error instanceof DeskPodError)) throw error;
    return [`The note of this restore could not be taken away: ${error.message}. Opening the pod does it.`];
  }
}

/** Nothing on the device is touched before home has shown that the pod opens and fits. */
async function restoreDesktop(plan: RestorePlan, source: Source, path: string): Promise<NewDevice> {
  requireRoot('restoring a desktop pod');
  const surveyed = await survey(plan, source, 'desktop');
  const former = foldRecords(surveyed.records).vault;
  const vaultKind = await preferVaultKind(former);
  const { onProgress } = plan;
  const runtime = plan.carriesRuntime === true ? await findRuntimeOrReason() : undefined;
  const runtimeBytes = runtime?.image?.sizeBytes ?? 0;
  const request = {
    ...{ path, force: plan.isForced, contentBytes: surveyed.neededBytes, runtimeBytes },
    ...(plan.sizeBytes === undefined ? {} : { sizeBytes: plan.sizeBytes }),
    ...(plan.seen === undefined ? {} : { seen: plan.seen }),
  };
  const device = await takeRestoreDevice(request, onProgress);
  const vault = chooseVault(vaultKind, { mountDir: device.mountDir, stagingId: device.staging.id });
  const restore = (): Promise<NewDevice> =>
    afterwards(
      async () => {
        await vault.create(surveyed.unlocked.keyring.secrets.volumeKey, roomOf(surveyed, runtimeBytes));
        await makeLayer(vault.dir);
        const folder = devicePodFolder(device.mountDir, vault.dir);
        const place = await findDevicePlace(device.path);
        const files = { dir: layerDirs(vault.dir).upperDir };
        const { startedMs } = source;
        const furnish = async (pod: Pod): Promise<void> => {
          if (runtime?.image === undefined) return;
          onProgress({ step: 'copying the runtime' });
          await pod.append({ type: 'putRuntime', runtime: await putRuntime(device.mountDir, runtime.image) });
        };
        const made = await rebuildPod({
          surveyed,
          ...{ folder, files, vault: vaultKind, place, startedMs, furnish, onProgress },
          isDrill: plan.isDrill === true,
          isUsableFirst: plan.isUsableFirst === true,
          ...(plan.signal === undefined ? {} : { signal: plan.signal }),
        });
        const note = await settle(() => endDeviceRestore(device.mountDir));
        const warnings = [...note, ...weakerVault(former, vaultKind), ...(runtime?.warnings ?? [])];
        return { ...made, warnings: [...made.warnings, ...warnings] };
      },
      () => vault.lock(),
      () => device.unmount(),
    );
  try {
    return await restore();
  } catch (error) {
    throw (await abandonDevice(device)) ? pulledOutHalfway(path, error) : error;
  }
}

function pulledOutHalfway(path: string, cause: unknown): DeskPodError {
  return new DeskPodError('DEVICE_GONE', `${path}: its drive was pulled out before all was on it`, {
    hint: 'Plug it in again and restore to it once more: what had come to it is not fetched again.',
    details: { path },
    cause,
  });
}

function roomOf({ neededBytes, checkpoint }: FetchablePod, runtimeBytes: number): VaultRoom {
  const { fileBytes } = checkpoint.stats;
  return { vaultBytes: fileBytes, plainBytes: neededBytes - fileBytes + runtimeBytes };
}

/** What was lost is to come back also where there is no runtime to put beside it. */
async function findRuntimeOrReason(): Promise<{ image?: RuntimeImage; warnings: string[] }> {
  try {
    return { image: await findRuntimeImage(), warnings: [] };
  } catch (error) {
    if (!isDeskPodError(error, 'RUNTIME_MISSING')) throw error;
    return { warnings: [`The device carries no runtime: ${error.message}. ${error.hint ?? ''}`] };
  }
}

function weakerVault(former: string, kind: VaultKind): string[] {
  if (former !== 'luks' || kind === 'luks') return [];
  return [
    'The former device had a LUKS vault, which this host cannot open; the new one has an fscrypt vault. Whoever finds it ' +
      'sees how many files there are and how long they are, but neither names nor contents.',
  ];
}

async function survey(
  plan: RestorePlan,
  { home, podId }: Source,
  kind: 'desktop' | 'tree',
): Promise<FetchablePod> {
  const { credential, checkpoint, headSeq, branch, onProgress } = plan;
  onProgress({ step: `looking at ${home.url}` });
  const surveyed = await surveyPod({
    ...{ home, podId, credential, kind },
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(headSeq === undefined ? {} : { headSeq }),
    ...(branch === undefined ? {} : { branch }),
  });
  return requireObjects(surveyed, plan.allowsMissing === true);
}

/** What is restored from must not be erased for it. @throws DeskPodError USAGE */
export async function requireAnother(from: string, target: string): Promise<void> {
  const path = isTwinUrl(from) ? parseHomeUrl(from).path : from;
  if (path.startsWith('/')) await requireOutside(path, target);
  if (!(await isSamePlace(path, target))) return;
  throw new DeskPodError('USAGE', `${target}: expected another place than the one that is restored from`, {
    hint: 'A twin becomes the pod where it lies with `deskpod start`.',
    details: { target },
  });
}

/** A home holds nothing but its own, and a device that is formatted holds nothing else any more. */
async function requireOutside(home: string, target: string): Promise<void> {
  const [from, to] = [await realPlace(home), await realPlace(target)];
  if (from === to || (!isWithin(to, from) && !isWithin(from, to))) return;
  const [inner, outer] = isWithin(to, from) ? ['target', 'home'] : ['home', 'target'];
  throw new DeskPodError('USAGE', `${target}: the ${inner} lies in the ${outer} that it would change`, {
    hint: 'Choose a place outside of the home that is restored from.',
    details: { home, target },
  });
}

/** With the symbolic links of what is there already followed. */
async function realPlace(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT') || path === dirname(path)) return path;
    return join(await realPlace(dirname(path)), basename(path));
  }
}

async function isFolderTarget(path: string, sizeBytes: number | undefined): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
    // Of all that is in /dev only /dev/shm holds folders of people.
    const isDrive = path.startsWith('/dev/') && !path.startsWith('/dev/shm/');
    return sizeBytes === undefined && !isDrive;
  }
}

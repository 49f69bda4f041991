// Rebuilding: from a home to a pod on a new device, with its whole log and the files of one checkpoint.
import { rm } from 'node:fs/promises';
import { toHex } from '../../core/bytes.ts';
import { findCheckpoint } from '../../core/decide.ts';
import { DeskPodError } from '../../core/errors.ts';
import type { PodKind } from '../../core/events.ts';
import { peekHead } from '../../core/head.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { type Checkpoint, latestCheckpoint } from '../../core/state.ts';
import { restoreTree } from '../files/restore.ts';
import type { NotRestored } from '../files/restore-target.ts';
import { hashing } from '../hashing.ts';
import { openRsyncHome } from '../home/rsync-home.ts';
import type { Secrets } from '../keyring/pod-secrets.ts';
import { type Credential, type Unlocked, unlockRepository } from '../keyring/unlock.ts';
import { Log } from '../log/log.ts';
import { Repository } from '../repository/repository.ts';
import { chainTo, readSegments } from '../repository/segments.ts';
import { newDeviceId, writeMarker } from './create-pod.ts';
import { Pod } from './pod.ts';
import type { PodFolder } from './pod-folder.ts';
import { syncHome } from './replicate.ts';

/** A pod that a home has. */
export interface HomePod {
  readonly podId: string;
  readonly seq: number;
  readonly epoch: number;
}

/** What a rebuild needs to know. */
export interface RebuildPlan {
  readonly url: string;
  readonly podId: string;
  readonly credential: Credential;
  /** What the target can hold. */
  readonly kind: PodKind;
  /** Where the repository goes; before anything is unlocked. */
  readonly repositoryDir: string;
  /** Makes the rest of the pod's folders, once its secrets are known. */
  readonly prepare: (secrets: Secrets) => Promise<{ readonly folder: PodFolder; readonly filesDir: string }>;
  /** 16 bytes that name the new file system. */
  readonly fileSystemId: () => Promise<Uint8Array>;
  /** The checkpoint to stand at; the newest without it. */
  readonly checkpoint?: number;
  readonly onProgress: ProgressListener;
}

/** A pod that was rebuilt; the caller closes it. */
export interface RebuiltPod {
  readonly pod: Pod;
  readonly checkpoint: Checkpoint;
  readonly fileCount: number;
  readonly fileBytes: number;
  /** What could not be done as it was, in sentences. */
  readonly warnings: readonly string[];
}

/**
 * The pods at a home, by what their heads say; nothing is proven before one is opened.
 *
 * @throws DeskPodError HOME_NOT_FOUND, HOME_UNREACHABLE
 */
export async function listHomePods(url: string): Promise<HomePod[]> {
  const home = openRsyncHome(url);
  const { state, cause } = await home.probe();
  if (state !== 'ready') throw cause;
  const pods: HomePod[] = [];
  for (const podId of await home.listPods()) {
    const bytes = await home.head(podId);
    if (bytes === undefined) continue;
    const { seq, epoch } = peekHead(bytes);
    pods.push({ podId, seq, epoch });
  }
  return pods;
}

/**
 * Which pod of a home is meant: the one with this id (or its beginning), or the only one.
 *
 * @throws DeskPodError POD_NOT_FOUND, USAGE if several could be meant
 */
export async function choosePod(url: string, wanted: string | undefined): Promise<string> {
  const pods = await listHomePods(url);
  const matching = pods.filter(({ podId }) => wanted === undefined || podId.startsWith(wanted));
  const [only] = matching;
  if (only !== undefined && matching.length === 1) return only.podId;
  const ids = pods.map(({ podId }) => podId).join(', ');
  if (matching.length > 1) {
    throw new DeskPodError('USAGE', `${url} has ${matching.length} pods that could be meant`, {
      hint: `Choose one with --pod: ${ids}.`,
      details: { pods },
    });
  }
  throw new DeskPodError('POD_NOT_FOUND', `${url} has no ${wanted === undefined ? 'pod' : `pod ${wanted}`}`, {
    hint: pods.length === 0 ? 'Sync a pod there first, or look at another home.' : `It has ${ids}.`,
    details: { pods },
  });
}

/**
 * Rebuilds a pod from home. The marker is written when everything else is there; then home's head moves to the new
 * epoch, which fences the former device.
 *
 * @throws DeskPodError from home, from unlocking and from reading objects; CHECKPOINT_NOT_FOUND; SPACE_EXHAUSTED.
 * Home is unchanged then, and the target is no pod yet.
 */
export async function rebuildPod(plan: RebuildPlan): Promise<RebuiltPod> {
  const { repository, unlocked } = await fetchRepository(plan);
  const { secrets } = unlocked.keyring;
  const { folder, filesDir } = await plan.prepare(secrets);
  const pod = await rebuildLog(folder, repository, unlocked);
  try {
    requireKind(pod, plan.kind);
    const checkpoint = chooseCheckpoint(pod, plan.checkpoint);
    const restored = await restoreTree(checkpoint.files, pod.content, filesDir, {
      overwrite: true,
      totals: { files: checkpoint.stats.fileCount, bytes: checkpoint.stats.fileBytes },
      onProgress: plan.onProgress,
    });
    const restore = { url: plan.url, deviceId: newDeviceId(), checkpoint: checkpoint.number };
    await pod.append({ type: 'completeRestore', restore });
    await pod.publish();
    await writeMarker(folder, pod, await plan.fileSystemId());
    const warnings = [...describeLosses(restored.notRestored), ...(await fence(pod, plan))];
    return { pod, checkpoint, fileCount: restored.files, fileBytes: restored.bytes, warnings };
  } catch (error) {
    await pod.close();
    throw error;
  }
}

async function fetchRepository(plan: RebuildPlan): Promise<{ repository: Repository; unlocked: Unlocked }> {
  const home = openRsyncHome(plan.url);
  // The head first: it then speaks only of objects that are there when they are fetched.
  const headBytes = await home.head(plan.podId);
  if (headBytes === undefined)
    throw new DeskPodError('POD_NOT_FOUND', `${plan.url} has no pod ${plan.podId}`);
  const repository = await Repository.create(plan.repositoryDir);
  const keyring = `keyrings/${toHex(peekHead(headBytes).keyring)}`;
  // The keyring alone comes first, so that a wrong passphrase is told before anything large travels.
  await home.pull(plan.podId, plan.repositoryDir, { objects: [keyring] });
  await repository.writeHead(headBytes);
  const unlocked = await unlockRepository(repository, plan.credential);
  await home.pull(plan.podId, plan.repositoryDir, {
    onProgress: (progress) => plan.onProgress({ ...progress, step: `fetching from ${plan.url}` }),
  });
  return { repository, unlocked };
}

async function rebuildLog(
  folder: PodFolder,
  repository: Repository,
  { head, keyring }: Unlocked,
): Promise<Pod> {
  const { secrets } = keyring;
  const records = chainTo(await readSegments(repository, secrets), head);
  // What an earlier restore into this place left, when it was interrupted.
  await rm(folder.logDir, { recursive: true, force: true });
  const log = await Log.create(folder.logDir, { hashing, logKey: secrets.logKey });
  try {
    await log.adopt(records);
  } finally {
    await log.close();
  }
  return Pod.open(folder, secrets);
}

function requireKind({ state }: Pod, kind: PodKind): void {
  if (state.kind === kind) return;
  throw new DeskPodError('USAGE', `pod ${state.podId} is a ${state.kind}; the target is for a ${kind}`, {
    hint:
      state.kind === 'tree'
        ? 'Restore it into a folder: --to FOLDER, without --size.'
        : 'Restore it to a device: --to DEVICE, or --to FILE --size 8G for an image file.',
  });
}

function chooseCheckpoint({ state }: Pod, wanted: number | undefined): Checkpoint {
  const chosen = wanted === undefined ? latestCheckpoint(state) : findCheckpoint(state, wanted);
  if (chosen !== undefined) return chosen;
  throw new DeskPodError('CHECKPOINT_NOT_FOUND', 'home has no checkpoint of this pod yet', {
    hint: 'There is nothing to restore: it was synced before its first checkpoint.',
  });
}

async function fence(pod: Pod, { url, onProgress }: RebuildPlan): Promise<string[]> {
  const home = pod.state.homes.find((known) => known.url === url);
  try {
    if (home === undefined) await pod.append({ type: 'addHome', url });
    const known = home ?? { url, seq: 0, recordHash: '', atMs: 0 };
    await syncHome(pod, known, onProgress);
    await pod.publish();
    return [];
  } catch (error) {
    if (!(error instanceof DeskPodError)) throw error;
    return [
      `Home could not be told that this device replaces the former one: ${error.message}. Run deskpod sync later.`,
    ];
  }
}

function describeLosses({ owners, modes, xattrs, devices, examples }: NotRestored): string[] {
  const counts = { owners, modes, 'extended attributes': xattrs, 'device nodes': devices };
  const parts = Object.entries(counts).flatMap(([what, count]) => (count > 0 ? [`${count} ${what}`] : []));
  if (parts.length === 0) return [];
  return [
    `Not permitted without root, and left out: ${parts.join(', ')} (${examples.slice(0, 3).join(', ')}).`,
  ];
}

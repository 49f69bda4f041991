// Rebuilding: from a home to a pod on a new device, with its whole log and the files of one checkpoint.
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { RestoreCompleted } from '../../core/events.ts';
import { peekHead } from '../../core/head.ts';
import { packsInForce } from '../../core/packs-in-force.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { LogRecord } from '../../core/record.ts';
import type { PodState } from '../../core/state.ts';
import { hashing } from '../hashing.ts';
import type { Home, TransferOptions } from '../home/home.ts';
import { hashObjects } from '../home/home-verification.ts';

import type { Secrets } from '../keyring/pod-secrets.ts';
import { Log } from '../log/log.ts';
import { OBJECT_KINDS, Repository } from '../repository/repository.ts';
import { listEarlierHeads } from '../retention/earlier-heads.ts';
import { storageError } from '../storage-failure.ts';
import { type BranchReport, listBranches } from './branches.ts';
import { fetchCheckpointPacks } from './checkpoint-packs.ts';
import { newDeviceId } from './create-pod.ts';
import { type DevicePlace, placeId } from './device-place.ts';
import { writeMarker } from './marker-file.ts';
import { describeDoubted, describeNewDevice, layOutFiles, type NewDevice } from './new-device.ts';
import type { FetchablePod } from './objects-at-home.ts';
import { Pod } from './pod.ts';
import type { PodFolder } from './pod-folder.ts';
import { syncHome } from './replicate.ts';
import type { FilesPlace } from './staged-files.ts';
import { lacking } from './survey.ts';

/** A pod that a home has. */
export interface HomePod {
  readonly podId: string;
  /** Position of its log; 0 if its head cannot be read. */
  readonly seq: number;
  readonly epoch: number;
}

/** What a rebuild needs to know. */
export interface RebuildPlan {
  readonly surveyed: FetchablePod;
  readonly folder: PodFolder;
  /** Where the checkpoint's files go. */
  readonly files: FilesPlace;
  /** How the new device's vault is encrypted. */
  readonly vault: PodState['vault'];
  /** What the new device lies on. */
  readonly place: DevicePlace;
  /** When it was asked for, by performance.now(). */
  readonly startedMs: number;
  /** Home is not told of the new device. */
  readonly isDrill?: boolean;
  /** Puts what else the device is to have, and logs it. */
  readonly furnish?: (pod: Pod) => Promise<void>;
  /** Packs that the checkpoint does not need are left for later. */
  readonly isUsableFirst?: boolean;
  readonly onProgress: ProgressListener;
  /** Stops it, with the signal's reason, as long as the target is no pod. */
  readonly signal?: AbortSignal;
}

/**
 * The pods at a home, by what their heads say; nothing is proven before one is opened.
 *
 * @throws DeskPodError HOME_NOT_FOUND, HOME_UNREACHABLE
 */
async function listHomePods(home: Home): Promise<HomePod[]> {
  const { state, cause } = await home.probe();
  if (state !== 'ready') throw cause;
  const pods: HomePod[] = [];
  for (const podId of await home.listPods()) {
    const bytes = await home.head(podId);
    if (bytes === undefined) continue;
    pods.push({ podId, ...positionOf(bytes) });
  }
  return pods;
}

/** A pod at a home, with all that it can be restored by there. */
export interface RestorablePod extends HomePod {
  /** Positions of the heads of home's own history. */
  readonly headSeqs: readonly number[];
  readonly branches: readonly BranchReport[];
}

/** The pods at a home, each with what it can be restored by. Throws as listHomePods. */
export async function listHomeHeads(home: Home): Promise<RestorablePod[]> {
  const pods: RestorablePod[] = [];
  for (const pod of await listHomePods(home)) {
    const headSeqs = await listEarlierHeads(home, pod.podId);
    pods.push({ ...pod, headSeqs, branches: await listBranches(home, pod.podId) });
  }
  return pods;
}

/** A damaged head is told when its pod is asked for; it keeps nobody from the others. */
function positionOf(headBytes: Uint8Array): { seq: number; epoch: number } {
  try {
    const { seq, epoch } = peekHead(headBytes);
    return { seq, epoch };
  } catch (error) {
    if (error instanceof DeskPodError) return { seq: 0, epoch: 0 };
    throw error;
  }
}

/**
 * Which pod of a home is meant: the one with this id (or its beginning), or the only one.
 *
 * @throws DeskPodError POD_NOT_FOUND, USAGE if several could be meant
 */
export async function choosePod(home: Home, wanted: string | undefined): Promise<string> {
  const pods = await listHomePods(home);
  const { url } = home;
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
 * Rebuilds a surveyed pod from home. The marker is written when everything else is there; then home's head moves to the
 * new epoch, which fences the former device.
 *
 * @throws DeskPodError from home and from reading objects; SPACE_EXHAUSTED. Home is unchanged then, and the target is no
 * pod yet.
 */
export async function rebuildPod(plan: RebuildPlan): Promise<NewDevice> {
  const { surveyed, folder, files, vault, startedMs, onProgress, signal } = plan;
  const { checkpoint, home } = surveyed;
  await fetchObjects(plan);
  const pod = await rebuildLog(surveyed.records, surveyed.unlocked.keyring.secrets, folder);
  try {
    const laidOut = await layOutFiles(pod, checkpoint, files.dir, {
      onProgress,
      ...(signal === undefined ? {} : { signal }),
    });
    signal?.throwIfAborted();
    await takeKeyring(pod, surveyed);
    const restore = {
      ...{ url: home.url, deviceId: newDeviceId(), checkpoint: checkpoint.number, vault },
      ...(await findAwaited(pod, surveyed)),
    };
    await pod.append({ type: 'completeRestore', restore });
    await plan.furnish?.(pod);
    await pod.publish();
    await files.putInPlace?.(pod, checkpoint.files);
    await writeMarker(folder, pod, placeId(plan.place, pod.secrets.logKey));
    const warnings = [
      ...laidOut.losses,
      ...describeDoubted(pod, checkpoint.number, (against) => `restore with --checkpoint ${against}.`),
      ...(plan.isDrill === true ? [] : await fence(pod, plan)),
    ];
    const durationMs = performance.now() - startedMs;
    return describeNewDevice(pod, laidOut, { warnings, durationMs });
  } catch (error) {
    const pack = isDeskPodError(error, 'CHUNK_MISSING') ? await findMissingPack(pod) : undefined;
    throw pack === undefined ? error : lacking(home.url, pack, error);
  } finally {
    await pod.close();
  }
}

/** A head that home received earlier may name a keyring that is gone by now: the one that opened it takes its place. */
async function takeKeyring(pod: Pod, { unlocked }: FetchablePod): Promise<void> {
  const { bytes, keyring } = unlocked.keyring;
  const { name } = await pod.repository.putObject('keyrings', bytes);
  if (pod.state.keyring === name) return;
  await pod.append({ type: 'changeKeyring', keyring: name, generation: keyring.generation });
}

/** What was left for later. */
async function findAwaited(
  { repository }: Pod,
  { objects, sizes }: FetchablePod,
): Promise<Pick<RestoreCompleted, 'awaited'>> {
  const present = new Set(await repository.listObjects('packs'));
  const missing = objects.filter((path) => path.startsWith('packs/') && !present.has(basename(path, '.age')));
  if (missing.length === 0) return {};
  const sizeBytes = missing.reduce((sum, path) => sum + (sizes.get(path) ?? 0), 0);
  return { awaited: { packCount: missing.length, sizeBytes } };
}

/** A pack that the log names and home did not have: it is what has to be brought back, not the chunk. */
async function findMissingPack({ repository, state }: Pod): Promise<string | undefined> {
  const present = new Set(await repository.listObjects('packs'));
  const missing = [...packsInForce(state.packs).keys()].find((name) => !present.has(name));
  return missing === undefined
    ? undefined
    : repository.objectPath('packs', missing).slice(repository.dir.length + 1);
}

/** Home may hold far more: what only its other heads need stays there. */
async function fetchObjects({
  surveyed,
  folder,
  onProgress,
  isUsableFirst,
  signal,
}: RebuildPlan): Promise<void> {
  const { home, podId, headBytes, unlocked, objects, sizes } = surveyed;
  const { repositoryDir } = folder;
  const stop = signal === undefined ? {} : { signal };
  const repository = await Repository.create(repositoryDir);
  await removeOthers(repository, objects);
  await removeHalves(repositoryDir, { onProgress, ...stop });
  const { url } = home;
  const first = isUsableFirst === true ? objects.filter((path) => !path.startsWith('packs/')) : objects;
  await home.pull(podId, repositoryDir, {
    objects: [...first, 'segments/'],
    sizes,
    onProgress: (progress) => onProgress({ ...progress, step: `fetching from ${url}` }),
    ...stop,
  });
  if (isUsableFirst === true) await fetchCheckpointPacks({ surveyed, repository, onProgress, ...stop });
  const { damaged } = await hashObjects(repositoryDir, {
    onProgress: (progress) => onProgress({ ...progress, step: 'checking what came' }),
    ...stop,
  });
  if (damaged.length > 0) {
    // Or the next try would find them here and not fetch them again.
    for (const object of damaged) await rm(join(repositoryDir, object));
    throw new DeskPodError(
      'HOME_DAMAGED',
      `${url}: ${damaged[0]} does not have the bytes that its name promises`,
      {
        hint: 'Bring that file back from another copy of this home, then run the same command again.',
        details: { url, damaged },
      },
    );
  }
  // Home may have let go of it since it was looked at, when a sync brought the next one.
  await repository.putObject('keyrings', unlocked.keyring.bytes);
  await repository.writeHead(headBytes);
}

/**
 * Removes what a restore of another pod, or of another state of this one, left here when it was interrupted: the next
 * checkpoint would name such packs, and a sync would send them. What is small comes anew.
 */
async function removeOthers(repository: Repository, objects: readonly string[]): Promise<void> {
  const isWanted = new Set(objects);
  for (const kind of OBJECT_KINDS) {
    for (const name of await repository.listObjects(kind)) {
      const path = repository.objectPath(kind, name).slice(repository.dir.length + 1);
      if (!isWanted.has(path)) await repository.removeObject(kind, name);
    }
  }
}

/** Removes what came before an interruption and was not written to its end: a drive that was pulled out has files of zeros. */
async function removeHalves(repositoryDir: string, { onProgress, signal }: TransferOptions): Promise<void> {
  const { damaged } = await hashObjects(repositoryDir, {
    onProgress: (progress) => onProgress?.({ ...progress, step: 'checking what had come before' }),
    ...(signal === undefined ? {} : { signal }),
  });
  for (const object of damaged) await rm(join(repositoryDir, object));
}

/** Makes the live log of these records in the place of whatever is there, and opens the pod; the caller closes it. */
export async function rebuildLog(
  records: readonly LogRecord[],
  secrets: Secrets,
  folder: PodFolder,
): Promise<Pod> {
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

async function fence(pod: Pod, { surveyed: { home }, onProgress }: RebuildPlan): Promise<string[]> {
  const { url } = home;
  const found = pod.state.homes.find((known) => known.url === url);
  try {
    if (found === undefined) await pod.append({ type: 'addHome', url });
    const known = found ?? { url, seq: 0, recordHash: '', atMs: 0 };
    const { notices } = await syncHome(pod, known, onProgress, home);
    await pod.publish();
    return [...notices];
  } catch (cause) {
    // the pod is whole by now: no drive or host that fails may make it look as if it were not
    const error = storageError(cause);
    if (!(error instanceof DeskPodError)) throw cause;
    return [
      `Home could not be told that this device replaces the former one: ${error.message}. Run deskpod sync later.`,
    ];
  }
}

// Tree pods: a plain folder that is checkpointed, synced and restored. They need neither root nor a session.
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { isWithin } from '../../core/path-order.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { bothNotices, takeNote } from '../dock/note-file.ts';
import { CaptureAhead } from '../files/capture-ahead.ts';
import { foreignMounts } from '../files/inner-mounts.ts';
import { SourcePlace } from '../files/source-place.ts';
import { type Credential, readLocked, readMarker, unlock } from '../keyring/unlock.ts';
import { type FileLock, lockHolder, tryLock } from '../posix/flock.ts';
import { exists } from '../posix/path-status.ts';
import { isSystemError, syncFolder } from '../repository/durable-file.ts';
import { Repository } from '../repository/repository.ts';
import { storageError } from '../storage-failure.ts';
import { foundKeyring, foundPod } from './create-pod.ts';
import { inodePlace } from './device-place.ts';
import { settleMarker } from './marker-file.ts';
import { Pod } from './pod.ts';
import { type PodFolder, TREE_LOCK, TREE_POD_DIR, treePodFolder } from './pod-folder.ts';
import { openProjections, type Projections } from './projections.ts';
import { endRestore } from './restore-folder.ts';
import {
  type CapturedTree,
  type CheckpointReport,
  captureInto,
  type DoubtAnswer,
  sealCheckpoint,
  type TreeOptions,
} from './seal-checkpoint.ts';
import { isTwinAt, onlyFollows } from './twin.ts';

/** What lies in the folder of a tree pod and is never part of a checkpoint, with all below it. */
export const TREE_POD_PATH: Uint8Array = Buffer.from(TREE_POD_DIR);

function isOfPod(path: Uint8Array): boolean {
  return Buffer.compare(path, TREE_POD_PATH) === 0;
}

/** A new pod, and the one sight of its recovery key. */
export interface CreatedPod {
  readonly podId: string;
  readonly recoveryKey: string;
}

/**
 * Makes a pod of the folder `dir`; what is in it stays as it is.
 *
 * @throws DeskPodError POD_NOT_FOUND if there is no such folder, POD_EXISTS if it is a pod already
 */
export async function createTree(options: {
  dir: string;
  name: string;
  passphrase: string;
  workFactor?: number;
}): Promise<CreatedPod> {
  const dir = resolve(options.dir);
  await requireFolder(dir);
  const podDir = join(dir, TREE_POD_DIR);
  const folder = treePodFolder(dir);
  const lock = await lockTree(dir);
  try {
    if (await exists(folder.markerFile)) {
      throw new DeskPodError('POD_EXISTS', `${dir}: expected a folder without a pod, got one with`, {
        hint: `Look at it with \`deskpod status -d ${dir}\`.`,
      });
    }
    await clearUnfinished(dir, folder);
    // the pod's folder itself must not be lost either, once the pod is there
    await syncFolder(dir);
    const keyring = await foundKeyring(options.passphrase, options.workFactor);
    const pod = await foundPod(folder, keyring, {
      kind: 'tree',
      name: options.name,
      vault: 'none',
      place: await inodePlace('folder', podDir),
    });
    const { podId } = pod.state;
    await pod.close();
    return { podId, recoveryKey: keyring.recoveryKey };
  } finally {
    lock.release();
  }
}

/** What a tree pod is opened with. */
interface TreeParts {
  readonly dir: string;
  readonly place: SourcePlace;
  readonly lock: FileLock;
  readonly notice: string | undefined;
  readonly ahead: CaptureAhead | undefined;
}

/** A tree pod that this process has open. */
export class Tree {
  readonly dir: string;
  readonly pod: Pod;
  /** Where its files are; see {@link SourcePlace}. */
  readonly place: SourcePlace;
  /** What the user is to be told of this device, if there is something. */
  readonly notice: string | undefined;
  readonly #lock: FileLock;
  /** For the first capture. */
  #ahead: CaptureAhead | undefined;

  constructor(pod: Pod, parts: TreeParts) {
    this.dir = parts.dir;
    this.place = parts.place;
    this.pod = pod;
    this.notice = parts.notice;
    this.#lock = parts.lock;
    this.#ahead = parts.ahead;
  }

  /** Seals the folder as it is. @throws DeskPodError SOURCE_UNREADABLE, CHECKPOINT_DOUBTFUL, SPACE_EXHAUSTED */
  async checkpoint(
    onProgress: ProgressListener,
    ifDoubtful: DoubtAnswer = 'stop',
    reason: 'files' | 'dock' = 'files',
  ): Promise<CheckpointReport> {
    const startedMs = performance.now();
    const files = await this.capture({ onProgress });
    return sealCheckpoint(this.pod, { reason, files, pauseMs: 0, startedMs, ifDoubtful });
  }

  /**
   * Writes the folder into packs as it is.
   * @throws DeskPodError SOURCE_UNREADABLE, SOURCE_UNMOUNTED, SPACE_EXHAUSTED
   */
  async capture(options: Omit<TreeOptions, 'isExcluded'>): Promise<CapturedTree> {
    const { content, projections } = this.pod;
    this.place.requireInPlace();
    const ahead = this.#ahead;
    this.#ahead = undefined;
    const captured = await captureInto(content, this.dir, 'data', {
      index: projections.files,
      ...options,
      ...(ahead === undefined ? {} : { ahead }),
      isExcluded: isOfPod,
    });
    this.place.requireInPlace();
    return captured;
  }

  /** Gives up a capture that began when it was opened: what changed since then is to be in the first one, too. */
  async captureAnew(): Promise<void> {
    await this.#ahead?.stop();
    this.#ahead = undefined;
  }

  /** Folders in it that no checkpoint looks into, as other file systems are mounted there. */
  notCrossed(): Uint8Array[] {
    return foreignMounts(this.dir).filter((path) => !isOfPod(path) && !isWithin(path, TREE_POD_PATH));
  }

  /** Closes it. */
  async close(): Promise<void> {
    await this.captureAnew();
    await this.pod.close();
    this.#lock.release();
  }
}

/** How a tree pod is opened. */
export interface OpenTreeOptions {
  /** Begins to capture the folder while the passphrase is worked on: a checkpoint will follow. */
  readonly capturesAhead?: boolean;
}

/**
 * Opens the tree pod around `dir`; the caller closes it.
 *
 * @throws DeskPodError POD_NOT_FOUND, POD_BUSY, PASSPHRASE_WRONG, KEYRING_NO_IDENTITY, and whatever damage is found;
 * POD_IS_TWIN before it is unlocked if the folder only follows the pod
 */
export async function openTree(
  dir: string,
  credential: Credential,
  { capturesAhead = false }: OpenTreeOptions = {},
): Promise<Tree> {
  const folder = treePodFolder(dir);
  await requireFolder(join(dir, TREE_POD_DIR));
  const place = new SourcePlace(dir);
  const lock = await lockTree(dir);
  let ahead: CaptureAhead | undefined;
  let opening: Promise<Projections> | undefined;
  try {
    if (await isTwinAt({ ...folder, place: dir })) throw onlyFollows(dir);
    const unlocking = unlock(await readLocked(await Repository.open(folder.repositoryDir)), credential);
    // While the passphrase is worked on, and not before: that takes longest. There is nothing in them that needs a key.
    opening = openProjections(folder.projectionsDir);
    opening.catch(ignoreUntilAwaited);
    if (capturesAhead) ahead = new CaptureAhead(dir, opening, { isExcluded: isOfPod });
    const { keyring } = await unlocking;
    const marker = await readMarker({ ...folder, place: dir }, keyring);
    await endRestore(dir);
    const pod = await Pod.open(folder, keyring.secrets, opening);
    try {
      const moved = await settleMarker(pod, marker, await inodePlace('folder', join(dir, TREE_POD_DIR)));
      const notice = bothNotices(moved, await takeNote(pod));
      return new Tree(pod, { dir, place, lock, notice, ahead });
    } catch (error) {
      await pod.close();
      throw error;
    }
  } catch (error) {
    await ahead?.stop();
    const [opened] = await Promise.allSettled([opening]);
    if (opened?.status === 'fulfilled') await opened.value?.close();
    lock.release();
    throw error;
  }
}

function ignoreUntilAwaited(): void {
  // whoever opens the pod awaits it, unless what is asked before fails
}

/** The lock of the pod around `dir`, whose pod folder is made if it is not there. @throws DeskPodError POD_BUSY */
export async function lockTree(dir: string): Promise<FileLock> {
  const podDir = join(dir, TREE_POD_DIR);
  const path = join(podDir, TREE_LOCK);
  await mkdir(podDir, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw storageError(error, podDir);
  });
  const lock = lockAt(path);
  if (lock !== undefined) return lock;
  const pid = lockHolder(path);
  throw new DeskPodError('POD_BUSY', `${dir}: process ${pid ?? 'unknown'} has this pod open`, {
    hint: 'Wait until it is done, then try again.',
    details: { dir, pid },
  });
}

function lockAt(path: string): FileLock | undefined {
  try {
    return tryLock(path);
  } catch (error) {
    throw storageError(error, path);
  }
}

/** Takes away what an interrupted create left, or a restore before its first pack. Packs are more than that: they are left alone. */
async function clearUnfinished(dir: string, folder: PodFolder): Promise<void> {
  const packsDir = join(folder.repositoryDir, 'packs');
  if ((await exists(packsDir)) && (await readdir(packsDir)).length > 0) {
    throw new DeskPodError('POD_EXISTS', `${dir}: expected a folder without a pod, got packs and no marker`, {
      hint: 'If a restore into this folder was interrupted, run it again.',
    });
  }
  for (const part of [folder.repositoryDir, folder.logDir, folder.projectionsDir])
    await rm(part, { recursive: true, force: true });
  await endRestore(dir);
}

async function requireFolder(dir: string): Promise<void> {
  try {
    if ((await stat(dir)).isDirectory()) return;
  } catch (cause) {
    if (!isSystemError(cause, 'ENOENT')) throw cause;
  }
  throw new DeskPodError('POD_NOT_FOUND', `${dir}: expected a folder, got none`, {
    hint: 'Check the path, and that what belongs there is mounted.',
  });
}

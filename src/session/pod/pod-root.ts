// The root file system of a desktop pod on this host: base and layer, mounted for a session, and the layer's generation.
import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Root } from '../../core/root.ts';
import { readManifest } from '../../sync/browse/manifest-stream.ts';
import { displayPath } from '../../sync/files/byte-path.ts';
import { restoreTree } from '../../sync/files/restore.ts';
import { findDifference } from '../../sync/files/tree-difference.ts';
import { type CapturedTree, captureInto } from '../../sync/pod/seal-checkpoint.ts';
import { findMappedInodes } from '../../sync/posix/open-writers.ts';
import { isSystemError, syncFolder } from '../../sync/repository/durable-file.ts';
import { removeControlGroup } from '../barrier/control-group.ts';
import { proveBase } from '../base/base-check.ts';
import { mountAt, readMounts } from '../host/mount-table.ts';
import { sessionIdOf } from '../host/staging.ts';
import { listSessionTasks } from '../preflight/session-tasks.ts';
import { endMembers } from '../process/session-members.ts';
import { endStrayCables } from '../process/stray-cables.ts';
import { mountLayer, unmount, unmountLayer } from './layer.ts';
import type { OpenedDevice } from './open-device.ts';

/** Where the layer lies in a vault. */
export function layerDirs(vaultDir: string): { readonly upperDir: string; readonly workDir: string } {
  return { upperDir: `${vaultDir}/layer/upper`, workDir: `${vaultDir}/layer/work` };
}

/** Makes the folders of an empty layer. */
export async function makeLayer(vaultDir: string): Promise<void> {
  const { upperDir, workDir } = layerDirs(vaultDir);
  await mkdir(upperDir, { recursive: true, mode: 0o755 });
  await mkdir(workDir, { recursive: true, mode: 0o700 });
}

/** Base and layer of one opened pod. */
export class PodRoot {
  readonly #opened: OpenedDevice;
  #isMounted = false;

  constructor(opened: OpenedDevice) {
    this.#opened = opened;
  }

  /** Where the layer's files lie, in the unlocked vault. */
  get layerDir(): string {
    return layerDirs(this.#opened.vault.dir).upperDir;
  }

  /** Where base and layer appear as one, while they are mounted. */
  get mergedDir(): string {
    return this.#opened.device.staging.mergedDir;
  }

  /** Takes over what a killed supervisor left mounted for a session that still runs. */
  adopt(): void {
    this.#isMounted = true;
  }

  /**
   * Mounts base and layer. The base is read to its end first: the kernel parses none that the log does not name.
   *
   * @throws DeskPodError BASE_NOT_FOUND, BASE_DAMAGED, MOUNT_FAILED
   */
  async mount(): Promise<void> {
    if (this.#isMounted) return;
    const { pod, vault, device, baseHashes } = this.#opened;
    const { base } = pod.state;
    if (base === undefined) throw new DeskPodError('BASE_NOT_FOUND', 'the pod has no base to start from');
    const baseFile = pod.repository.objectPath('bases', base.sha256);
    await proveBase(baseFile, base.sha256, baseHashes);
    await mountLayer({ baseFile, ...layerDirs(vault.dir), stagingDir: device.staging.dir });
    this.#isMounted = true;
  }

  /** Unmounts them, whoever mounted them. */
  async unmount(): Promise<void> {
    await unmountLayer(this.#opened.device.staging.dir);
    this.#isMounted = false;
  }

  /** Ends and unmounts what a supervisor left that was killed before it could note its session. */
  async clear(): Promise<void> {
    const { mergedDir, restoreDir, bundleDir } = this.#opened.device.staging;
    await endStrayCables(bundleDir);
    const mounts = await readMounts();
    if (mountAt(mounts, mergedDir) !== undefined) await endMembers(mergedDir, restoreDir);
    if (mountAt(mounts, restoreDir) !== undefined) await unmount(restoreDir);
    await this.unmount();
    await removeControlGroup(sessionIdOf(this.#opened.device.staging));
    await this.finishExchange();
  }

  /**
   * Writes the layer's files into packs.
   *
   * @param rootPid the first process of the session that may be writing to them, if there is one
   */
  capture(
    onProgress: ProgressListener,
    { rootPid, signal }: { readonly rootPid?: number; readonly signal?: AbortSignal } = {},
  ): Promise<CapturedTree> {
    const { content, projections } = this.#opened.pod;
    const tasks = () => (rootPid === undefined ? [] : listSessionTasks(rootPid));
    const findMapped = () => findMappedInodes(tasks().map(({ hostPid }) => hostPid));
    const options = { index: projections.files, onProgress, findMapped };
    return captureInto(
      content,
      this.layerDir,
      'data',
      signal === undefined ? options : { ...options, signal },
    );
  }

  /**
   * A path at which the layer's files are not those of a checkpoint, though nobody noted that they may change: others have had
   * the drive, or it lost something. Undefined if they are, as far as can be told without reading them.
   * @throws DeskPodError as reading a manifest does, SOURCE_UNREADABLE; the reason of `signal`
   */
  async findChange(files: Root, signal: AbortSignal): Promise<string | undefined> {
    const manifest = readManifest(this.#opened.pod.content, files);
    try {
      const path = await findDifference(this.layerDir, manifest, signal);
      return path === undefined ? undefined : `/${displayPath(path)}`;
    } catch (error) {
      if (!isDeskPodError(error)) throw error;
      throw new DeskPodError(
        error.code,
        `the files of this checkpoint cannot be compared: ${error.message}`,
        {
          hint: 'Run `deskpod verify`: what is damaged here comes back from home. Or start afresh, with all files as they are: deskpod start --fresh.',
          details: error.details,
          cause: error,
        },
      );
    }
  }

  /** Stores what has changed so far, so that the session stands still only for what changes until then. */
  async captureAhead(onProgress: ProgressListener, rootPid: number): Promise<void> {
    const { settle } = await this.capture(onProgress, { rootPid });
    await this.#opened.pod.content.flush();
    await settle(false);
  }

  /**
   * Replaces the layer's files by those of a checkpoint. They are restored beside it and take its place when all of them
   * are there: interrupted, the layer is the former one, or the next opening finishes the exchange.
   */
  async bringBack(files: Root, onProgress: ProgressListener): Promise<void> {
    await this.unmount();
    const wasInUse = await this.isInUse();
    await this.markInUse();
    const { content } = this.#opened.pod;
    await rm(this.#place('upper.new'), { recursive: true, force: true });
    try {
      await restoreTree(files, content, this.#place('upper.new'), { onProgress });
    } catch (error) {
      // the layer is what it was: with more room, or what is missing brought back, the same can be tried again
      await rm(this.#place('upper.new'), { recursive: true, force: true });
      if (!wasInUse) await this.markAtRest();
      throw error;
    }
    await writeFile(this.#place('exchange'), '');
    await this.#sync();
    await this.#exchange();
  }

  /** Finishes an exchange of the layer that was interrupted, and clears what one left that was not begun. */
  async finishExchange(): Promise<void> {
    if (await exists(this.#place('exchange'))) await this.#exchange();
    else await rm(this.#place('upper.new'), { recursive: true, force: true });
  }

  async #exchange(): Promise<void> {
    const [present, coming, former] = ['upper', 'upper.new', 'upper.old'].map((name) => this.#place(name));
    if (present === undefined || coming === undefined || former === undefined)
      throw new TypeError('no places');
    if (await exists(coming)) {
      if ((await exists(present)) && !(await exists(former))) await rename(present, former);
      await rename(coming, present);
      await this.#sync();
    }
    await rm(former, { recursive: true, force: true });
    await rm(this.#place('work'), { recursive: true, force: true });
    await makeLayer(this.#opened.vault.dir);
    await rm(this.#place('exchange'), { force: true });
    await this.#sync();
  }

  /** Notes on the device that the layer's files may change from now on: they are no checkpoint's any more. */
  async markInUse(): Promise<void> {
    await writeFile(this.#place('in-use'), '');
    await this.#sync();
  }

  /** Notes that the layer's files are those of the last checkpoint. */
  async markAtRest(): Promise<void> {
    await rm(this.#place('in-use'), { force: true });
    await this.#sync();
  }

  /** True if the layer's files may have changed since the last checkpoint. */
  async isInUse(): Promise<boolean> {
    return exists(this.#place('in-use'));
  }

  #place(name: string): string {
    return `${this.#opened.vault.dir}/layer/${name}`;
  }

  #sync(): Promise<void> {
    return syncFolder(`${this.#opened.vault.dir}/layer`);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false;
    throw error;
  }
}

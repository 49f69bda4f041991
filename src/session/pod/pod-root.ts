// The root file system of a desktop pod on this host: base and layer, mounted for a session, and the layer's generation.
import { rm, writeFile } from 'node:fs/promises';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Root } from '../../core/root.ts';
import type { Checkpoint } from '../../core/state.ts';
import { readManifest } from '../../sync/browse/manifest-stream.ts';
import { displayPath } from '../../sync/files/byte-path.ts';
import type { Room } from '../../sync/files/restore-room.ts';
import { findDifference } from '../../sync/files/tree-difference.ts';
import { type CapturedTree, captureInto } from '../../sync/pod/seal-checkpoint.ts';
import { findMappedInodes } from '../../sync/posix/open-writers.ts';
import { exists } from '../../sync/posix/path-status.ts';
import { syncFolder } from '../../sync/repository/durable-file.ts';
import { removeControlGroup } from '../barrier/control-group.ts';
import { proveBase } from '../base/base-check.ts';
import { mountAt, readMounts } from '../host/mount-table.ts';
import { sessionIdOf } from '../host/staging.ts';
import { listSessionTasks } from '../preflight/session-tasks.ts';
import { endMembers } from '../process/session-members.ts';
import { endStrayCables } from '../process/stray-cables.ts';
import { endUnseen } from '../process/unseen-session.ts';
import { mountLayer, unmount, unmountLayer } from './layer.ts';
import { layerDirs } from './layer-dirs.ts';
import { LayerExchange } from './layer-exchange.ts';
import type { OpenedDevice } from './open-device.ts';

/** Base and layer of one opened pod. */
export class PodRoot {
  readonly #opened: OpenedDevice;
  readonly #exchange: LayerExchange;
  #isMounted = false;
  /** An unmount has waited for a program of the host, in vain. */
  #isHeld = false;

  constructor(opened: OpenedDevice) {
    this.#opened = opened;
    this.#exchange = new LayerExchange(opened.vault, opened.pod);
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
    this.#isHeld = false;
    if (this.#isMounted) return;
    const { pod, vault, device, baseHashes } = this.#opened;
    const { base } = pod.state;
    if (base === undefined) throw new DeskPodError('BASE_NOT_FOUND', 'the pod has no base to start from');
    const baseFile = pod.repository.objectPath('bases', base.sha256);
    await proveBase(baseFile, base.sha256, baseHashes);
    await mountLayer({ baseFile, ...layerDirs(vault.dir), stagingDir: device.staging.dir });
    this.#isMounted = true;
  }

  /**
   * Unmounts them, whoever mounted them. A program of the host that holds them is waited for once: each later call tries, and
   * says so.
   * @throws DeskPodError MOUNT_FAILED
   */
  async unmount(): Promise<void> {
    const isAwaited = !this.#isHeld;
    this.#isHeld = true;
    await unmountLayer(this.#opened.device.staging.dir, isAwaited);
    this.#isHeld = false;
    this.#isMounted = false;
  }

  /** Ends and unmounts what a supervisor left that was killed before it could note its session. */
  async clear(): Promise<void> {
    const { mergedDir, restoreDir, bundleDir } = this.#opened.device.staging;
    await endUnseen(bundleDir);
    await endStrayCables(bundleDir);
    const mounts = await readMounts();
    if (mountAt(mounts, mergedDir) !== undefined) await endMembers(mergedDir, restoreDir);
    if (mountAt(mounts, restoreDir) !== undefined) await unmount(restoreDir);
    await this.unmount();
    await removeControlGroup(sessionIdOf(this.#opened.device.staging));
    await this.#exchange.finish();
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
   * What it takes at the least to bring the layer back to a checkpoint. To be asked while no session runs.
   * @throws DeskPodError DEVICE_FULL if the device has less; as reading a manifest does
   */
  async measureBack(target: Checkpoint): Promise<Room> {
    await this.unmount();
    const room = await this.#exchange.measure(target);
    await this.#exchange.requireRoom(room, target);
    return room;
  }

  /**
   * Replaces the layer's files by those of a checkpoint. They are made beside it and take its place when all of them
   * are there: interrupted, the layer is the former one, or the next opening finishes the exchange.
   *
   * @param room what {@link measureBack} said: the device may have less by now
   * @throws DeskPodError DEVICE_FULL, SPACE_EXHAUSTED; what reading chunks throws. The layer is what it was then
   */
  async bringBack(target: Checkpoint, room: Room, onProgress: ProgressListener): Promise<void> {
    await this.#exchange.requireRoom(room, target);
    await this.unmount();
    const wasInUse = await this.isInUse();
    await this.markInUse();
    try {
      await this.#exchange.make(target, onProgress);
    } catch (error) {
      if (!wasInUse) await this.markAtRest();
      throw error;
    }
    await this.#exchange.commit();
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

// The processes of a pod's session on this host, on the pod's root: started, brought back from images, ended.
import { DeskPodError } from '../../core/errors.ts';
import type { Geometry } from '../barrier/bundle.ts';
import { sessionIdOf } from '../host/staging.ts';
import {
  adoptSession,
  killSession,
  type ProcessSession,
  resumeSession,
  type SessionPlaces,
  startSession,
} from '../process/processes.ts';
import type { OpenedDevice } from './open-device.ts';
import type { PodRoot } from './pod-root.ts';
import { removeSessionNote, writeSessionNote } from './session-note.ts';

/** The session that runs of a pod, if one does. A note on the host tells the next supervisor of it. */
export class LiveSession {
  readonly #opened: OpenedDevice;
  readonly #root: PodRoot;
  #processes: ProcessSession | undefined;
  #hasNetwork = true;

  constructor(opened: OpenedDevice, root: PodRoot) {
    this.#opened = opened;
    this.#root = root;
  }

  /** Its processes; undefined if none runs. */
  get processes(): ProcessSession | undefined {
    return this.#processes;
  }

  /** Its processes. @throws DeskPodError SESSION_NOT_RUNNING */
  require(): ProcessSession {
    if (this.#processes !== undefined) return this.#processes;
    const { status } = this.#opened.pod.state.session;
    throw new DeskPodError('SESSION_NOT_RUNNING', `no session is running (it is ${status})`, {
      hint: 'Start it with `deskpod start`.',
    });
  }

  /** Whatever is started or brought back from now on has no network. */
  cutOff(): void {
    this.#hasNetwork = false;
  }

  /** Takes the session over that a former supervisor left running, by its first process on this host. */
  adopt(rootPid: number): void {
    this.#processes = adoptSession({ ...this.#places, rootPid });
  }

  /** Starts it from scratch on the mounted root. @throws DeskPodError SESSION_START_FAILED */
  async begin(geometry: Geometry): Promise<void> {
    const { podId: machineId, processorLevel } = this.#opened.pod.state;
    const kept = processorLevel === undefined ? {} : { processorLevel };
    await this.#root.markInUse();
    await this.#note(await startSession({ ...this.#places, geometry, machineId, ...kept }));
  }

  /** Brings it back from its images on the mounted root. @throws DeskPodError RESUME_FAILED */
  async goOnFrom(imagesDir: string): Promise<void> {
    const stagingDir = this.#opened.device.staging.restoreDir;
    await this.#root.markInUse();
    await this.#note(await resumeSession({ ...this.#places, imagesDir, stagingDir }));
  }

  /** Ends its processes, if there are any, and leaves nothing of it mounted. */
  async end(): Promise<void> {
    await this.kill();
    await this.#root.unmount();
  }

  /** Ends its processes, if there are any; the root stays mounted. */
  async kill(): Promise<void> {
    if (this.#processes !== undefined) await killSession(this.#processes);
    await this.forget();
  }

  /** Its processes have ended. */
  async forget(): Promise<void> {
    this.#processes = undefined;
    await removeSessionNote(this.#opened.device.staging);
  }

  async #note(processes: ProcessSession): Promise<void> {
    this.#processes = processes;
    const root = { pid: processes.rootPid, startTicks: processes.startTicks };
    const { device, pod } = this.#opened;
    await writeSessionNote(device.staging, { devicePath: device.path, podId: pod.state.podId, root });
  }

  get #places(): SessionPlaces {
    const { device, pod } = this.#opened;
    const { mergedDir, bundleDir } = device.staging;
    const sessionId = sessionIdOf(device.staging);
    return { sessionId, mergedDir, bundleDir, limits: pod.state.limits, hasNetwork: this.#hasNetwork };
  }
}

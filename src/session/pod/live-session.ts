// The processes of a pod's session on this host, on the pod's root: started, brought back from images, ended.

import type { BarrierTier } from '../../core/barrier-tier.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { ViolationTally } from '../../core/violation-tally.ts';
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
import { forgetUnseen } from '../process/unseen-session.ts';
import { SessionGuard, tokenOf } from '../tier/session-guard.ts';
import type { OpenedDevice } from './open-device.ts';
import type { PodRoot } from './pod-root.ts';
import { removeSessionNote, writeSessionNote } from './session-note.ts';

/** The session that runs of a pod, if one does. A note on the host tells the next supervisor of it. */
export class LiveSession {
  readonly #opened: OpenedDevice;
  readonly #root: PodRoot;
  #processes: ProcessSession | undefined;
  #hasNetwork = true;
  #guard: SessionGuard | undefined;
  #wanted: BarrierTier | undefined;
  /** Why the kernel module that is there does not protect it, in a sentence. */
  #unguarded: string | undefined;
  readonly #violations = new ViolationTally();

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

  /** The tier of the barrier around it; undefined if none runs. */
  get tier(): BarrierTier | undefined {
    if (this.#processes === undefined) return undefined;
    return this.#guard === undefined ? 'namespaces' : 'kmod';
  }

  /** What its barrier lacks of what this host could do, in sentences. */
  get warnings(): readonly string[] {
    return this.#unguarded === undefined ? [] : [this.#unguarded];
  }

  /** What the kernel module has refused, of this session and those before it here, and nobody was told yet. */
  get violations(): ViolationTally {
    if (this.#guard !== undefined) this.#violations.add(this.#guard.read());
    return this.#violations;
  }

  /** What is started or brought back from now on does not run with less than this tier, if one is given. */
  insistOn(tier: BarrierTier | undefined): void {
    this.#wanted = tier;
  }

  /** Takes the session over that a former supervisor left running, by its first process on this host. */
  adopt(rootPid: number): void {
    this.#guard = this.#opened.guard;
    this.#processes = adoptSession({ ...this.#places, rootPid, isGuarded: this.#guard !== undefined });
  }

  /** Starts it from scratch on the mounted root. @throws DeskPodError SESSION_START_FAILED, TIER_UNAVAILABLE */
  async begin(geometry: Geometry): Promise<void> {
    const { podId: machineId, processorLevel } = this.#opened.pod.state;
    const kept = processorLevel === undefined ? {} : { processorLevel };
    await this.#root.markInUse();
    const onRoot = (rootPid: number): void => this.#protect(rootPid);
    await this.#note(await startSession({ ...this.#places, onRoot, geometry, machineId, ...kept }));
  }

  /** Brings it back from its images on the mounted root. @throws DeskPodError RESUME_FAILED, TIER_UNAVAILABLE */
  async goOnFrom(imagesDir: string): Promise<void> {
    const stagingDir = this.#opened.device.staging.restoreDir;
    await this.#root.markInUse();
    const onRoot = (rootPid: number): void => this.#protect(rootPid);
    await this.#note(await resumeSession({ ...this.#places, onRoot, imagesDir, stagingDir }));
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
    this.unguard();
  }

  /** Nothing is to be done to its processes from here any more. Those that have not ended stay protected. */
  unguard(): void {
    if (this.#guard === undefined) return;
    this.#violations.add(this.#guard.read());
    this.#guard.close();
    this.#guard = undefined;
  }

  /** Its processes have ended. */
  async forget(): Promise<void> {
    this.#processes = undefined;
    await removeSessionNote(this.#opened.device.staging);
  }

  /** Puts a session under protection that has just got its first process. */
  #protect(rootPid: number): void {
    this.unguard();
    this.#unguarded = undefined;
    try {
      this.#guard = SessionGuard.register(rootPid, tokenOf(this.#opened.pod.secrets));
    } catch (error) {
      if (this.#wanted === 'kmod' || !isDeskPodError(error, 'TIER_UNAVAILABLE')) throw error;
      this.#unguarded = `The session runs without the protection of the kernel module: ${error.message}.`;
    }
    if (this.#guard !== undefined || this.#wanted !== 'kmod') return;
    throw new DeskPodError('TIER_UNAVAILABLE', 'the kernel module was unloaded while the session started', {
      hint: 'Load it with modprobe deskpod, and start again.',
    });
  }

  async #note(processes: ProcessSession): Promise<void> {
    this.#processes = processes;
    const root = { pid: processes.rootPid, startTicks: processes.startTicks };
    const { device, pod } = this.#opened;
    await writeSessionNote(device.staging, { devicePath: device.path, podId: pod.state.podId, root });
    await forgetUnseen(device.staging.bundleDir);
  }

  get #places(): SessionPlaces {
    const { device, pod } = this.#opened;
    const { mergedDir, bundleDir } = device.staging;
    const sessionId = sessionIdOf(device.staging);
    return { sessionId, mergedDir, bundleDir, limits: pod.state.limits, hasNetwork: this.#hasNetwork };
  }
}

// A desktop pod on this host: its session starts, is checkpointed, suspended, resumed and ended here.
import { findCheckpoint } from '../../core/decide.ts';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Checkpoint } from '../../core/state.ts';
import { restoreTree } from '../../sync/files/restore.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import {
  type CapturedTree,
  type CheckpointParts,
  type CheckpointReport,
  captureInto,
  sealCheckpoint,
} from '../../sync/pod/seal-checkpoint.ts';
import type { Geometry } from '../barrier/bundle.ts';
import { installPackages } from '../base/install.ts';
import { countDeviceWrites, flushDevice } from '../device/device-writes.ts';
import { hostFacts } from '../host/host-facts.ts';
import { locateRuntime } from '../host/runtime.ts';
import type { Staging } from '../host/staging.ts';
import {
  adoptSession,
  checkpointSession,
  killSession,
  type ProcessSession,
  resumeSession,
  startSession,
  suspendSession,
} from '../process/processes.ts';
import { closeDevice, type OpenedDevice } from './open-device.ts';
import { PodRoot } from './pod-root.ts';
import { emptyImages, hasFinishedImages, openImages } from './session-images.ts';
import { removeSessionNote, writeSessionNote } from './session-note.ts';

/** How a session is started. */
export interface StartChoice {
  /** `default` resumes what is suspended, and starts fresh otherwise; `resume` goes back to the last checkpoint. */
  readonly choice: 'default' | 'fresh' | 'resume';
  /** Of a fresh session's screen. */
  readonly geometry: Geometry;
}

/** What became of a start. */
export interface StartedSession {
  readonly resumedCheckpoint: number | undefined;
  readonly resumeMs: number;
  readonly warnings: readonly string[];
}

/** What a suspend took until its processes were gone. */
interface SuspendFigures {
  readonly pauseMs: number;
  readonly suspendMs: number;
  readonly startedMs: number;
}

/** One opened desktop pod. Its owner calls one thing after another. */
export class Desktop {
  readonly root: PodRoot;
  readonly #opened: OpenedDevice;
  #session: ProcessSession | undefined;

  private constructor(opened: OpenedDevice) {
    this.#opened = opened;
    this.root = new PodRoot(opened);
  }

  /**
   * Takes an opened device. A session that a killed supervisor left is adopted; a suspend that was interrupted after its
   * processes were saved is finished; a session that is gone is noted in the log.
   */
  static async take(opened: OpenedDevice, onProgress: ProgressListener): Promise<Desktop> {
    const desktop = new Desktop(opened);
    if (opened.left !== undefined) {
      desktop.root.adopt();
      desktop.#session = adoptSession({ ...desktop.#places, rootPid: opened.left.root.pid });
      return desktop;
    }
    await desktop.root.clear();
    if (opened.pod.state.session.status === 'running') {
      if (await hasFinishedImages(desktop.#staging)) {
        onProgress({ step: 'finishing the suspend that was interrupted' });
        await desktop.#sealSuspended({ pauseMs: 0, suspendMs: 0, startedMs: performance.now() }, onProgress);
      } else await opened.pod.append({ type: 'loseSession', cause: 'its host or its device went away' });
    }
    await emptyImages(desktop.#staging);
    return desktop;
  }

  get pod(): Pod {
    return this.#opened.pod;
  }

  /** The running session. */
  get session(): ProcessSession | undefined {
    return this.#session;
  }

  /** How long the passphrase took when the device was opened. */
  get unlockMs(): number {
    return this.#opened.unlockMs;
  }

  /**
   * Starts or resumes the session.
   *
   * @throws DeskPodError SESSION_ALREADY_RUNNING, CHECKPOINT_NOT_FOUND, BASE_NOT_FOUND, BASE_DAMAGED,
   * SESSION_START_FAILED, RESUME_FAILED; nothing runs and nothing of the session is mounted then
   */
  async start({ choice, geometry }: StartChoice, onProgress: ProgressListener): Promise<StartedSession> {
    const { session } = this.pod.state;
    if (this.#session !== undefined) {
      throw new DeskPodError('SESSION_ALREADY_RUNNING', 'the session of this pod is running already', {
        hint: 'See it with `deskpod view`, or end it with `deskpod suspend`.',
      });
    }
    const isSuspended = session.status === 'suspended' && choice !== 'fresh';
    if (isSuspended && !(await this.root.isInUse())) return this.#resume(session.checkpoint, onProgress);
    if (isSuspended || choice === 'resume') return this.#goBack(onProgress);
    const last = this.#lastWithSession();
    const warning =
      session.status === 'lost' && choice === 'default' && last !== undefined
        ? [
            'The last session ended without a checkpoint; this is a fresh one on the files as they are. ' +
              `To go back to checkpoint ${last.number}: deskpod stop, then deskpod start --resume.`,
          ]
        : [];
    return this.#startFresh(geometry, onProgress, warning);
  }

  /** Seals the files, and the processes of a running session, which goes on. */
  async checkpoint(onProgress: ProgressListener): Promise<CheckpointReport> {
    const startedMs = performance.now();
    this.pod.content.discard();
    const session = this.#session;
    if (session === undefined) {
      const files = await this.root.capture(onProgress);
      return this.#seal({ reason: 'files', files, pauseMs: 0 }, startedMs, 0, false);
    }
    const imagesDir = await openImages(this.#staging, false);
    try {
      let files: CapturedTree | undefined;
      const { pauseMs } = await checkpointSession(session, {
        imagesDir,
        whileFrozen: async () => {
          files = await this.root.capture(onProgress);
        },
      });
      if (files === undefined) throw new TypeError('a checkpoint without its files');
      const images = await this.#captureImages(onProgress);
      return await this.#seal({ reason: 'live', files, images, pauseMs }, startedMs, 0, false);
    } finally {
      await emptyImages(this.#staging);
    }
  }

  /**
   * Checkpoints the session and ends it. If the checkpoint cannot be stored (a full device), the session goes on from
   * the images that are still in memory.
   *
   * @throws DeskPodError SUSPEND_FAILED, SESSION_NOT_RUNNING, SPACE_EXHAUSTED: the session goes on
   */
  async suspend(onProgress: ProgressListener): Promise<CheckpointReport> {
    const session = this.#requireSession();
    const startedMs = performance.now();
    this.pod.content.discard();
    const { mountDir } = this.#opened.device;
    const writtenBefore = await countDeviceWrites(mountDir);
    const imagesDir = await openImages(this.#staging, true);
    onProgress({ step: 'saving the processes' });
    let figures: SuspendFigures;
    try {
      const { pauseMs } = await suspendSession(session, { imagesDir });
      figures = { pauseMs, suspendMs: performance.now() - startedMs, startedMs };
    } catch (error) {
      await emptyImages(this.#staging);
      throw error;
    }
    await this.#forgetSession();
    let report: CheckpointReport;
    try {
      onProgress({ step: 'storing the checkpoint' });
      report = await this.#sealSuspended(figures, onProgress);
    } catch (error) {
      // Once the log has it, the checkpoint is whole, whatever failed after that.
      if (this.pod.state.session.status === 'running') {
        onProgress({ step: 'the checkpoint could not be stored; the session goes on' });
        await this.#runFrom(imagesDir);
      }
      throw error;
    } finally {
      await emptyImages(this.#staging);
    }
    await flushDevice(mountDir);
    return { ...report, deviceBytes: (await countDeviceWrites(mountDir)) - writtenBefore };
  }

  /** Ends the session without saving its processes; its files stay. */
  async stop(): Promise<void> {
    await this.#end();
    await this.pod.append({ type: 'stopSession' });
    await this.pod.publish();
  }

  /** Notes that the session has ended by itself. */
  async lose(cause: string): Promise<void> {
    await this.#end();
    await this.pod.append({ type: 'loseSession', cause });
    await this.pod.publish();
  }

  /**
   * Installs Debian packages. A suspended session is resumed for it and suspended again, so that no file changes
   * beneath saved processes.
   *
   * @throws DeskPodError INSTALL_FAILED, and what resuming and suspending throw
   */
  async install(packages: readonly string[], onProgress: ProgressListener): Promise<readonly string[]> {
    const { session } = this.pod.state;
    if (this.#session === undefined && session.status === 'suspended') {
      await this.start({ choice: 'default', geometry: { width: 1280, height: 800 } }, onProgress);
      try {
        return await this.install(packages, onProgress);
      } finally {
        await this.suspend(onProgress);
      }
    }
    await this.root.mount();
    try {
      await this.root.markInUse();
      const { mergedDir } = this.root;
      await installPackages({ mergedDir, packages, runtime: await locateRuntime(), onProgress });
      await this.pod.append({ type: 'recordPackages', packages });
      await this.pod.publish();
    } finally {
      if (this.#session === undefined) await this.root.unmount();
    }
    return packages;
  }

  /** Locks and unmounts everything: safe to unplug on return. A running session stays, for its next supervisor. */
  async close(): Promise<void> {
    if (this.#session !== undefined) {
      await this.pod.close();
      return;
    }
    await this.root.unmount();
    await emptyImages(this.#staging);
    await closeDevice(this.#opened);
  }

  async #startFresh(
    geometry: Geometry,
    onProgress: ProgressListener,
    warnings: readonly string[],
  ): Promise<StartedSession> {
    const startedMs = performance.now();
    onProgress({ step: 'starting a fresh session' });
    await this.root.mount();
    try {
      await this.root.markInUse();
      await this.#note(await startSession({ ...this.#places, geometry, machineId: this.pod.state.podId }));
      await this.pod.append({ type: 'startSession', host: hostFacts() });
    } catch (error) {
      await this.#end();
      throw error;
    }
    return { resumedCheckpoint: undefined, resumeMs: performance.now() - startedMs, warnings };
  }

  async #resume(
    number: number,
    onProgress: ProgressListener,
    warnings: readonly string[] = [],
  ): Promise<StartedSession> {
    const startedMs = performance.now();
    const { images } = findCheckpoint(this.pod.state, number);
    if (images === undefined) throw new TypeError(`checkpoint ${number} has no images`);
    onProgress({ step: `resuming checkpoint ${number}` });
    const imagesDir = await openImages(this.#staging, false);
    let resumeMs: number;
    try {
      const fetched = restoreTree(images, this.pod.content, imagesDir, { overwrite: true });
      await Promise.all([this.root.mount(), fetched]);
      await this.#runFrom(imagesDir);
      resumeMs = performance.now() - startedMs;
      const host = hostFacts();
      await this.pod.append({
        type: 'resumeSession',
        checkpoint: number,
        host,
        resumeMs: Math.round(resumeMs),
      });
    } catch (error) {
      await this.#end();
      throw error;
    } finally {
      await emptyImages(this.#staging);
    }
    return { resumedCheckpoint: number, resumeMs, warnings };
  }

  /** The present is sealed first, so that going back can itself be undone. */
  async #goBack(onProgress: ProgressListener): Promise<StartedSession> {
    const { session } = this.pod.state;
    const target = session.status === 'suspended' ? session.checkpoint : this.#lastWithSession()?.number;
    if (target === undefined) {
      throw new DeskPodError('CHECKPOINT_NOT_FOUND', 'no checkpoint of this pod holds a session', {
        hint: 'Start a fresh session with `deskpod start --fresh`.',
      });
    }
    const present = await this.checkpoint(onProgress);
    onProgress({ step: `bringing the files back to checkpoint ${target}` });
    await this.root.bringBack(findCheckpoint(this.pod.state, target).files, onProgress);
    const warning = `The files as they were until now are in checkpoint ${present.number}.`;
    return this.#resume(target, onProgress, [warning]);
  }

  async #runFrom(imagesDir: string): Promise<void> {
    await this.root.markInUse();
    const stagingDir = this.#staging.restoreDir;
    await this.#note(await resumeSession({ ...this.#places, imagesDir, stagingDir }));
  }

  async #sealSuspended(figures: SuspendFigures, onProgress: ProgressListener): Promise<CheckpointReport> {
    const [files, images] = await Promise.allSettled([
      this.root.capture(onProgress),
      this.#captureImages(onProgress),
    ]);
    if (files.status === 'rejected') throw files.reason;
    if (images.status === 'rejected') throw images.reason;
    const { pauseMs, startedMs, suspendMs } = figures;
    const parts = { reason: 'suspend' as const, files: files.value, images: images.value, pauseMs };
    const report = await this.#seal(parts, startedMs, suspendMs, true);
    await this.root.markAtRest();
    return report;
  }

  async #seal(
    parts: CheckpointParts,
    startedMs: number,
    suspendMs: number,
    asSuspend: boolean,
  ): Promise<CheckpointReport> {
    const sealed = await sealCheckpoint(this.pod, parts, asSuspend);
    return {
      ...sealed,
      fileCount: parts.files.stats.files,
      fileBytes: parts.files.stats.bytes,
      imageBytes: parts.images?.stats.bytes ?? 0,
      pauseMs: parts.pauseMs,
      suspendMs,
      durableMs: performance.now() - startedMs,
    };
  }

  #captureImages(onProgress: ProgressListener): Promise<CapturedTree> {
    return captureInto(this.pod.content, this.#staging.imagesDir, 'images', { onProgress });
  }

  async #note(session: ProcessSession): Promise<void> {
    this.#session = session;
    const root = { pid: session.rootPid, startTicks: session.startTicks };
    const { device, pod } = this.#opened;
    await writeSessionNote(this.#staging, { devicePath: device.path, podId: pod.state.podId, root });
  }

  async #end(): Promise<void> {
    if (this.#session !== undefined) await killSession(this.#session);
    await this.#forgetSession();
    await this.root.unmount();
  }

  async #forgetSession(): Promise<void> {
    this.#session = undefined;
    await removeSessionNote(this.#staging);
  }

  #lastWithSession(): Checkpoint | undefined {
    return this.pod.state.checkpoints.findLast(({ images }) => images !== undefined);
  }

  get #staging(): Staging {
    return this.#opened.device.staging;
  }

  get #places(): { sessionId: string; mergedDir: string; bundleDir: string } {
    const { id, mergedDir, bundleDir } = this.#staging;
    return { sessionId: `deskpod-${id}`, mergedDir, bundleDir };
  }

  #requireSession(): ProcessSession {
    if (this.#session !== undefined) return this.#session;
    const { status } = this.pod.state.session;
    throw new DeskPodError('SESSION_NOT_RUNNING', `no session is running (it is ${status})`, {
      hint: 'Start it with `deskpod start`.',
    });
  }
}

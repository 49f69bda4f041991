// A desktop pod on this host: its session starts, is checkpointed, suspended, resumed and ended here.
import { findCheckpoint } from '../../core/decide.ts';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Root } from '../../core/root.ts';
import type { Checkpoint } from '../../core/state.ts';
import { restoreTree } from '../../sync/files/restore.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import {
  type CapturedTree,
  type CheckpointReport,
  captureInto,
  type DoubtAnswer,
  sealCheckpoint,
} from '../../sync/pod/seal-checkpoint.ts';
import type { Geometry } from '../barrier/bundle.ts';
import { isPulledOut, pulledOut, seemsPulledOut } from '../device/device.ts';
import { countDeviceWrites, flushDevice } from '../device/device-writes.ts';
import { hostFacts } from '../host/host-facts.ts';
import { hostProcessor } from '../host/host-processor.ts';
import { availableMemory, requireHost, requireMemory } from '../host/requirements.ts';
import { type Staging, sessionIdOf } from '../host/staging.ts';
import {
  adoptSession,
  checkpointSession,
  killSession,
  type ProcessSession,
  resumeSession,
  type SessionPlaces,
  startSession,
  suspendSession,
} from '../process/processes.ts';
import { afterwards } from './afterwards.ts';
import { closeDevice, type OpenedDevice } from './open-device.ts';
import { PodRoot } from './pod-root.ts';
import { dropImages, holdsEndedSession, noteSessionEnds, openImages } from './session-images.ts';
import { removeSessionNote, writeSessionNote } from './session-note.ts';
import {
  freshWarnings,
  requireProcessor,
  type StartChoice,
  type StartedSession,
  targetOf,
} from './start-choice.ts';

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
  /** Why the images of a session that was ended by its suspend could not be sealed yet: they stay in memory. */
  #unsealed: unknown;

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
    try {
      await desktop.#take(onProgress);
      return desktop;
    } catch (error) {
      if (opened.left === undefined)
        return afterwards(
          () => Promise.reject(error),
          () => closeDevice(opened),
        );
      throw error;
    }
  }

  async #take(onProgress: ProgressListener): Promise<void> {
    const { left, pod } = this.#opened;
    if (left !== undefined) {
      this.root.adopt();
      // What an interrupted suspend or checkpoint left is of a moment that the session has gone beyond.
      await dropImages(this.#staging);
      this.#session = adoptSession({ ...this.#places, rootPid: left.root.pid });
      return;
    }
    await this.root.clear();
    if (pod.state.session.status === 'running') await this.#settle(onProgress);
    if (this.#unsealed === undefined) await dropImages(this.#staging);
  }

  get pod(): Pod {
    return this.#opened.pod;
  }

  /** Where the device is mounted: its plain part. */
  get deviceDir(): string {
    return this.#opened.device.mountDir;
  }

  /** The running session. */
  get session(): ProcessSession | undefined {
    return this.#session;
  }

  /** True if all that is left of a session is in this host's memory: it must not be turned off. */
  get waitsInMemory(): boolean {
    return this.#unsealed !== undefined;
  }

  /** How long the passphrase took when the device was opened. */
  get unlockMs(): number {
    return this.#opened.unlockMs;
  }

  /**
   * Starts or resumes the session.
   *
   * @throws DeskPodError SESSION_ALREADY_RUNNING, CHECKPOINT_NOT_FOUND, BASE_NOT_FOUND, BASE_DAMAGED,
   * SESSION_START_FAILED, RESUME_FAILED, PROCESSOR_LACKING, HOST_UNSUPPORTED, RUNTIME_MISSING; nothing runs and nothing of the session is mounted then
   */
  async start(asked: StartChoice, onProgress: ProgressListener): Promise<StartedSession> {
    const { state } = this.pod;
    if (this.#session !== undefined) {
      throw new DeskPodError('SESSION_ALREADY_RUNNING', 'the session of this pod is running already', {
        hint: 'See it with `deskpod view`, or end it with `deskpod suspend`.',
      });
    }
    if (this.#unsealed !== undefined) throw this.#unsealed;
    await requireHost();
    const target = targetOf(state, asked);
    if (target === undefined)
      return this.#startFresh(asked.geometry, onProgress, freshWarnings(state, asked));
    requireProcessor(target, hostProcessor());
    requireMemory(target.stats.imageBytes, await availableMemory());
    const { session } = state;
    const isAtHand = session.status === 'suspended' && asked.checkpoint === undefined;
    if (isAtHand && !(await this.root.isInUse())) return this.#resume(target.number, onProgress);
    return this.#goBack(target, asked.geometry, onProgress);
  }

  /** Seals the files, and the processes of a running session, which goes on. @throws DeskPodError CHECKPOINT_DOUBTFUL */
  async checkpoint(onProgress: ProgressListener, answer: DoubtAnswer = 'stop'): Promise<CheckpointReport> {
    const startedMs = performance.now();
    this.pod.content.discard();
    const session = this.#session;
    if (session === undefined) {
      const files = await this.root.capture(onProgress);
      return sealCheckpoint(this.pod, { reason: 'files', files, pauseMs: 0, startedMs, ifDoubtful: answer });
    }
    const { rootPid } = session;
    await this.root.captureAhead(onProgress, rootPid);
    const imagesDir = await openImages(this.#staging);
    try {
      let files: CapturedTree | undefined;
      const { pauseMs } = await checkpointSession(session, {
        imagesDir,
        whileFrozen: async (signal) => {
          files = await this.root.capture(onProgress, { rootPid, signal });
        },
      });
      if (files === undefined) throw new TypeError('a checkpoint without its files');
      const images = await this.#captureImages(onProgress);
      const parts = { reason: 'live' as const, files, images, pauseMs, startedMs, ifDoubtful: answer };
      return await sealCheckpoint(this.pod, parts);
    } finally {
      await dropImages(this.#staging);
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
    const imagesDir = await openImages(this.#staging);
    onProgress({ step: 'saving the processes' });
    let figures: SuspendFigures;
    try {
      const whileFrozen = () => noteSessionEnds(this.#staging);
      const { pauseMs } = await suspendSession(session, { imagesDir, whileFrozen });
      figures = { pauseMs, suspendMs: performance.now() - startedMs, startedMs };
    } catch (error) {
      await dropImages(this.#staging);
      throw error;
    }
    await this.#forgetSession();
    let report: CheckpointReport;
    try {
      onProgress({ step: 'storing the checkpoint' });
      report = await this.#sealSuspended(figures, onProgress);
    } catch (error) {
      await this.#goOn(imagesDir, error, onProgress);
      throw error;
    }
    await dropImages(this.#staging);
    // A LUKS vault is a file system of its own: what waits in it goes to the device's first.
    await flushDevice(this.#opened.vault.dir);
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
    if (this.#session !== undefined) await killSession(this.#session);
    await this.#forgetSession();
    await this.pod.append({ type: 'loseSession', cause });
    await this.root.unmount();
    await this.pod.publish();
  }

  /**
   * Locks and unmounts everything: safe to unplug on return. A running session stays, for its next supervisor.
   *
   * @throws DeskPodError DEVICE_GONE if the drive was pulled out: nothing of it stays on this host then
   */
  async close(): Promise<void> {
    if (this.#session !== undefined) {
      await this.pod.close();
      return;
    }
    // Without its drive nothing can be unmounted properly, and what waits in memory has no place to go to.
    if (!(await this.isPulledOut())) {
      await this.root.unmount();
      if (this.#unsealed === undefined) await dropImages(this.#staging);
    }
    await closeDevice(this.#opened);
  }

  /** What to tell of a failure: that the drive was pulled out, if it was. */
  async explain(error: unknown): Promise<unknown> {
    const { device } = this.#opened;
    return (await isPulledOut(device)) ? pulledOut(device.path, error) : error;
  }

  /** True if the drive that the pod is on was pulled out, and the kernel has noticed. */
  isPulledOut(): Promise<boolean> {
    return seemsPulledOut(this.#opened.device);
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
      const { podId: machineId, processorLevel } = this.pod.state;
      const kept = processorLevel === undefined ? {} : { processorLevel };
      await this.#note(await startSession({ ...this.#places, geometry, machineId, ...kept }));
      await this.pod.append({ type: 'startSession', host: hostFacts(), processor: hostProcessor() });
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
    const imagesDir = await openImages(this.#staging);
    let resumeMs: number;
    try {
      await this.#mountWith(images, imagesDir);
      await this.#runFrom(imagesDir);
      resumeMs = performance.now() - startedMs;
      const host = hostFacts();
      await this.pod.append({
        type: 'resumeSession',
        checkpoint: number,
        host,
        processor: hostProcessor(),
        resumeMs: Math.round(resumeMs),
      });
    } catch (error) {
      await this.#end();
      throw error;
    } finally {
      await dropImages(this.#staging);
    }
    return { resumedCheckpoint: number, resumeMs, warnings };
  }

  /** Mounts the root while images are fetched. If one fails the other has ended, too: neither keeps the device busy. */
  async #mountWith(images: Root, imagesDir: string): Promise<void> {
    const stopping = new AbortController();
    const options = { overwrite: true, signal: stopping.signal };
    const both = [this.root.mount(), restoreTree(images, this.pod.content, imagesDir, options)];
    try {
      await Promise.all(both);
    } catch (error) {
      stopping.abort();
      await Promise.allSettled(both);
      throw error;
    }
  }

  /** The present is sealed first, so that going back can itself be undone. */
  async #goBack(
    target: Checkpoint,
    geometry: Geometry,
    onProgress: ProgressListener,
  ): Promise<StartedSession> {
    const { number } = target;
    const present = await this.checkpoint(onProgress, 'note');
    onProgress({ step: `bringing the files back to checkpoint ${number}` });
    await this.root.bringBack(target.files, onProgress);
    const warning = `The files as they were until now are in checkpoint ${present.number}.`;
    if (target.images !== undefined) return this.#resume(number, onProgress, [warning]);
    return this.#startFresh(geometry, onProgress, [
      warning,
      `Checkpoint ${number} holds files only, no session.`,
    ]);
  }

  async #runFrom(imagesDir: string): Promise<void> {
    await this.root.markInUse();
    const stagingDir = this.#staging.restoreDir;
    await this.#note(await resumeSession({ ...this.#places, imagesDir, stagingDir }));
  }

  async #sealSuspended(figures: SuspendFigures, onProgress: ProgressListener): Promise<CheckpointReport> {
    const [files, images, flushed] = await Promise.allSettled([
      this.root.capture(onProgress),
      this.#captureImages(onProgress),
      // The layer is resumed on as it is only if it lies on the drive before it is called at rest.
      flushDevice(this.#opened.vault.dir),
    ]);
    if (files.status === 'rejected') throw files.reason;
    if (images.status === 'rejected') throw images.reason;
    if (flushed.status === 'rejected') throw flushed.reason;
    const parts = { reason: 'suspend' as const, files: files.value, images: images.value };
    // whoever suspends wants to unplug: what is doubtful is asked later, and the session is kept
    const report = await sealCheckpoint(this.pod, { ...parts, ...figures, ifDoubtful: 'note' });
    await this.root.markAtRest();
    return report;
  }

  /** The checkpoint could not be stored: the session goes on from the images that are still in memory. */
  async #goOn(imagesDir: string, reason: unknown, onProgress: ProgressListener): Promise<void> {
    if (await isPulledOut(this.#opened.device)) return;
    // Once the log has it, the checkpoint is whole, whatever failed after that.
    if (this.pod.state.session.status === 'running') {
      onProgress({ step: 'the checkpoint could not be stored; the session goes on' });
      try {
        await this.#runFrom(imagesDir);
      } catch (error) {
        // The images are all that is left of the session: they stay, for the next command to seal.
        this.#unsealed = waitsInMemory(reason, error);
        throw this.#unsealed;
      }
    }
    await dropImages(this.#staging);
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

  /** The log says that a session runs, and none does: its suspend is finished, or it is noted as lost. */
  async #settle(onProgress: ProgressListener): Promise<void> {
    if (!(await holdsEndedSession(this.#staging))) {
      await this.pod.append({ type: 'loseSession', cause: 'its host or its device went away' });
      return;
    }
    onProgress({ step: 'finishing the suspend that was interrupted' });
    try {
      await this.#sealSuspended({ pauseMs: 0, suspendMs: 0, startedMs: performance.now() }, onProgress);
    } catch (error) {
      // What asks nothing of the session goes on: a full device must still be able to sync.
      const reason = error instanceof Error ? error.message : String(error);
      onProgress({ step: `it could not be finished, and waits in memory: ${reason}` });
      this.#unsealed = error;
    }
  }

  get #staging(): Staging {
    return this.#opened.device.staging;
  }

  get #places(): SessionPlaces {
    const { mergedDir, bundleDir } = this.#staging;
    const { limits } = this.pod.state;
    return { sessionId: sessionIdOf(this.#staging), mergedDir, bundleDir, limits };
  }

  #requireSession(): ProcessSession {
    if (this.#session !== undefined) return this.#session;
    const { status } = this.pod.state.session;
    throw new DeskPodError('SESSION_NOT_RUNNING', `no session is running (it is ${status})`, {
      hint: 'Start it with `deskpod start`.',
    });
  }
}

/** The SUSPEND_FAILED of a session of which the images in memory are all there is. */
function waitsInMemory(reason: unknown, failure: unknown): DeskPodError {
  const [why, whyNot] = [reason, failure].map((error) =>
    error instanceof Error ? error.message : `${error}`,
  );
  return new DeskPodError(
    'SUSPEND_FAILED',
    `the session could neither be stored (${why}) nor go on (${whyNot}); it waits in the memory of this computer`,
    {
      hint: 'Keep this computer on and the device plugged in. Make room on the device, or end what is in the way, then run `deskpod start`: it is stored first.',
      cause: new AggregateError([reason, failure], `${why}; ${whyNot}`),
    },
  );
}

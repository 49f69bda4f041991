// A desktop pod on this host: its session starts, is checkpointed, suspended, resumed and ended here.

import type { BarrierTier } from '../../core/barrier-tier.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Root } from '../../core/root.ts';
import type { Checkpoint } from '../../core/state.ts';
import type { ViolationTally } from '../../core/violation-tally.ts';
import { restoreTree } from '../../sync/files/restore.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import {
  type CapturedTree,
  type CheckpointReport,
  type DoubtAnswer,
  sealCheckpoint,
  writerInto,
} from '../../sync/pod/seal-checkpoint.ts';
import type { Geometry } from '../barrier/bundle.ts';
import { isPulledOut, pulledOut, seemsPulledOut } from '../device/device.ts';
import { endsWithin } from '../host/deadline.ts';
import { hostFacts } from '../host/host-facts.ts';
import { hostProcessor } from '../host/host-processor.ts';
import { freeMemory, requireMemory, tooLittleMemory } from '../host/memory.ts';
import { requireHost } from '../host/requirements.ts';
import type { Staging } from '../host/staging.ts';
import { checkpointSession } from '../process/checkpointing.ts';
import type { ProcessSession } from '../process/processes.ts';
import { requireTier } from '../tier/examine-tier.ts';
import { afterwards } from './afterwards.ts';
import { LayerChanged } from './layer-changed.ts';
import { LiveSession } from './live-session.ts';
import { closeDevice, type OpenedDevice } from './open-device.ts';
import { PodRoot } from './pod-root.ts';
import { ScreenPicture } from './screen-picture.ts';
import { captureImages, dropImages, openImages } from './session-images.ts';
import {
  freshWarnings,
  requireProcessor,
  type StartChoice,
  type StartedHere,
  type StartedSession,
  targetOf,
} from './start-choice.ts';
import { Suspension } from './suspension.ts';

/** How long a start waits for its network once the desktop is there. */
const NETWORK_TIMEOUT_MS = 1000;

/** One opened desktop pod. Its owner calls one thing after another. */
export class Desktop {
  readonly root: PodRoot;
  readonly #opened: OpenedDevice;
  readonly #live: LiveSession;
  readonly #suspension: Suspension;

  private constructor(opened: OpenedDevice) {
    this.#opened = opened;
    this.root = new PodRoot(opened);
    this.#live = new LiveSession(opened, this.root);
    this.#suspension = new Suspension(opened, this.root, this.#live);
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
      this.#live.adopt(left.root.pid);
      return;
    }
    await this.root.clear();
    if (pod.state.session.status === 'running') await this.#suspension.settle(onProgress);
    if (!this.waitsInMemory) await dropImages(this.#staging);
  }

  get pod(): Pod {
    return this.#opened.pod;
  }

  /** The device or image file, as a command takes it. */
  get devicePath(): string {
    return this.#opened.device.path;
  }

  /** Where the device is mounted: its plain part. */
  get deviceDir(): string {
    return this.#opened.device.mountDir;
  }

  /** The running session. */
  get session(): ProcessSession | undefined {
    return this.#live.processes;
  }

  /** The tier of the barrier around it; undefined if none runs. */
  get tier(): BarrierTier | undefined {
    return this.#live.tier;
  }

  /** What the kernel module has refused, and nobody was told yet. */
  get violations(): ViolationTally {
    return this.#live.violations;
  }

  /** True if all that is left of a session is in this host's memory: it must not be turned off. */
  get waitsInMemory(): boolean {
    return this.#suspension.unsealed !== undefined;
  }

  /** How long the passphrase took when the device was opened. */
  get unlockMs(): number {
    return this.#opened.unlockMs;
  }

  /**
   * Starts or resumes the session.
   *
   * @throws DeskPodError SESSION_ALREADY_RUNNING, CHECKPOINT_NOT_FOUND, BASE_NOT_FOUND, BASE_DAMAGED,
   * SESSION_START_FAILED, RESUME_FAILED, PROCESSOR_LACKING, HOST_UNSUPPORTED, TIER_UNAVAILABLE, RUNTIME_MISSING, DEVICE_FULL if
   * there is no room for what differs from the checkpoint; nothing runs and nothing of the session is mounted then
   */
  async start(asked: StartChoice, onProgress: ProgressListener): Promise<StartedSession> {
    if (this.session !== undefined) {
      throw new DeskPodError('SESSION_ALREADY_RUNNING', 'the session of this pod is running already', {
        hint: 'See it with `deskpod view`, or end it with `deskpod suspend`.',
      });
    }
    if (this.waitsInMemory) throw this.#suspension.unsealed;
    if (asked.isCutOff === true) this.#live.cutOff();
    await requireHost();
    if (asked.requiredTier !== undefined) await requireTier(asked.requiredTier);
    this.#live.insistOn(asked.requiredTier);
    try {
      const started = await this.#start(asked, onProgress);
      const { tier = 'namespaces', warnings } = this.#live;
      return { ...started, tier, warnings: [...started.warnings, ...warnings] };
    } finally {
      // a suspend that cannot be stored lets the session go on with what there is then
      this.#live.insistOn(undefined);
    }
  }

  async #start(asked: StartChoice, onProgress: ProgressListener): Promise<StartedHere> {
    const { state } = this.pod;
    const target = targetOf(state, asked);
    if (target === undefined)
      return this.#startFresh(asked.geometry, onProgress, freshWarnings(state, asked));
    requireProcessor(target, hostProcessor());
    await requireMemory(target.stats.imageBytes);
    const { session } = state;
    const isAtHand = session.status === 'suspended' && asked.checkpoint === undefined;
    if (!isAtHand || (await this.root.isInUse())) return this.#goBack(target, asked.geometry, onProgress);
    try {
      return await this.#resume(target, onProgress, { isLayerProven: false });
    } catch (error) {
      if (!(error instanceof LayerChanged)) throw error;
      return this.#goBack(target, asked.geometry, onProgress, [error.message]);
    }
  }

  /** Seals the files, and the processes of a running session, which goes on. @throws DeskPodError CHECKPOINT_DOUBTFUL */
  async checkpoint(
    onProgress: ProgressListener,
    answer: DoubtAnswer = 'stop',
    reason?: 'schedule' | 'dock',
  ): Promise<CheckpointReport> {
    const startedMs = performance.now();
    this.pod.content.discard();
    const { session } = this;
    if (session === undefined) {
      const files = await this.root.capture(onProgress);
      const parts = { reason: reason ?? 'files', files, pauseMs: 0, startedMs, ifDoubtful: answer } as const;
      return sealCheckpoint(this.pod, parts);
    }
    const { rootPid } = session;
    await this.root.captureAhead(onProgress, rootPid);
    const [imagesDir, picture] = await Promise.all([openImages(this.#staging), ScreenPicture.take(session)]);
    try {
      let files: CapturedTree | undefined;
      const { pauseMs, warnings } = await checkpointSession(session, {
        imagesDir,
        whileFrozen: async (signal) => {
          files = await this.root.capture(onProgress, { rootPid, signal });
        },
      });
      if (files === undefined) throw new TypeError('a checkpoint without its files');
      // made only now: while the session stood still, its files were read by the same thread
      await picture.writeInto(imagesDir);
      const writer = writerInto(this.pod.content, 'images');
      const images = await captureImages(writer, this.#staging, onProgress);
      const sealed = { reason: reason ?? 'live', files, images } as const;
      const parts = { ...sealed, pauseMs, startedMs, ifDoubtful: answer };
      const report = await sealCheckpoint(this.pod, parts);
      const told = [...report.warnings, ...warnings.map(asSentences)];
      return { ...report, ...picture.report, warnings: told };
    } finally {
      await dropImages(this.#staging);
    }
  }

  /** Why the session has no network, in sentences; nothing if it has one, or that is not known soon. */
  async networkWarnings(): Promise<readonly string[]> {
    const plugged = this.session?.plugged;
    if (plugged === undefined || !(await endsWithin(plugged, NETWORK_TIMEOUT_MS))) return [];
    const failure = await plugged;
    return failure === undefined ? [] : [asSentences(failure)];
  }

  /**
   * Checkpoints the session and ends it. If the checkpoint cannot be stored (a full device), the session goes on from
   * the images that are still in memory.
   *
   * @throws DeskPodError SUSPEND_FAILED, SESSION_NOT_RUNNING, SPACE_EXHAUSTED: the session goes on
   */
  suspend(onProgress: ProgressListener): Promise<CheckpointReport> {
    return this.#suspension.suspend(onProgress);
  }

  /** Ends the session without saving its processes; its files stay. */
  async stop(): Promise<void> {
    await this.#live.end();
    await this.pod.append({ type: 'stopSession' });
    await this.pod.publish();
  }

  /** Notes that the session has ended by itself. */
  async lose(cause: string): Promise<void> {
    await this.#live.kill();
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
    if (this.session !== undefined) {
      this.#live.unguard();
      await this.pod.close();
      return;
    }
    // Without its drive nothing can be unmounted properly, and what waits in memory has no place to go to.
    if (!(await this.isPulledOut())) {
      await this.root.unmount();
      if (!this.waitsInMemory) await dropImages(this.#staging);
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
  ): Promise<StartedHere> {
    const startedMs = performance.now();
    onProgress({ step: 'starting a fresh session' });
    await this.root.mount();
    try {
      await this.#live.begin(geometry);
      await this.pod.append({ type: 'startSession', host: hostFacts(), processor: hostProcessor() });
    } catch (error) {
      await this.#live.end();
      throw error;
    }
    return { resumedCheckpoint: undefined, resumeMs: performance.now() - startedMs, warnings };
  }

  /** @throws LayerChanged if the layer was not restored just now, and is not what the checkpoint has: nothing runs then */
  async #resume(
    { number, files, images, stats }: Checkpoint,
    onProgress: ProgressListener,
    {
      isLayerProven,
      warnings = [],
    }: { readonly isLayerProven: boolean; readonly warnings?: readonly string[] },
  ): Promise<StartedHere> {
    const startedMs = performance.now();
    if (images === undefined) throw new TypeError(`checkpoint ${number} has no images`);
    onProgress({ step: `resuming checkpoint ${number}` });
    const imagesDir = await openImages(this.#staging);
    let resumeMs: number;
    try {
      await this.#mountWith(images, imagesDir, isLayerProven ? undefined : files).catch(async (error) => {
        // it is memory that is full: what lies on the drive is only read
        if (!isDeskPodError(error, 'SPACE_EXHAUSTED')) throw error;
        throw tooLittleMemory(stats.imageBytes, await freeMemory(), error);
      });
      await this.#live.goOnFrom(imagesDir);
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
      await this.#live.end();
      throw error;
    } finally {
      await dropImages(this.#staging);
    }
    return { resumedCheckpoint: number, resumeMs, warnings };
  }

  /**
   * Mounts the root while images are fetched and, if `files` are given, the layer is compared with them. If one fails the others
   * have ended, too: none keeps the device busy.
   */
  async #mountWith(images: Root, imagesDir: string, files: Root | undefined): Promise<void> {
    const stopping = new AbortController();
    const { signal } = stopping;
    const compare = async (proven: Root): Promise<void> => {
      const path = await this.root.findChange(proven, signal);
      if (path !== undefined) throw new LayerChanged(path);
    };
    const all = [
      this.root.mount(),
      restoreTree(images, this.pod.content, imagesDir, { overwrite: true, signal }),
      ...(files === undefined ? [] : [compare(files)]),
    ];
    try {
      await Promise.all(all);
    } catch (error) {
      stopping.abort();
      await Promise.allSettled(all);
      throw error;
    }
  }

  /** The present is sealed first, so that going back can itself be undone. */
  async #goBack(
    target: Checkpoint,
    geometry: Geometry,
    onProgress: ProgressListener,
    reasons: readonly string[] = [],
  ): Promise<StartedHere> {
    const { number } = target;
    // before a checkpoint of the present takes of it
    const room = await this.root.measureBack(target);
    const present = await this.checkpoint(onProgress, 'note');
    onProgress({ step: `bringing the files back to checkpoint ${number}` });
    await this.root.bringBack(target, room, onProgress);
    const warnings = [...reasons, `The files as they were until now are in checkpoint ${present.number}.`];
    const started =
      target.images !== undefined
        ? await this.#resume(target, onProgress, { isLayerProven: true, warnings })
        : await this.#startFresh(geometry, onProgress, [
            ...warnings,
            `Checkpoint ${number} holds files only, no session.`,
          ]);
    return { ...started, presentCheckpoint: present.number };
  }

  get #staging(): Staging {
    return this.#opened.device.staging;
  }
}

function asSentences({ message, hint }: DeskPodError): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.${hint === undefined ? '' : ` ${hint}`}`;
}

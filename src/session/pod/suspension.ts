// A suspend: from the processes that are saved in memory to the checkpoint that lies on the drive, also if it was interrupted.
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import {
  type CapturedTree,
  type CheckpointReport,
  sealCheckpoint,
  writerInto,
} from '../../sync/pod/seal-checkpoint.ts';
import { isPulledOut } from '../device/device.ts';
import { countDeviceWrites, flushDevice, flushFully } from '../device/device-writes.ts';
import { freeMemory } from '../host/memory.ts';
import type { Staging } from '../host/staging.ts';
import { listSessionTasks, ownMemoryBytes } from '../preflight/session-tasks.ts';
import { suspendSession } from '../process/checkpointing.ts';
import { forgetSession } from '../process/processes.ts';
import { ImagesAhead } from './images-ahead.ts';
import type { LiveSession } from './live-session.ts';
import type { OpenedDevice } from './open-device.ts';
import type { PodRoot } from './pod-root.ts';
import { ScreenPicture } from './screen-picture.ts';
import {
  captureImages,
  dropImages,
  holdsEndedSession,
  noteSessionEnds,
  openImages,
} from './session-images.ts';

/** What storing takes: the threads, and packs that are being filled. */
const STORING_BYTES = 160 * 2 ** 20;

/** What a suspend took until its processes were gone. */
interface SuspendFigures {
  readonly pauseMs: number;
  readonly suspendMs: number;
  readonly startedMs: number;
}

/** A checkpoint's parts, in packs that are not sealed yet. */
interface StoredParts {
  readonly files: CapturedTree;
  readonly images: CapturedTree;
}

/** Parts that are being stored, and what stops that. */
interface Storing {
  readonly parts: Promise<StoredParts>;
  readonly stop: AbortController;
}

/** A dump of a session that ends it, step by step. */
interface EndingDump {
  readonly picture: ScreenPicture;
  /** The most that its images may come to. */
  readonly imageBytes: number;
  /** Resolves when every image is complete. */
  readonly complete: PromiseWithResolvers<void>;
  /** Resolves when no process of the session is left. */
  readonly ended: Promise<void>;
}

/** Puts the session of a pod to rest. */
export class Suspension {
  readonly #opened: OpenedDevice;
  readonly #root: PodRoot;
  readonly #live: LiveSession;
  #unsealed: unknown;

  constructor(opened: OpenedDevice, root: PodRoot, live: LiveSession) {
    this.#opened = opened;
    this.#root = root;
    this.#live = live;
  }

  /** Why the images of a session that was ended by its suspend could not be sealed yet: they stay in memory. */
  get unsealed(): unknown {
    return this.#unsealed;
  }

  /**
   * Checkpoints the session and ends it. If the checkpoint cannot be stored (a full device), the session goes on from
   * the images that are still in memory.
   *
   * @throws DeskPodError SUSPEND_FAILED, SESSION_NOT_RUNNING, SPACE_EXHAUSTED: the session goes on
   */
  async suspend(onProgress: ProgressListener): Promise<CheckpointReport> {
    const session = this.#live.require();
    const startedMs = performance.now();
    const { content } = this.#opened.pod;
    const looking = ScreenPicture.take(session);
    content.discard();
    // Its threads are there when the processes are saved, which keeps one of the processors busy.
    content.prepare();
    const { mountDir } = this.#opened.device;
    const writtenBefore = await countDeviceWrites(mountDir);
    const imagesDir = await openImages(this.#staging);
    const picture = await looking;
    onProgress({ step: 'saving the processes' });
    let figures: SuspendFigures;
    let storing: Storing | undefined;
    let complete = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    try {
      const whileStopped = async (): Promise<void> => {
        // the dump was tried before, and failed
        await this.#forsake(storing);
        complete = Promise.withResolvers();
        picture.make();
        const imageBytes = ownMemoryBytes(listSessionTasks(session.rootPid));
        storing = this.#store(onProgress, { picture, imageBytes, complete, ended: ended.promise });
      };
      const whileFrozen = async (): Promise<void> => {
        await noteSessionEnds(this.#staging);
        // no process runs again unless CRIU fails now
        complete.resolve();
      };
      const { pauseMs } = await suspendSession(session, { imagesDir, whileStopped, whileFrozen });
      figures = { pauseMs, suspendMs: performance.now() - startedMs, startedMs };
      ended.resolve();
    } catch (error) {
      await this.#forsake(storing);
      await dropImages(this.#staging);
      throw error;
    }
    await this.#live.forget();
    // runc and the kernel take their time for it, and need no processor. The root stays mounted until the checkpoint lies on
    // the drive: a drive that takes nothing more, not even the empty folder that overlayfs makes, could not be mounted again.
    const forgetting = Promise.allSettled([forgetSession(session)]);
    let report: CheckpointReport;
    try {
      report = await this.#seal(figures, storing ?? this.#store(onProgress));
    } catch (error) {
      await forgetting;
      this.#live.unguard();
      await this.#goOn(imagesDir, error, onProgress);
      throw error;
    }
    const [forgotten] = await forgetting;
    this.#live.unguard();
    // A root that is held by a program of the host is unmounted once more, and told of, when the device is closed.
    const unmounting = Promise.allSettled([this.#root.unmount()]);
    try {
      await Promise.all([dropImages(this.#staging), flushFully(this.#opened.vault.dir, mountDir)]);
    } finally {
      await unmounting;
    }
    const warnings = [...report.warnings];
    if (forgotten.status === 'rejected') warnings.push(notForgotten(forgotten.reason));
    const deviceBytes = (await countDeviceWrites(mountDir)) - writtenBefore;
    return { ...report, ...picture.report, warnings, deviceBytes };
  }

  /** Stores the parts, beside the dump if there is the memory for both; without one, what lies in memory is stored. */
  #store(onProgress: ProgressListener, dump?: EndingDump): Storing {
    const stop = new AbortController();
    const { signal } = stop;
    const { content } = this.#opened.pod;
    const writer = new ImagesAhead(writerInto(content, 'images'));
    let isComplete = dump === undefined;
    const complete = Promise.resolve(dump?.complete.promise).then(() => {
      isComplete = true;
    });
    /** CRIU gives a deleted file that is still open a name again: the layer's files are all there with the images. */
    const storeFiles = async (): Promise<CapturedTree> => {
      await Promise.race([complete, aborted(signal)]);
      signal.throwIfAborted();
      const [files, flushed] = await Promise.allSettled([
        this.#root.capture(onProgress, { signal }),
        // The layer is resumed on as it is only if it lies on the drive before it is called at rest.
        flushDevice(this.#opened.vault.dir),
      ]);
      if (files.status === 'rejected') throw files.reason;
      if (flushed.status === 'rejected') throw flushed.reason;
      return files.value;
    };
    const storeImages = async (): Promise<CapturedTree> => {
      const { imagesDir } = this.#staging;
      await writer.follow(imagesDir, () => isComplete || signal.aborted);
      signal.throwIfAborted();
      await dump?.picture.writeInto(imagesDir);
      return captureImages(writer, this.#staging, onProgress, signal);
    };
    const store = async (): Promise<StoredParts> => {
      // whoever waits for an answer gets it first
      await setImmediate();
      if (dump !== undefined) await roomBeside(dump, signal);
      signal.throwIfAborted();
      onProgress({ step: 'storing the checkpoint' });
      const [files, images] = await Promise.allSettled([storeFiles(), storeImages()]);
      if (files.status === 'rejected') throw files.reason;
      if (images.status === 'rejected') throw images.reason;
      return { files: files.value, images: images.value };
    };
    const parts = store();
    // who needs them is told of a failure
    parts.catch(() => undefined);
    return { parts, stop };
  }

  /** Gives up parts of a session that runs again. */
  async #forsake(storing: Storing | undefined): Promise<void> {
    if (storing === undefined) return;
    storing.stop.abort();
    await Promise.allSettled([storing.parts]);
    this.#opened.pod.content.discard();
    this.#opened.pod.content.prepare();
  }

  async #seal(figures: SuspendFigures, { parts }: Storing): Promise<CheckpointReport> {
    const { files, images } = await parts;
    const sealing = { reason: 'suspend' as const, files, images, ...figures };
    // whoever suspends wants to unplug: what is doubtful is asked later, and the session is kept
    const report = await sealCheckpoint(this.#opened.pod, { ...sealing, ifDoubtful: 'note' });
    await this.#root.markAtRest();
    return report;
  }

  /** The checkpoint could not be stored: the session goes on from the images that are still in memory. */
  async #goOn(imagesDir: string, reason: unknown, onProgress: ProgressListener): Promise<void> {
    if (await isPulledOut(this.#opened.device)) return;
    // Once the log has it, the checkpoint is whole, whatever failed after that.
    if (this.#opened.pod.state.session.status === 'running') {
      onProgress({ step: 'the checkpoint could not be stored; the session goes on' });
      try {
        await this.#live.goOnFrom(imagesDir);
      } catch (error) {
        // The images are all that is left of the session: they stay, for the next command to seal.
        this.#unsealed = waitsInMemory(reason, error);
        throw this.#unsealed;
      }
    }
    await dropImages(this.#staging);
  }

  /** The log says that a session runs, and none does: its suspend is finished, or it is noted as lost. */
  async settle(onProgress: ProgressListener): Promise<void> {
    if (!(await holdsEndedSession(this.#staging))) {
      await this.#opened.pod.append({ type: 'loseSession', cause: 'its host or its device went away' });
      return;
    }
    onProgress({ step: 'finishing the suspend that was interrupted' });
    try {
      const startedMs = performance.now();
      await this.#seal({ pauseMs: 0, suspendMs: 0, startedMs }, this.#store(onProgress));
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
}

/** Waits until there is the memory to store beside what the dump takes, and beside its processes: until it is over at the latest. */
async function roomBeside({ imageBytes, complete, ended }: EndingDump, signal: AbortSignal): Promise<void> {
  const isRoom = async (needBytes: number): Promise<boolean> => (await freeMemory()).freeBytes >= needBytes;
  if (!(await isRoom(STORING_BYTES + imageBytes))) await Promise.race([complete.promise, aborted(signal)]);
  if (!(await isRoom(STORING_BYTES))) await Promise.race([ended, aborted(signal)]);
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

function notForgotten(reason: unknown): string {
  const why = reason instanceof Error ? reason.message : String(reason);
  return `The session is suspended, but not all that it left on this computer could be taken away: ${why}. Its next start here tries again.`;
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

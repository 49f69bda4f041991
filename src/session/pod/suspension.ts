// A suspend: from the processes that are saved in memory to the checkpoint that lies on the drive, also if it was interrupted.
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { type CapturedTree, type CheckpointReport, sealCheckpoint } from '../../sync/pod/seal-checkpoint.ts';
import { isPulledOut } from '../device/device.ts';
import { countDeviceWrites, flushDevice, flushFully } from '../device/device-writes.ts';
import { freeMemory } from '../host/memory.ts';
import type { Staging } from '../host/staging.ts';
import { suspendSession } from '../process/checkpointing.ts';
import { forgetSession } from '../process/processes.ts';
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

/** What there is of a session whose processes CRIU has saved, beside its images. */
interface Saved {
  readonly picture: ScreenPicture;
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
    const ended = Promise.withResolvers<void>();
    try {
      const whileFrozen = async (): Promise<void> => {
        // the dump was tried before, and failed after its images were complete
        await this.#forsake(storing);
        await noteSessionEnds(this.#staging);
        // No process runs again unless CRIU fails now: what it saved is stored while it ends them.
        storing = this.#store(onProgress, { picture, ended: ended.promise });
      };
      const { pauseMs } = await suspendSession(session, {
        imagesDir,
        whileDumping: () => picture.make(),
        whileFrozen,
      });
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
      await this.#goOn(imagesDir, error, onProgress);
      throw error;
    }
    const [forgotten] = await forgetting;
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

  /** Stores the parts; of a suspend that was interrupted nothing is left but what lies in memory. */
  #store(onProgress: ProgressListener, { picture, ended }: Partial<Saved> = {}): Storing {
    const stop = new AbortController();
    const { signal } = stop;
    const store = async (): Promise<StoredParts> => {
      // whoever waits for an answer gets it first
      await setImmediate();
      // memory is theirs until they are gone: where there is little else, it is waited for
      const { freeBytes } = await freeMemory();
      if (freeBytes < STORING_BYTES && !signal.aborted) await Promise.race([ended, once(signal, 'abort')]);
      signal.throwIfAborted();
      onProgress({ step: 'storing the checkpoint' });
      await picture?.writeInto(this.#staging.imagesDir);
      const [files, images, flushed] = await Promise.allSettled([
        this.#root.capture(onProgress, { signal }),
        captureImages(this.#opened.pod.content, this.#staging, onProgress, signal),
        // The layer is resumed on as it is only if it lies on the drive before it is called at rest.
        flushDevice(this.#opened.vault.dir),
      ]);
      if (files.status === 'rejected') throw files.reason;
      if (images.status === 'rejected') throw images.reason;
      if (flushed.status === 'rejected') throw flushed.reason;
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

// The picture of the screen that goes with a checkpoint: taken while the session still runs, made small while CRIU works.
import { rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { PICTURE_NAME } from '../../sync/browse/checkpoint-picture.ts';
import type { CheckpointReport } from '../../sync/pod/seal-checkpoint.ts';
import { endsWithin } from '../host/deadline.ts';
import { untilDisplayWaits } from '../preflight/waiting-display.ts';
import type { ProcessSession } from '../process/processes.ts';
import { connectToSession } from '../process/session-socket.ts';
import { openRfb } from '../rfb/client.ts';
import { fittingSize, type Pixels, scaleDown } from '../rfb/scaled-pixels.ts';
import { encodePng } from '../rfb/screenshot.ts';

/** How long a display may take to show itself, and then to let go of the connection: a checkpoint waits no longer. */
const ANSWER_TIMEOUT_MS = 300;
const HANG_UP_TIMEOUT_MS = 300;

/** The largest display that is looked at, which is 40 MiB as it comes. */
const DISPLAY_LIMIT_PIXELS = 4096 * 2560;

/** The longer side of a picture. It so has at most 1.2 MB before it is compressed, whatever the session shows. */
const SIDE_PIXELS = 640;

/** A picture of one moment, or the reason why there is none: a checkpoint does without it. */
export class ScreenPicture {
  #pixels: Pixels | undefined;
  #png: Promise<Uint8Array | undefined> | undefined;
  #absence: string | undefined;

  private constructor(pixels: Pixels | undefined) {
    this.#pixels = pixels;
  }

  /**
   * Looks at the display of a session that runs, and has let go of it on its return; if the display does not answer soon, there is no
   * picture. Never rejects.
   */
  static async take(session: Pick<ProcessSession, 'rootPid'>): Promise<ScreenPicture> {
    try {
      return new ScreenPicture(await lookAt(session));
    } catch (error) {
      const picture = new ScreenPicture(undefined);
      picture.#absence = reasonOf(error);
      return picture;
    }
  }

  /** The same as a PNG. @throws Error with the reason if there is none */
  async png(): Promise<Uint8Array> {
    this.make();
    const png = await this.#png;
    if (png === undefined) throw new Error(this.#absence ?? 'the display showed nothing');
    return png;
  }

  /** Makes it small and a PNG, in pieces of a few milliseconds; nothing happens the next times. */
  make(): void {
    this.#png ??= this.#make();
  }

  /** Puts it beside the images, once it is made. Never rejects: what cannot be written is left out. */
  async writeInto(imagesDir: string): Promise<void> {
    this.make();
    const png = await this.#png;
    if (png === undefined) return;
    const file = join(imagesDir, PICTURE_NAME);
    try {
      await writeFile(file, png, { mode: 0o600 });
    } catch (error) {
      this.#absence = reasonOf(error);
      await rm(file, { force: true }).catch(() => undefined);
    }
  }

  /** What a checkpoint's report says of it. */
  get report(): Pick<CheckpointReport, 'noPicture'> {
    return this.#absence === undefined ? {} : { noPicture: this.#absence };
  }

  async #make(): Promise<Uint8Array | undefined> {
    const pixels = this.#pixels;
    this.#pixels = undefined;
    if (pixels === undefined) return undefined;
    try {
      // CRIU, which was just started, goes first
      await setImmediate();
      return encodePng(await scaleDown(pixels, fittingSize(pixels, SIDE_PIXELS)));
    } catch (error) {
      this.#absence = reasonOf(error);
      return undefined;
    }
  }
}

/** What the session shows now. @throws an error with the reason, if that cannot be told in time */
async function lookAt({ rootPid }: Pick<ProcessSession, 'rootPid'>): Promise<Pixels> {
  await untilDisplayWaits(rootPid, ANSWER_TIMEOUT_MS);
  const socket = await connectToSession(rootPid, 'rfb');
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  const looking = readScreen(socket);
  try {
    if (await endsWithin(looking, ANSWER_TIMEOUT_MS)) return await looking;
    throw new Error(`the display did not answer within ${ANSWER_TIMEOUT_MS} ms`);
  } finally {
    looking.catch(() => undefined);
    // CRIU does not dump one end of a connection: the display is to notice the end of this one, and let go
    socket.end();
    await endsWithin(closed, HANG_UP_TIMEOUT_MS);
    socket.destroy();
  }
}

async function readScreen(socket: Socket): Promise<Pixels> {
  const limits = { timeoutMs: ANSWER_TIMEOUT_MS + HANG_UP_TIMEOUT_MS, limitPixels: DISPLAY_LIMIT_PIXELS };
  const display = await openRfb(socket, limits);
  await display.requestUpdate();
  return display.framebuffer;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

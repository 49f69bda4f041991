// What the screen showed goes with each checkpoint of a session, and never stands in its way.
import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { connectToSession } from '../../src/session/process/session-socket.ts';
import { openRfb } from '../../src/session/rfb/client.ts';
import { type Pixels, scaleDown } from '../../src/session/rfb/scaled-pixels.ts';
import { launchSupervisor } from '../../src/session/supervisor/launch.ts';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { DesktopLab, PASSPHRASE, SHOW_WINDOW } from './desktop-lab.ts';

interface PictureFile {
  readonly number: number;
  readonly width: number;
  readonly height: number;
  readonly path: string;
}

/** A few seconds; on a very busy machine the display is late for some pictures, and those checkpoints are made again. */
const TIMEOUT_MS = 180_000;

describe('the pictures of a session', function () {
  this.timeout(TIMEOUT_MS);
  let lab: DesktopLab;
  beforeEach(async () => {
    lab = await DesktopLab.open();
    await lab.create();
  });
  afterEach(async () => {
    await lab.close();
  });

  it('show what the display showed, in a checkpoint, a suspend, at the next start, and in a checkpoint after it', async () => {
    await lab.start();
    await lab.shell(SHOW_WINDOW);
    const { rootPid = 0 } = await lab.status();
    let shown: Pixels;
    let live: CheckpointReport;
    do {
      shown = await screenWithColour(rootPid);
      live = await lab.withPicture('checkpoint');
      // what the window manager may still draw is drawn once
    } while (!Buffer.from(shown.rgba).equals((await screenWithColour(rootPid)).rgba));
    const suspended = await lab.withPicture('suspend');
    const expected = await scaleDown(shown, { width: 640, height: 400 });
    for (const number of [live.number, suspended.number])
      assert.ok(Buffer.from(expected.rgba).equals(await pixelsOf(number)), `checkpoint ${number}`);

    // of a session that was resumed from images with a picture among them, and by its supervisor
    const told = PNG.sync.read(await startTellingPicture());
    assert.ok(Buffer.from(expected.rgba).equals(told.data), 'told at the start');
    const again = await lab.withPicture('checkpoint');
    assert.ok(Buffer.from(expected.rgba).equals(await pixelsOf(again.number)));
  });

  it('are left out, and nothing else, while the display does not answer', async () => {
    await lab.start();
    await lab.shell('kill -STOP $(grep -l ^Xvnc /proc/[0-9]*/comm | cut -d/ -f3)');
    const live = await lab.program.answer<CheckpointReport>(['checkpoint', ...lab.at()]);
    assert.match(live.noPicture ?? '', /the display is stopped/);
    assert.deepEqual(live.warnings, []);
    await lab.program.answer(['suspend', ...lab.at()]);
    await lab.program.failure('PICTURE_NOT_FOUND', ['picture', 'latest', ...lab.at()]);
    const { checkpoints } = await lab.program.answer<{ checkpoints: { images?: object }[] }>([
      ...['checkpoints', ...lab.at()],
    ]);
    assert.deepEqual(
      checkpoints.map(({ images }) => images !== undefined),
      [true, true],
    );
  });

  /** The screen, once it shows the colour. */
  async function screenWithColour(rootPid: number): Promise<Pixels> {
    const display = await openRfb(await connectToSession(rootPid, 'rfb'), { timeoutMs: 10_000 });
    try {
      await display.waitForPixels((framebuffer) => framebuffer.colorAt(200, 150) === 0x336699, 10_000);
      await display.requestUpdate();
      const { width, height, rgba } = display.framebuffer;
      return { width, height, rgba: rgba.slice() };
    } finally {
      display.close();
    }
  }

  /** Starts as the door does: what the screen showed is told before the session goes on. */
  async function startTellingPicture(): Promise<Buffer> {
    const order = {
      devicePath: lab.image,
      credential: { passphrase: PASSPHRASE },
      mode: 'start',
      start: { choice: 'default', geometry: { width: 1280, height: 800 } },
    } as const;
    const told: string[] = [];
    const ignored = (): void => undefined;
    await launchSupervisor(order, ignored, (pngBase64) => told.push(pngBase64));
    await lab.supervisor();
    assert.equal(told.length, 1);
    return Buffer.from(told[0] ?? '', 'base64');
  }

  async function pixelsOf(checkpoint: number): Promise<Buffer> {
    const file = join(lab.dir, 'screen.png');
    const { width, height, path } = await lab.program.answer<PictureFile>([
      ...['picture', `${checkpoint}`, '-o', file, ...lab.at()],
    ]);
    assert.deepEqual([width, height, path], [640, 400, file]);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const png = PNG.sync.read(await readFile(file));
    assert.deepEqual([png.width, png.height], [640, 400]);
    return png.data;
  }
});

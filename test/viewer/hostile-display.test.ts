// A display that is broken or hostile: neither the page nor the process that serves it may suffer.
// DESKPOD_TEST_SEED=N damages other bytes, DESKPOD_TEST_EXHAUSTIVE=1 damages twenty times as many streams.

import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex, Transform } from 'node:stream';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { mutate } from '../fuzz/mutation.ts';
import { Random } from '../fuzz/random.ts';
import { openTerminal, until } from './desktop.ts';
import { startViewerLab, untilState, type ViewerLab } from './viewer-lab.ts';

const SEED = Number(process.env.DESKPOD_TEST_SEED ?? 1);
const STREAM_COUNT = IS_EXHAUSTIVE ? 200 : 10;
/** The greeting, the security types, their result, and the display's size and name: without them nothing is drawn. */
const HANDSHAKE_BYTES = 80;
const MEMORY_MAX_BYTES = 128 * 2 ** 20;
const ENDLESS_BYTES = 180 * 2 ** 20;
/** A page that has a processor to itself takes all of that in seconds; on a very busy machine that is minutes. */
const TIMEOUT_MS = 300_000;
const MIB = Buffer.alloc(2 ** 20, 7);
/** ServerCutText of nearly 4 GiB (RFC 6143, 7.6.4). */
const HUGE_TEXT = Buffer.from([3, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff]);
/** FramebufferUpdate of one raw rectangle of 65535 x 65535. */
const HUGE_RECTANGLE = Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);

/** A display that greets, shows a size and a name, and then says `message` and all that follows. */
function hostileDisplay(message: Buffer, onSent: (sizeBytes: number) => void): Duplex {
  const answers = [Buffer.from([1, 1]), Buffer.alloc(4), serverInit(), Buffer.concat([message, MIB])];
  const display = new Duplex({
    read() {
      // as a socket does, and not in one go
      if (answers.length > 0) return;
      onSent(MIB.length);
      setImmediate(() => this.destroyed || this.push(MIB));
    },
    write(_bytes, _encoding, done) {
      const answer = answers.shift();
      if (answer !== undefined) this.push(answer);
      done();
    },
  });
  display.push('RFB 003.008\n');
  return display;
}

function serverInit(): Buffer {
  const init = Buffer.alloc(24);
  init.writeUInt16BE(640, 0);
  init.writeUInt16BE(480, 2);
  init.set([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0], 4);
  return init;
}

/** Passes all on to the display, and what comes from it with damage after the handshake. */
function damaged(display: Socket, random: Random): Duplex {
  let seenBytes = 0;
  const damage = new Transform({
    transform(piece: Buffer, _encoding, done) {
      seenBytes += piece.length;
      const isHit = seenBytes > HANDSHAKE_BYTES && random.below(3) === 0;
      done(null, isHit ? mutate(piece, [piece], random) : piece);
    },
  });
  display.on('error', () => damage.destroy());
  damage.on('close', () => display.destroy());
  return Duplex.from({ readable: display.pipe(damage), writable: display });
}

describe('a display that is broken or hostile', function () {
  this.timeout(TIMEOUT_MS);
  let lab: ViewerLab;
  let sentBytes: number;
  /** Settles when more was sent than may be kept. */
  let enough: Promise<void>;
  let rssBytesBefore: number;

  afterEach(() => lab.stop());

  async function assertAlive(): Promise<void> {
    assert.equal(await lab.page.evaluate<number>('1 + 1'), 2);
    assert.ok(await lab.page.getByRole('button', { name: 'Clipboard' }).isEnabled());
  }

  it('is borne whatever bytes come, and seen again when they are right', async () => {
    const random = new Random(SEED);
    let streamCount = 0;
    lab = await startViewerLab({}, (display) => {
      streamCount += 1;
      return streamCount <= STREAM_COUNT ? damaged(display, random) : display;
    });
    await openTerminal(lab.desktop, 'while sleep 0.02; do seq 100; done');
    await lab.page.goto(lab.viewer.url);
    // the link leads on by itself
    await lab.page.locator('body[data-state]').waitFor();
    while (streamCount <= STREAM_COUNT) {
      await assertAlive();
      // a stream whose damage went unnoticed is ended as well
      await lab.page.reload();
      await until(
        () => lab.page.evaluate<string>('document.body.dataset.state ?? ""'),
        (state) => state !== '',
      );
    }
    await lab.page.reload();
    await untilState(lab.page, 'running');
    assert.deepEqual(lab.events, []);
  });

  it('is left when it sends a text for the clipboard without end, and fills no memory', async () => {
    await openHostile(HUGE_TEXT);
    const refusal = lab.page.locator('#card-text', { hasText: 'sent what cannot be shown' });
    await refusal.waitFor({ timeout: TIMEOUT_MS });
    await assertUnharmed();
  });

  it('fills no memory with a rectangle without end', async () => {
    await openHostile(HUGE_RECTANGLE);
    await enough;
    await assertUnharmed();
  });

  async function openHostile(message: Buffer): Promise<void> {
    sentBytes = 0;
    const filled = Promise.withResolvers<void>();
    enough = filled.promise;
    rssBytesBefore = process.memoryUsage().rss;
    lab = await startViewerLab({}, (display) => {
      display.destroy();
      return hostileDisplay(message, (sizeBytes) => {
        sentBytes += sizeBytes;
        if (sentBytes >= ENDLESS_BYTES) filled.resolve();
      });
    });
    await lab.page.goto(lab.viewer.url);
  }

  async function assertUnharmed(): Promise<void> {
    await assertAlive();
    const grownBytes = process.memoryUsage().rss - rssBytesBefore;
    assert.ok(grownBytes < MEMORY_MAX_BYTES, `${Math.round(grownBytes / 2 ** 20)} MiB more`);
  }
});

// The page in a real browser, before a real display.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { Duplex, duplexPair, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { PNG } from 'pngjs';
import { connectRfb } from '../../src/session/rfb/client.ts';
import { serveViewer } from '../../src/session/viewer/server.ts';
import { openTerminal, readWhen, until } from './desktop.ts';
import { startViewerLab, untilState, type ViewerLab } from './viewer-lab.ts';

const RATE_HZ = 44_100;
const TONE_HZ = 441;
const PIECE_SAMPLES = 1000;

/** What the page has given to the loudspeakers, of the left channel. */
interface Played {
  readonly sampleCount: number;
  /** How often it rose above nothing: once in each wave. */
  readonly riseCount: number;
}

const KEEP_SOUND = `
  globalThis.played = { sampleCount: 0, riseCount: 0, last: 1 };
  const start = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (...when) {
    for (const sample of this.buffer.getChannelData(0)) {
      if (played.last <= 0 && sample > 0) played.riseCount += 1;
      played.last = sample;
      played.sampleCount += 1;
    }
    start.apply(this, when);
  };`;

/** A sine in both channels, as fast as it is to be heard, in pieces that end within a sample. */
async function* playTone(): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  for (let at = 0; ; at += PIECE_SAMPLES) {
    const piece = Buffer.alloc(PIECE_SAMPLES * 4);
    for (let i = 0; i < PIECE_SAMPLES; i++) {
      const value = Math.round(20_000 * Math.sin((2 * Math.PI * TONE_HZ * (at + i)) / RATE_HZ));
      piece.writeInt16LE(value, i * 4);
      piece.writeInt16LE(value, i * 4 + 2);
    }
    const bytes = Buffer.concat([rest, piece]);
    yield bytes.subarray(0, -3);
    rest = bytes.subarray(-3);
    await delay((PIECE_SAMPLES * 1000) / RATE_HZ);
  }
}

/** A cell of a colour of its own for each place of the terminal, more of them than a palette holds. */
const PAINT = `awk 'BEGIN {
  for (y = 0; y < 30; y++) for (x = 0; x < 100; x++)
    printf "\\033[48;2;%d;%d;%dm ", x * 2.5, y * 8, (x * y * 7) % 256
}'; sleep 60`;
const COUNT_DECODERS = `
  globalThis.decoderCount = 0;
  globalThis.ImageDecoder = class extends ImageDecoder {
    constructor(init) { super(init); decoderCount++; }
  };`;

/** What a display of 2x2 says by turns; its first rectangle is Tight's JPEG, of four bytes that are none. */
const BROKEN_PICTURE = [
  Buffer.from('RFB 003.008\n'),
  Buffer.from([1, 1]),
  Buffer.from([0, 0, 0, 0]),
  Buffer.from([0, 2, 0, 2, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0, 0, 0, 0, 1, 0x78]),
  Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 2, 0, 0, 0, 7, 0x90, 4, 1, 2, 3, 4]),
];

/** A display that says the next thing whenever something is said to it. */
function displayThatSays(things: readonly Uint8Array[]): Duplex {
  const [ours, theirs] = duplexPair();
  const next = things.values();
  const say = (): void => {
    const { value } = next.next();
    if (value !== undefined) theirs.write(value);
  };
  theirs.on('data', say);
  say();
  return ours;
}

describe('the page of the viewer', () => {
  let lab: ViewerLab;
  let desktop: ViewerLab['desktop'];
  let viewer: ViewerLab['viewer'];
  let browser: ViewerLab['browser'];
  let page: ViewerLab['page'];
  let events: readonly string[];
  let open: () => Promise<void>;

  beforeEach(async () => {
    lab = await startViewerLab();
    ({ desktop, viewer, browser, page, events, open } = lab);
    await openTerminal(desktop, `cat > ${join(desktop.folder, 'typed')}`);
  });

  afterEach(() => lab.stop());

  /** How many bytes of the page's canvas differ by more than `tolerance` from what the display shows to an RFB client. */
  async function countDifferences(tolerance: number): Promise<number> {
    const url = await page.evaluate<string>("document.querySelector('canvas').toDataURL()");
    const shown = PNG.sync.read(Buffer.from(url.slice(url.indexOf(',') + 1), 'base64'));
    const client = await connectRfb(desktop.socketPath, { timeoutMs: 5000 });
    const expected = PNG.sync.read(Buffer.from(await client.screenshot()));
    client.close();
    if (shown.width !== expected.width || shown.height !== expected.height) return Number.POSITIVE_INFINITY;
    let count = 0;
    for (let offset = 0; offset < expected.data.length; offset++) {
      if (Math.abs(Number(shown.data[offset]) - Number(expected.data[offset])) > tolerance) count += 1;
    }
    return count;
  }

  /** The canvas has no pointer in it, an RFB client that did not move it sees it drawn: some 10 x 20 pixels. */
  async function assertSamePicture(tolerance = 24): Promise<void> {
    const look = () => countDifferences(tolerance);
    const differences = await until(look, (count) => count < 1000);
    assert.ok(differences < 1000, `${differences} bytes differ`);
  }

  it("shows the desktop's pixels, asks no other host, and breaks no policy", async () => {
    await open();
    const client = await connectRfb(desktop.socketPath, { timeoutMs: 5000 });
    await client.typeText('the quick brown fox jumps over the lazy dog\n'.repeat(10));
    client.close();
    await assertSamePicture();
    assert.equal(await page.title(), 'Test pod');
    assert.equal(await page.locator('#card').isVisible(), false);
    const origin = new URL(viewer.url).origin;
    assert.deepEqual(
      lab.requests.filter((url) => !url.startsWith(`${origin}/`) && !url.startsWith('data:')),
      [],
    );
    assert.deepEqual(lab.complaints, []);
  });

  it('is entered by its link from a file or from a page of another site', async () => {
    const file = join(desktop.folder, 'link.html');
    await writeFile(file, `<meta http-equiv="refresh" content="0; url=${viewer.url}">`);
    await page.goto(`file://${file}`);
    await untilState(page, 'running');
    const other = createServer((_request, response) => {
      response.setHeader('Content-Type', 'text/html');
      response.end(`<a href="${viewer.issueUrl()}">a link</a>`);
    }).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await page.goto(`http://localhost:${port}/`);
    await page.getByRole('link').click();
    await untilState(page, 'running');
    other.close();
  });

  it('shows pictures of many colours as they are, decoded off its own thread', async () => {
    await page.addInitScript(COUNT_DECODERS);
    await open();
    await openTerminal(desktop, PAINT);
    const look = () => page.evaluate<number>('decoderCount');
    const count = await until(look, (found) => found > 0);
    assert.ok(count > 0, 'no picture was decoded');
    // less than a wrong range of colours would make of it
    await assertSamePicture(8);
    assert.deepEqual(lab.complaints, []);
  });

  it('lets go of a display whose pictures are broken', async () => {
    const broken = await serveViewer({ rfbConnect: async () => displayThatSays(BROKEN_PICTURE) });
    try {
      await page.goto(broken.url);
      await page.locator('#card-text', { hasText: 'sent what cannot be shown' }).waitFor();
    } finally {
      await broken.close();
    }
  });

  it('plays what the session plays from one press of a button to the next', async () => {
    await page.addInitScript(KEEP_SOUND);
    let isListening = false;
    const heard = await serveViewer({
      rfbConnect: async () => connect(desktop.socketPath),
      soundConnect: async () => {
        isListening = true;
        const sound = Duplex.from({ readable: Readable.from(playTone()) });
        sound.once('close', () => {
          isListening = false;
        });
        return sound;
      },
    });
    try {
      await page.goto(heard.url);
      await untilState(page, 'running');
      assert.equal(isListening, false);
      await page.getByRole('button', { name: 'Sound' }).click();
      const look = () => page.evaluate<Played>('({ ...played })');
      const played = await until(look, ({ sampleCount }) => sampleCount > RATE_HZ);
      assert.ok(played.sampleCount > RATE_HZ, `${played.sampleCount} samples`);
      const toneHz = (played.riseCount * RATE_HZ) / played.sampleCount;
      assert.ok(Math.abs(toneHz - TONE_HZ) < 5, `${toneHz} Hz`);
      await page.getByRole('button', { name: 'Sound', pressed: true }).click();
      assert.equal(
        await until(
          async () => isListening,
          (is) => !is,
        ),
        false,
      );
    } finally {
      await heard.close();
    }
  });

  it('takes what is typed to the desktop', async () => {
    await open();
    await page.keyboard.type('Typed in a Browser: ~!@#$%^&*() {"x"}', { delay: 5 });
    await page.keyboard.press('Enter');
    const typed = await readWhen(join(desktop.folder, 'typed'), (content) => content.endsWith('\n'));
    assert.equal(typed, 'Typed in a Browser: ~!@#$%^&*() {"x"}\n');
  });

  it('carries the clipboard both ways', async () => {
    await open();
    await page.getByRole('button', { name: 'Clipboard' }).click();
    const field = page.locator('#clipboard-text');
    await field.fill('from the host: 漢字');
    const look = async () => {
      const paste = desktop.start('xclip', ['-o', '-selection', 'clipboard', '-t', 'UTF8_STRING']);
      return paste.stdout === null ? '' : await text(paste.stdout);
    };
    assert.equal(await until(look, (pasted) => pasted !== ''), 'from the host: 漢字');
    const copy = desktop.start('xclip', ['-i', '-selection', 'clipboard', '-quiet']);
    copy.stdin?.end('from the desktop: жук');
    const held = await until(
      () => field.inputValue(),
      (value) => value.startsWith('from the desktop'),
    );
    assert.equal(held, 'from the desktop: жук');
  });

  it('says what happens at a suspend, and comes back on its own', async () => {
    await open();
    await page.getByRole('button', { name: 'Suspend' }).click();
    await until(
      async () => events,
      () => events.includes('suspend'),
    );
    assert.deepEqual(events, ['suspend']);
    await viewer.disconnectAll({ state: 'suspending', text: 'The desktop is being saved to the device.' });
    await untilState(page, 'suspending');
    assert.equal(await page.locator('#card-title').textContent(), 'Suspending…');
    viewer.tell({ state: 'suspended', text: 'The device can be unplugged now.' });
    await untilState(page, 'suspended');
    assert.equal(await page.locator('#card-title').textContent(), 'Safe to unplug');
    assert.equal(await page.locator('#card-text').textContent(), 'The device can be unplugged now.');
    viewer.reconnect();
    await untilState(page, 'running');
    await assertSamePicture();
    assert.deepEqual(events, ['suspend']);
  });

  it('shows beside the desktop what has to be known, until it is put away, is no more so, or the desktop goes', async () => {
    await open();
    const notice = page.locator('#notice-text');
    assert.equal(await notice.isVisible(), false);
    await viewer.disconnectAll({ state: 'suspending', text: 'The desktop is being saved to the device.' });
    await untilState(page, 'suspending');
    viewer.notify('The desktop could not be suspended: a program holds a socket');
    viewer.reconnect();
    await notice.waitFor();
    await untilState(page, 'running');
    assert.equal(await notice.textContent(), 'The desktop could not be suspended: a program holds a socket');
    await assertSamePicture();
    await page.locator('#notice-button').click();
    assert.equal(await notice.isVisible(), false);
    viewer.notify('Bring the home back.');
    await notice.waitFor();
    viewer.notify(undefined);
    await notice.waitFor({ state: 'hidden' });
    viewer.notify('Bring the home back.');
    await notice.waitFor();
    viewer.tell({ state: 'suspended', text: 'The device can be unplugged now.' });
    await notice.waitFor({ state: 'hidden' });
  });

  it('lets the keyboard out of the desktop with its chord', async () => {
    await open();
    const focused = () => page.evaluate<string>('document.activeElement.id');
    assert.equal(await focused(), 'keys-field');
    await page.keyboard.press('Control+Alt+Shift+M');
    assert.equal(await focused(), 'clipboard-button');
    // the desktop has heard of no release: were the keys still down there, this would type nothing
    await page.locator('#desktop').click();
    await page.keyboard.type('free');
    await page.keyboard.press('Enter');
    const typed = await readWhen(join(desktop.folder, 'typed'), (content) => content.endsWith('\n'));
    assert.equal(typed, 'free\n');
  });

  it('names everything that can be reached, for those who do not see it', async () => {
    await open();
    for (const name of ['Clipboard', 'Full screen', 'Suspend']) {
      assert.equal(await page.getByRole('button', { name }).count(), 1, name);
    }
    assert.equal(await page.getByRole('application', { name: 'Desktop' }).count(), 1);
    assert.equal(await page.getByRole('toolbar', { name: 'Viewer' }).count(), 1);
  });

  it('keeps its pass from page scripts and from what the browser stores on disk', async () => {
    await open();
    assert.equal(await page.evaluate('document.cookie'), '');
    const [cookie] = await browser.cookies(page.url());
    assert.equal(cookie?.expires, -1);
    assert.ok(cookie?.httpOnly);
    const profile = join(desktop.folder, 'browser');
    const value = String(cookie?.value);
    await browser.close();
    for (const file of await readdir(profile, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const content = await readFile(join(file.parentPath, file.name), 'latin1');
      assert.ok(!content.includes(value), file.name);
    }
    await rm(profile, { recursive: true, force: true });
  });
});

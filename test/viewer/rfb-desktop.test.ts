// The RFB client against a real display.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { PNG } from 'pngjs';
import { connectRfb, type RfbClient } from '../../src/session/rfb/client.ts';
import { openTerminal, readWhen, startDesktop, type TestDesktop } from './desktop.ts';

describe('an RFB client of a real display', () => {
  let desktop: TestDesktop;
  let client: RfbClient;

  beforeEach(async () => {
    desktop = await startDesktop();
    client = await connectRfb(desktop.socketPath, { timeoutMs: 10_000 });
  });

  afterEach(async () => {
    client.close();
    await desktop.stop();
  });

  it('types long text with capitals, signs and any Unicode, and loses no key', async () => {
    const file = join(desktop.folder, 'typed');
    await openTerminal(desktop, `cat > ${file}`);
    const line = 'The Quick "brown" fox: ~!@#$%^&*()_+{}|<>? 0123456789 äöüß € 漢字 жук\n';
    const typed = line.repeat(20);
    await client.typeText(typed);
    const read = await readWhen(file, (content) => content.length >= typed.length);
    assert.equal(read, typed);
  });

  it('presses chords', async () => {
    const file = join(desktop.folder, 'ended');
    await openTerminal(desktop, `cat > /dev/null; echo ended > ${file}; sleep 60`);
    await client.pressChord('ctrl+d');
    assert.equal(await readWhen(file, (content) => content !== ''), 'ended\n');
  });

  it('sees pixels change and takes a PNG of the size of the display that shows them', async () => {
    await openTerminal(desktop, 'sleep 60');
    await client.waitForPixels((framebuffer) => framebuffer.colorAt(30, 30) === 0xffffff, 5000);
    const png = PNG.sync.read(Buffer.from(await client.screenshot()));
    assert.deepEqual([png.width, png.height], [1024, 768]);
    assert.deepEqual([...png.data.subarray((30 * 1024 + 30) * 4).subarray(0, 4)], [255, 255, 255, 255]);
    assert.deepEqual([...png.data.subarray((760 * 1024 + 1000) * 4).subarray(0, 4)], [0, 0, 0, 255]);
  });

  it('says so when the expected pixels do not appear', async () => {
    await assert.rejects(
      client.waitForPixels((framebuffer) => framebuffer.colorAt(0, 0) === 0x123456, 200),
      // whichever comes first on a busy machine
      { code: 'DISPLAY_FAILED', message: /did not appear within 200 ms|expected an answer within/ },
    );
  });

  it('gives UTF-8 text to the session clipboard', async () => {
    await client.setClipboard('grüße, 漢字\nsecond line');
    const paste = desktop.start('xclip', ['-o', '-selection', 'clipboard', '-t', 'UTF8_STRING']);
    assert.ok(paste.stdout);
    assert.equal(await text(paste.stdout), 'grüße, 漢字\nsecond line');
  });

  it('hears UTF-8 text that the session copies', async () => {
    const heard = new Promise<string>((resolve) => client.onClipboard(resolve));
    const copy = desktop.start('xclip', ['-i', '-selection', 'clipboard', '-quiet']);
    copy.stdin?.end('copied: жук\n');
    assert.equal(await heard, 'copied: жук\n');
  });

  it('rejects what waits when the display goes away', async () => {
    const waiting = client.waitForPixels(() => false, 10_000);
    const failed = assert.rejects(waiting, { code: 'DISPLAY_FAILED' });
    await desktop.stop();
    await failed;
    assert.throws(() => client.keyDown(0x61), { code: 'DISPLAY_FAILED' });
  });

  it('names the socket error when nothing listens', async () => {
    const path = join(desktop.folder, 'nobody');
    await assert.rejects(connectRfb(path, { timeoutMs: 2000 }), {
      code: 'DISPLAY_FAILED',
      message: /ENOENT/,
    });
  });

  it('follows a display that changes its size', async () => {
    const resize = desktop.start('xrandr', ['-s', '800x600']);
    const [exitCode] = await once(resize, 'exit');
    assert.equal(exitCode, 0);
    await client.requestUpdate();
    assert.deepEqual([client.width, client.height], [800, 600]);
  });
});

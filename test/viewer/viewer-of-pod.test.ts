// `deskpod view`: the session of a real pod in a real browser.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium, type Page } from 'playwright-core';
import { PNG } from 'pngjs';
import type { StartReport } from '../../src/session/operation/operations.ts';
import { releaseDevice } from '../../src/session/pod/release.ts';
import { until } from './desktop.ts';

const execute = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('../../bin/deskpod', import.meta.url));
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'];
const QUIET = ['--disable-background-networking', '--disable-component-update'];

describe('the viewer of a pod', () => {
  let dir: string;
  let device: string;

  beforeEach(async () => {
    dir = await mkdtemp('/var/tmp/deskpod-view-');
    device = join(dir, 'stick.img');
    await writeFile(join(dir, 'passphrase'), 'a passphrase\n');
  });

  afterEach(async () => {
    await releaseDevice(device);
    await rm(dir, { recursive: true, force: true });
  });

  async function deskpod<Answer>(...args: string[]): Promise<Answer> {
    const env = { ...process.env, DESKPOD_PASSPHRASE_FILE: join(dir, 'passphrase') };
    const { stdout } = await execute(PROGRAM, ['--json', ...args], { env });
    return JSON.parse(stdout) as Answer;
  }

  it('shows the session, takes input, a live checkpoint or not, and suspends it when it is closed', async () => {
    await deskpod('create', device, '--size', '500M', '--no-runtime');
    const { viewerUrl } = await deskpod<StartReport & { viewerUrl: string }>('start', device);
    const terminal =
      'setsid -f xterm -geometry 100x40+0+0 -e sh -c "cat > /tmp/typed" >/dev/null 2>&1 </dev/null';
    // it runs its program once its window is there
    const isThere = 'until [ -e /tmp/typed ]; do sleep 0.05; done';
    await execute(PROGRAM, ['exec', '-d', device, '--', 'sh', '-c', `${terminal}; ${isThere}`]);
    const browser = await chromium.launchPersistentContext(join(dir, 'browser'), {
      executablePath: '/usr/bin/chromium',
      args: [...FLAGS, ...QUIET],
      headless: true,
    });
    try {
      const page = await browser.newPage();
      await page.goto(viewerUrl);
      await page.locator('body[data-state="running"]').waitFor();
      assert.ok(
        (await until(
          () => countColours(page),
          (count) => count > 1,
        )) > 1,
      );
      await page.locator('canvas').click({ position: { x: 200, y: 150 } });
      await page.keyboard.type('typed in the page');
      await page.keyboard.press('Enter');
      assert.equal(await until(readTyped, (text) => text !== ''), 'typed in the page');
      const checkpoint = deskpod('checkpoint', '-d', device);
      const words = Array.from({ length: 30 }, (_, i) => `word ${i}`).join(' ');
      await page.keyboard.type(words, { delay: 5 });
      await page.keyboard.press('Enter');
      await checkpoint;
      const [first = '', second = ''] = (await until(readTyped, (text) => text.includes('\n'))).split('\n');
      assert.deepEqual([first, second], ['typed in the page', words]);
      await page.close();
    } finally {
      await browser.close();
    }
    assert.equal(await until(readStatus, (status) => status === 'suspended'), 'suspended');
  });

  async function readStatus(): Promise<string> {
    const { session } = await deskpod<{ session: { status: string } }>('status', '-d', device);
    return session.status;
  }

  async function readTyped(): Promise<string> {
    const { stdout } = await execute(PROGRAM, ['exec', '-d', device, '--', 'cat', '/tmp/typed']);
    return stdout.trim();
  }
});

/** How many colours the page's canvas shows: a black screen has one. */
async function countColours(page: Page): Promise<number> {
  const url = await page.evaluate<string>("document.querySelector('canvas').toDataURL()");
  const { data } = PNG.sync.read(Buffer.from(url.slice(url.indexOf(',') + 1), 'base64'));
  const colours = new Set<number>();
  for (let at = 0; at < data.length; at += 4) colours.add(data.readUInt32BE(at));
  assert.ok(data.length > 0);
  return colours.size;
}

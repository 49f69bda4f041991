// `deskpod view` of a pod that does not run: its page opens the pod by passphrase and by passkey, in a real browser.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import type { BrowserContext, Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { endProcess, identifyProcess } from '../../src/session/host/process-identity.ts';
import type { KeyChangeReport } from '../../src/sync/pod/change-keys.ts';
import { until } from '../session/until.ts';
import { openBrowser } from '../viewer/browser.ts';
import { DesktopLab, PASSPHRASE } from './desktop-lab.ts';

/** Two sessions, three doors and a browser, on a machine that does much else. */
const TIMEOUT_MS = 180_000;

describe('the door of a pod', function () {
  this.timeout(TIMEOUT_MS);
  let lab: DesktopLab;
  let browser: BrowserContext;
  let page: Page;
  let doors: number[];

  beforeEach(async () => {
    doors = [];
    lab = await DesktopLab.open();
    await lab.create();
    ({ browser, page } = await openBrowser(lab.dir));
  });

  afterEach(async () => {
    await browser.close();
    for (const pid of doors) {
      const door = identifyProcess(pid);
      if (door !== undefined) await endProcess(door);
    }
    await lab.close();
  });

  /** Opens the page of the pod, in the same tab each time: that has the authenticator. */
  async function openDoor(): Promise<URL> {
    const { url, doorPid } = await lab.program.answer<{ url: string; doorPid: number }>([
      'view',
      ...lab.at(),
    ]);
    doors.push(doorPid);
    await page.goto(url);
    await page.locator('body[data-state="locked"]').waitFor();
    return new URL(url);
  }

  async function untilDesktop(): Promise<void> {
    await page.locator('body[data-state="running"]').waitFor();
    assert.equal(new URL(page.url()).hostname, '127.0.0.1');
    await until(async () => (await countColours(page)) > 1);
    await lab.supervisor();
  }

  async function untilSuspended(): Promise<void> {
    await until(async () => (await lab.status()).session.status === 'suspended');
  }

  it('opens by passphrase, and by a passkey that keys add has made until its slot is taken away', async () => {
    const door = await openDoor();
    const key = page.getByLabel('Passphrase', { exact: true });
    const passkey = page.getByRole('button', { name: 'Use a fingerprint or passkey' });
    assert.equal(await passkey.isVisible(), false);
    await key.fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('The passphrase opens no slot').waitFor();
    assert.equal(await key.inputValue(), '');
    await key.fill(PASSPHRASE);
    await page.keyboard.press('Enter');
    await untilDesktop();
    await until(async () => !(await answers(door)));

    await addAuthenticator();
    const adding = lab.program.start(['keys', 'add', '--passkey', '--label', 'finger', ...lab.at()]);
    const step = await adding.progress(({ step }) => step.startsWith('open http://localhost:'));
    // which is a closed page to the viewer
    await page.goto(/http:\S+/.exec(step?.step ?? '')?.[0] ?? assert.fail());
    await page.getByRole('button', { name: 'Make the passkey' }).click();
    await page.getByText('“finger” opens the pod now').waitFor();
    assert.equal((await adding.ended).status, 0);
    await untilSuspended();

    await openDoor();
    await passkey.click();
    await untilDesktop();
    await page.goto('about:blank');
    await untilSuspended();

    await openDoor();
    const { slots } = await lab.program.answer<KeyChangeReport>(['keys', 'remove', 'finger', ...lab.at()]);
    assert.deepEqual(
      slots.map(({ kind }) => kind),
      ['passphrase', 'recovery'],
    );
    await passkey.click();
    await page.getByText('The passkey opens no slot').waitFor();
  });

  /** One with a finger on it. */
  async function addAuthenticator(): Promise<void> {
    const devtools = await browser.newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        ...({ protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal' } as const),
        ...{ hasResidentKey: true, hasUserVerification: true, isUserVerified: true, hasPrf: true },
      },
    });
  }
});

/** Whether anything listens there. */
function answers(url: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const outgoing = request(url, { method: 'HEAD', agent: false }, (response) => {
      response.resume();
      resolve(true);
    });
    outgoing.on('error', () => resolve(false));
    outgoing.end();
  });
}

/** How many colours the page's canvas shows: a black screen has one. */
async function countColours(page: Page): Promise<number> {
  const url = await page.evaluate<string>("document.querySelector('canvas').toDataURL()");
  const { data } = PNG.sync.read(Buffer.from(url.slice(url.indexOf(',') + 1), 'base64'));
  const colours = new Set<number>();
  for (let at = 0; at < data.length; at += 4) colours.add(data.readUInt32BE(at));
  return colours.size;
}

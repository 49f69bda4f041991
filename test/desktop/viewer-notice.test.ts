// The suspend button of the viewer where a program is in the way: what is in the way is said, and nothing is lost.
import assert from 'node:assert/strict';
import type { BrowserContext, Page } from 'playwright-core';
import { until } from '../session/until.ts';
import { openBrowser } from '../viewer/browser.ts';
import { DesktopLab } from './desktop-lab.ts';

/** More of a file that has no name any more than a checkpoint takes along. */
const HOLD_DELETED_FILE = `exec 9>~/gone; head -c 71M /dev/zero >&9; rm ~/gone; exec sleep 1000`;

describe('a viewer of a session that cannot be suspended', function () {
  this.timeout(120_000);
  let lab: DesktopLab;
  let browser: BrowserContext;
  let page: Page;
  beforeEach(async () => {
    lab = await DesktopLab.open();
    await lab.create(1000);
    await lab.start();
    ({ browser, page } = await openBrowser(lab.dir));
  });
  afterEach(async () => {
    await browser.close();
    await lab.close();
  });

  it('says why beside the desktop, which goes on, and suspends it when nothing is in the way any more', async () => {
    await lab.startCounter();
    await lab.shell(`setsid sh -c '${HOLD_DELETED_FILE}' >/dev/null 2>&1 & echo $! >~/holder`);
    await until(async () => (await lab.status()).suspend?.obstacles.length === 1);
    await page.goto((await lab.program.answer<{ url: string }>(['view', ...lab.at()])).url);
    const running = page.locator('body[data-state="running"]');
    await running.waitFor();
    const before = await lab.counter();
    await page.locator('#suspend-button').click();
    await page
      .getByRole('alert')
      .getByText(/^The desktop could not be suspended: .*sleep/)
      .waitFor();
    await running.waitFor();
    assert.equal((await lab.counter(before.count)).pid, before.pid);
    // a page that comes later is told, too
    await page.goto((await lab.program.answer<{ url: string }>(['view', ...lab.at()])).url);
    await page
      .getByRole('alert')
      .getByText(/^The desktop could not be suspended/)
      .waitFor();

    await lab.shell('kill $(cat ~/holder)');
    await until(async () => (await lab.status()).suspend?.obstacles.length === 0);
    await page.locator('#suspend-button').click();
    await page.locator('body[data-state="suspended"]').waitFor();
    assert.equal(await page.getByRole('alert').isVisible(), false);
    await until(async () => (await lab.status()).session.status === 'suspended');
  });
});

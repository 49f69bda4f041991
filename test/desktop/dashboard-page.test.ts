// A desktop from the dashboard's pages, with DESKPOD_TEST_EXHAUSTIVE: started, seen, checkpointed, gone back in, suspended.
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { openBrowser, type TestBrowser } from '../viewer/browser.ts';
import { DashboardLab } from '../viewer/dashboard-lab.ts';
import { DesktopLab } from './desktop-lab.ts';

const PASSPHRASE = 'correct horse battery';

if (IS_EXHAUSTIVE) {
  describe('a desktop pod in the pages of the dashboard', () => {
    let desk: DesktopLab;
    let lab: DashboardLab;
    let test: TestBrowser;
    beforeEach(async () => {
      desk = await DesktopLab.open();
      await desk.create();
      lab = await DashboardLab.open({ paths: [desk.image] });
      test = await openBrowser(desk.dir);
      test.page.setDefaultTimeout(90_000);
    });
    afterEach(async () => {
      await test.browser.close();
      await lab.close();
      await desk.close();
    });

    it('goes through its life by clicks', async () => {
      const { page, browser } = test;
      await page.goto(lab.dashboard.issueUrl());
      const card = page.getByRole('article').filter({ hasText: desk.image });
      await card.getByRole('button', { name: 'Unlock' }).click();
      await page.getByLabel('Passphrase').fill(PASSPHRASE);
      await page.keyboard.press('Enter');

      const started = browser.waitForEvent('page');
      await card.getByRole('button', { name: 'Start' }).click();
      await assertDesktop(await started);
      await desk.supervisor();
      await card.getByText('Running').waitFor();

      await desk.shell('echo before > ~/word');
      await card.getByRole('button', { name: 'Checkpoint' }).click();
      await card.getByText('number 1').waitFor();
      await desk.shell('echo after > ~/word');
      const viewed = browser.waitForEvent('page');
      await card.getByRole('button', { name: 'Open desktop' }).click();
      await assertDesktop(await viewed);

      await card.getByRole('link', { name: 'desk' }).click();
      await page.getByRole('option', { name: '#1' }).click();
      const picture = page.getByRole('img', { name: 'The desktop at checkpoint 1' });
      await picture.waitFor();
      assert.ok((await picture.evaluate((image: { naturalWidth: number }) => image.naturalWidth)) > 100);
      await page.getByRole('button', { name: 'Resume this one' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('The session that runs now is suspended first').waitFor();
      await dialog.getByRole('button', { name: 'Resume' }).click();
      const way = String(await dialog.getByText('What was there before is checkpoint').textContent());
      await desk.supervisor();
      assert.equal(await desk.shell('cat ~/word'), 'before');
      const resumed = browser.waitForEvent('page');
      await dialog.getByRole('link', { name: 'Open desktop' }).click();
      await assertDesktop(await resumed);
      const present = Number(/checkpoint (\d+)/.exec(way)?.[1]);
      const change = page.getByRole('option', { name: `#${present}` }).getByText(/\d+ changes?/);
      await change.waitFor();

      await page.getByRole('link', { name: 'Events' }).click();
      await page.getByText(`The session of checkpoint 1 went on`).waitFor();
      await page.getByRole('link', { name: 'Pods and homes' }).click();
      await card.getByRole('button', { name: 'Suspend' }).click();
      await dialog.getByRole('button', { name: 'Suspend' }).click();
      await card.getByText('Suspended').waitFor();
      await card.getByRole('button', { name: 'Resume' }).waitFor();
    }).timeout(300_000);
  });
}

/** The page is a viewer that shows a desktop. */
async function assertDesktop(page: Page): Promise<void> {
  page.setDefaultTimeout(30_000);
  await page.locator('body[data-state="running"] canvas').waitFor();
  assert.match(page.url(), /\/viewer\/$/);
}

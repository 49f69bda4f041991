// The pages of the dashboard in a real browser, of real tree pods.
import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { type ServedWizard, serveWizard } from '../../src/cli/commands/restore-page.ts';
import type { LiveMessage } from '../../src/session/dashboard/contract.ts';
import { itIfThorough } from '../exhaustive.ts';
import { openTreeLab, PASSPHRASE, type TreeLab } from '../tree/tree-lab.ts';
import { openBrowser, type TestBrowser } from './browser.ts';
import { DashboardLab } from './dashboard-lab.ts';
import { until } from './desktop.ts';

/** A name that is no UTF-8. */
const ODD_NAME = Buffer.from('caf\xe9.txt', 'latin1');

describe('the pages of the dashboard', () => {
  let folder: string;
  let test: TestBrowser;
  let page: Page;
  let tree: TreeLab;
  let lab: DashboardLab;
  let pod: string;
  const wizards: ServedWizard[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'deskpod-pages-'));
    test = await openBrowser(folder);
    page = test.page;
    page.setDefaultTimeout(20_000);
  });
  after(async () => {
    await test.browser.close();
    await rm(folder, { recursive: true, force: true });
  });
  async function open(): Promise<void> {
    tree = await openTreeLab();
    await tree.bringHome();
    await appendFile(join(tree.dir, 'letter.txt'), 'more\n');
    await writeFile(Buffer.concat([Buffer.from(`${tree.dir}/`), ODD_NAME]), 'its name is old\n');
    assert.equal(await tree.checkpoint(), 2);
    wizards.length = 0;
    const openWizard = async (): Promise<string> => {
      const asUsual = { showsAllDevices: false, carriesRuntime: false, isUsableFirst: false };
      const wizard = await serveWizard(asUsual);
      wizards.push(wizard);
      return wizard.url;
    };
    lab = await DashboardLab.open({ paths: [tree.dir], openWizard });
    pod = (await lab.pod(tree.dir)).id;
  }

  async function enter(): Promise<void> {
    test.complaints.length = 0;
    test.requests.length = 0;
    await page.goto(lab.dashboard.issueUrl());
  }

  async function close(): Promise<void> {
    await page.goto('about:blank');
    await lab.close();
    await tree.close();
  }

  function card() {
    return page.getByRole('article').filter({ hasText: tree.dir });
  }

  async function unlock(): Promise<void> {
    await lab.post(`pods/${pod}/unlock`, { passphrase: PASSPHRASE });
    await card().getByRole('button', { name: 'Checkpoint' }).waitFor();
  }

  async function go(to: string): Promise<void> {
    await page.evaluate(`location.hash = '#/pod/${pod}${to}'`);
  }

  describe('of a pod that nobody works with', () => {
    before(open);
    beforeEach(async () => {
      await enter();
      await unlock();
    });
    after(close);

    itIfThorough('lead to the restore wizard, in a tab of its own', async () => {
      const [tab] = await Promise.all([
        page.waitForEvent('popup'),
        page.getByRole('button', { name: 'Restore a pod…' }).click(),
      ]);
      await tab.locator('form[data-question="home"]').waitFor();
      await card().waitFor();
      await tab.close();
      const [wizard] = wizards;
      assert.ok(wizard !== undefined && wizards.length === 1);
      wizard.stop();
      await assert.rejects(wizard.ended, { code: 'CANCELLED' });
      assert.deepEqual(test.complaints, []);
    });

    it('lead through the timeline by the keyboard alone', async () => {
      await card().getByRole('link', { name: 'papers' }).focus();
      await page.keyboard.press('Enter');
      await page.getByRole('listbox').focus();
      const chosen = page.locator('[aria-selected="true"]');
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Checkpoint 1' }).waitFor();
      assert.match(String(await chosen.textContent()), /#1.*here and at home/);
      await page.keyboard.press('Home');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Checkpoint 2' }).waitFor();
      assert.match(String(await chosen.textContent()), /#2.*only here/);
      await page.getByText('files: 1 new, 1 changed').waitFor();
      const compare = page.getByRole('link', { name: 'Compare with 1' });
      for (let tabs = 0; tabs < 10 && !(await isFocused(compare)); tabs++) await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.getByRole('row', { name: 'New caf\\xe9.txt' }).waitFor();
      await page.getByRole('row', { name: /Changed letter.txt .* → .*/ }).waitFor();
      assert.equal(await page.evaluate('document.activeElement.textContent'), 'Checkpoint 1 and 2');
      await page.goBack();
      await page.getByRole('heading', { name: 'Checkpoint 2' }).waitFor();
      await page.getByRole('button', { name: 'Compare with another' }).click();
      await page.keyboard.press('End');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Checkpoint 1 and 2' }).waitFor();
    });

    it('browse a checkpoint, whatever its names are, and download from it', async () => {
      await go('/files/2/');
      await page.getByRole('row', { name: /^caf\\xe9\.txt/ }).waitFor();
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name: 'Download caf\\xe9.txt' }).click(),
      ]);
      assert.equal(await readFile(await download.path(), 'utf8'), 'its name is old\n');
      await page.getByRole('link', { name: 'folder', exact: true }).click();
      await page.getByRole('row', { name: /^note\.txt/ }).waitFor();
      await page.reload();
      await page.getByRole('row', { name: /^note\.txt/ }).waitFor();
      await page.getByRole('navigation', { name: 'Folder' }).getByRole('link', { name: 'Top' }).click();
      await page.getByRole('link', { name: 'Why letter.txt is here' }).click();
      await page.getByText('2 contents over time').waitFor();
      const [newest, oldest] = await page.locator('.versions > li').allTextContents();
      assert.match(String(newest), /checkpoint 2.*only here/);
      assert.match(String(oldest), /checkpoint 1.*here and at/);
    });

    it('tell every event in words, and those that one looks for', async () => {
      await go('/events');
      await page.getByText('The pod “papers” was created').waitFor();
      await page.getByLabel('Words').fill('CHECKPOINT 2');
      await page.getByText('The pod “papers” was created').waitFor({ state: 'detached' });
      await page.getByText('Checkpoint 2 was made').waitFor();
      assert.equal(await page.locator('.event').count(), 1);
      assert.match(page.url(), /events\?words=CHECKPOINT\+2$/);
      await page.reload();
      await page.getByText('Checkpoint 2 was made').waitFor();
      assert.equal(await page.getByLabel('Words').inputValue(), 'CHECKPOINT 2');
      await page.getByLabel('Words').fill('');
      await page.getByLabel('About').selectOption({ label: 'Homes' });
      await page.getByText('is a home from now on').waitFor();
      await page.getByText('Checkpoint 2 was made').waitFor({ state: 'detached' });
      await page.getByLabel('Day').fill('2020-01-01');
      await page.getByText('No event is like that.').waitFor();
      await page.getByRole('button', { name: 'Show all' }).click();
      await page.getByText('Checkpoint 2 was made').waitFor();
    });

    it('draw charts, and have each of them as a table', async () => {
      await go('/charts');
      const chart = page.getByRole('region', { name: 'Files' });
      await chart.getByRole('img', { name: /^How many files there are/ }).waitFor();
      await chart.getByText('As a table').click();
      const lastRow = async () => String(await chart.getByRole('row').last().textContent());
      assert.match(
        await until(lastRow, (text) => /23$/.test(text)),
        /23$/,
        'three files in the second checkpoint',
      );
    });

    it('say where nothing is yet what to do', async () => {
      const other = await test.browser.newPage();
      // other pods of this computer are none of this test's business
      await other.routeWebSocket(/\/live$/, (socket) => {
        socket.connectToServer().onMessage((data) => {
          const message = JSON.parse(String(data)) as LiveMessage;
          if (message.kind !== 'overview') return;
          const overview = { ...message.overview, pods: [], homes: [] };
          socket.send(JSON.stringify({ ...message, overview }));
        });
      });
      await other.goto(page.url());
      await other.getByText('No pod is here yet.').waitFor();
      await other.getByText('deskpod create --tree FOLDER').waitFor();
      await other.goto(`${page.url()}#/pod/${pod}`);
      await other.getByRole('heading', { name: 'This pod is not here' }).waitFor();
      await other.close();
    });

    it('ask for nothing more when the connection broke off, as another program may answer then', async () => {
      const other = await test.browser.newPage();
      const cut = Promise.withResolvers<() => Promise<void>>();
      await other.routeWebSocket(/\/live$/, (socket) => {
        const server = socket.connectToServer();
        cut.resolve(async () => {
          await server.close();
          await socket.close({ code: 4999 });
        });
      });
      await other.goto(page.url());
      await other.getByRole('button', { name: 'Lock', exact: true }).waitFor();
      await (await cut.promise)();
      await other.getByText('asks for nothing more').first().waitFor();
      let requestCount = 0;
      other.on('request', () => {
        requestCount += 1;
      });
      await other.getByRole('button', { name: 'Lock', exact: true }).click({ force: true });
      await other.evaluate('new Promise(requestAnimationFrame)');
      assert.equal(requestCount, 0);
      await other.close();
    });

    it('ask no other host, break no policy, and can be used by everybody, in the light and the dark', async () => {
      const axe = await readFile(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
      const faults: string[] = [];
      const look = async (): Promise<void> => {
        await page.evaluate(axe);
        // what is dark differs in nothing but its colours
        for (const [colorScheme, rules] of [
          ['light', ''],
          ['dark', ', runOnly: ["color-contrast"]'],
        ] as const) {
          await page.emulateMedia({ colorScheme });
          const found = await page.evaluate<{ id: string; nodes: { html: string }[] }[]>(
            `axe.run({ resultTypes: ["violations"]${rules} }).then(({ violations }) => violations)`,
          );
          const place = `${new URL(page.url()).hash} ${colorScheme}`;
          for (const { id, nodes } of found) faults.push(`${place}: ${id}: ${nodes[0]?.html}`);
        }
      };
      await look();
      await go('/checkpoint/2');
      await page.getByText('files: 1 new').waitFor();
      await look();
      await go('/files/2/');
      await page.getByRole('row', { name: /^letter\.txt/ }).waitFor();
      await look();
      await go('/charts');
      await page.getByRole('img').first().waitFor();
      await look();
      await go('/events');
      await page.getByText('Checkpoint 2 was made').waitFor();
      await look();
      assert.deepEqual(faults, []);
      assert.deepEqual(test.complaints, []);
      assert.deepEqual(
        test.requests.filter((url) => !url.startsWith(`${lab.origin}/`)),
        [],
      );
    });
  });

  describe('of a pod that changes', () => {
    beforeEach(async () => {
      await open();
      await enter();
    });
    afterEach(close);

    it('unlock a pod, say when the passphrase is wrong, and keep it nowhere', async () => {
      await card().getByRole('button', { name: 'Unlock' }).click();
      const dialog = page.getByRole('dialog', { name: 'Unlock' });
      const field = dialog.getByLabel('Passphrase');
      // the field has the focus by itself, once the dialog is there
      await page.waitForFunction("document.activeElement?.matches('dialog input')");
      await page.keyboard.type('wrong horse');
      await page.keyboard.press('Enter');
      assert.match(String(await dialog.getByRole('alert').textContent()), /not its passphrase.*Caps Lock/);
      assert.equal(await field.inputValue(), '');
      await field.fill(PASSPHRASE);
      await page.keyboard.press('Enter');
      await dialog.waitFor({ state: 'detached' });
      await page.getByRole('heading', { name: 'papers' }).waitFor();
      const facts = String(await card().textContent());
      assert.match(facts, /Last checkpoint.*Not home yet.*Restore proven/);
      assert.ok(!(await page.content()).includes(PASSPHRASE));
      assert.equal(await page.evaluate('localStorage.length + sessionStorage.length'), 0);
    });

    it('make a checkpoint, sync it, and tell of all that comes as it comes', async () => {
      await unlock();
      assert.match(String(await card().textContent()), /Not home yet.*[\d.]+ (bytes|kB)/);
      await card().getByRole('button', { name: 'Checkpoint' }).click();
      await card().getByText('number 3').waitFor();
      await card().getByRole('button', { name: 'Sync' }).click();
      await card().getByText('nothing', { exact: false }).first().waitFor();
      await page.locator('.work').getByText('Sync of papers is done.').waitFor();
      await go('/events');
      await page.getByText('Checkpoint 3 was made').waitFor();
      await lab.result(`pods/${pod}/v1/checkpoint`, {});
      await page.getByText('Checkpoint 4 was made').waitFor();
      assert.match(String(await page.locator('.event').first().textContent()), /Checkpoint 4 was made/);
    });

    it('stay usable when a pod goes away while its page is open, and say when the dashboard does', async () => {
      await unlock();
      await go('');
      await page.getByRole('option').first().waitFor();
      await rename(tree.dir, `${tree.dir}.away`);
      await lab.overview();
      await page.getByText('It is not plugged in now.').waitFor();
      assert.equal(await page.getByRole('option').count(), 2);
      await page.getByRole('link', { name: 'Events' }).click();
      await page.getByRole('alert').first().waitFor();
      await rename(`${tree.dir}.away`, tree.dir);
      await lab.overview();
      await page.getByLabel('Passphrase').waitFor();
      await page.getByText('Nothing runs.').waitFor();
      await lab.close();
      await page.getByText('Pods go on without it.').waitFor();
      await page.getByRole('link', { name: 'Pods and homes' }).click();
      assert.equal(await page.getByRole('button', { name: 'Look again' }).isEnabled(), false);
    });
  });
});

async function isFocused(locator: ReturnType<Page['locator']>): Promise<boolean> {
  return locator.evaluate((element) => element === element.ownerDocument.activeElement);
}

// The restore wizard in a real browser: a tree pod comes back by its page, which everybody can use, in a small window, too.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { type ServedPage, servePage } from '../../src/session/door/page-server.ts';
import { WizardPage } from '../../src/session/wizard/wizard-page.ts';
import { itIfThorough } from '../exhaustive.ts';
import type { Running } from '../tree/program.ts';
import { assertSameFiles, openTreeLab, PASSPHRASE, type TreeLab } from '../tree/tree-lab.ts';
import { openBrowser, type TestBrowser } from './browser.ts';

describe('the page of the restore wizard', () => {
  let folder: string;
  let test: TestBrowser;
  let page: Page;
  let axe: string;
  const faults: string[] = [];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'deskpod-restore-'));
    test = await openBrowser(folder, { viewport: { width: 360, height: 640 } });
    page = test.page;
    page.setDefaultTimeout(20_000);
    axe = await readFile(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
  });
  beforeEach(() => {
    test.complaints.length = 0;
    test.requests.length = 0;
    faults.length = 0;
  });
  after(async () => {
    await test.browser.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Waits for a question, and has axe look at it in the light and the dark. */
  async function question(id: string): Promise<void> {
    await page.locator(`form[data-question="${id}"]`).waitFor();
    await look(id);
  }

  async function look(place: string): Promise<void> {
    await page.evaluate(axe);
    for (const [colorScheme, rules] of [
      ['light', ''],
      ['dark', ', runOnly: ["color-contrast"]'],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      const found = await page.evaluate<{ id: string; nodes: { html: string }[] }[]>(
        `axe.run({ resultTypes: ["violations"]${rules} }).then(({ violations }) => violations)`,
      );
      for (const { id, nodes } of found) faults.push(`${place} ${colorScheme}: ${id}: ${nodes[0]?.html}`);
    }
    const isTooWide = await page.evaluate<boolean>(
      'document.documentElement.scrollWidth > document.documentElement.clientWidth',
    );
    if (isTooWide) faults.push(`${place}: wider than the window`);
  }

  /** Answers with the keyboard alone. */
  async function type(text: string): Promise<void> {
    await page.keyboard.type(text);
    await page.keyboard.press('Enter');
  }

  describe('of a tree pod', () => {
    let lab: TreeLab;
    let target: string;
    let wizard: Running;
    beforeEach(async () => {
      lab = await openTreeLab();
      target = join(lab.temp, 'new');
      await lab.bringHome();
      wizard = lab.program.start(['restore', '--web', '--from', lab.home]);
      const step = await wizard.progress(({ step }) => step.startsWith('open http://localhost:'));
      await page.goto(/http:\S+/.exec(step?.step ?? '')?.[0] ?? assert.fail());
    });
    afterEach(async () => {
      await page.goto('about:blank');
      await lab.close();
    });

    it('is restored by the keyboard alone, asked again where an answer would not do, and shows its new sheet', async () => {
      await question('key-kind');
      await page.keyboard.press('Enter');
      await question('key');
      await type('wrong');
      await page.getByRole('alert').getByText('passphrase opens no slot').waitFor();
      await question('key');
      await type(PASSPHRASE);
      await question('moment');
      await page.keyboard.press('Enter');
      await question('path');
      await type(lab.dir);
      await page.getByRole('alert').getByText('expected an empty folder').waitFor();
      await page.getByLabel('Into which folder?').fill(target);
      await page.keyboard.press('Enter');
      await question('passphrase');
      await page.getByRole('button', { name: 'Back' }).click();
      await question('path');
      await type(target);
      await question('passphrase');
      await page.keyboard.press('Enter');
      await question('recovery');
      await assertSameFiles(target, lab.dir);
      await page.getByLabel('Yes, a new one').check();
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'The pod is back' }).waitFor();
      await page.getByRole('img', { name: 'QR code of the sheet' }).waitFor();
      await page.getByText('AGE-SECRET-KEY-1').waitFor();
      await look('the end');
      assert.equal((await wizard.ended).status, 0);
      assert.deepEqual(faults, []);
      assert.deepEqual(test.complaints, []);
      assert.ok(test.requests.every((url) => /^(?:http:\/\/localhost:|data:|about:)/.test(url)));
    });

    itIfThorough('is stopped with its page: nothing was touched', async () => {
      await question('key-kind');
      wizard.kill('SIGTERM');
      assert.equal((await wizard.ended).status, 130);
      await page.getByRole('heading', { name: /at its end|did not come/ }).waitFor();
      await assert.rejects(readFile(join(target, 'letter.txt')));
    });

    itIfThorough('tells what failed, and begins again', async () => {
      await question('key-kind');
      await page.keyboard.press('Enter');
      await question('key');
      await type(PASSPHRASE);
      await question('moment');
      await page.keyboard.press('Enter');
      await question('path');
      await type(target);
      await question('passphrase');
      const packs = join(lab.home, 'pods', lab.podId, 'packs');
      await rm(packs, { recursive: true });
      await writeFile(packs, '');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'It did not come to its end' }).waitFor();
      await look('a failure');
      await page.getByRole('button', { name: 'Begin again' }).click();
      await question('key-kind');
      assert.deepEqual(faults, []);
    });
  });

  describe('with pictures', () => {
    let served: ServedPage;
    let wizard: WizardPage;
    const read: number[] = [];
    const UNREADABLE = 200;
    beforeEach(async () => {
      read.length = 0;
      const png = PNG.sync.write(new PNG({ width: 64, height: 40 })).toString('base64');
      wizard = new WizardPage({
        drawSheet: () => ({ svg: '', rows: [] }),
        readPicture: async (checkpoint) => {
          read.push(checkpoint);
          if (checkpoint === UNREADABLE) throw Object.assign(new Error('read EIO'), { code: 'EIO' });
          return checkpoint % 2 === 0 ? png : undefined;
        },
      });
      served = await servePage({ page: 'restore', command: 'deskpod restore --web' }, wizard);
      await page.setViewportSize({ width: 1000, height: 700 });
    });
    afterEach(async () => {
      await page.goto('about:blank');
      await served.close();
    });

    it('does without a picture that cannot be read', async () => {
      const told = Promise.withResolvers<unknown>();
      const unlisten = wizard.listen({
        tell: (line) => {
          if ('checkpoint' in line) told.resolve(line);
        },
        end: async () => undefined,
      });
      const answer = wizard.put({
        ...{ kind: 'choice', id: 'moment', title: 'Which moment?', initial: '1', canGoBack: false },
        options: [{ value: '1', label: 'checkpoint', picture: UNREADABLE }],
      });
      wizard.wishes.picture({ checkpoint: UNREADABLE });
      assert.deepEqual(await told.promise, { state: 'picture', checkpoint: UNREADABLE });
      wizard.wishes.answer({ number: 1, answer: '1' });
      assert.equal(await answer, '1');
      unlisten();
    });

    itIfThorough(
      'shows checkpoints as a timeline by days, reads those in sight only, and takes the one that is chosen',
      async () => {
        const dayMs = 24 * 3600_000;
        const answer = wizard.put({
          kind: 'choice',
          id: 'moment',
          title: 'Which moment?',
          initial: '150',
          canGoBack: false,
          options: Array.from({ length: 150 }, (_, at) => ({
            ...{
              value: `${150 - at}`,
              label: `checkpoint ${150 - at}`,
              detail: 'at a suspend, with its session',
            },
            ...{ atMs: Date.UTC(2026, 5, 1) - (at * dayMs) / 5, picture: 150 - at },
          })),
        });
        await page.goto(served.url);
        await question('moment');
        await page.locator('.picture img').first().waitFor();
        assert.ok(read.length > 0 && read.length < 60, `${read.length} pictures were read`);
        assert.ok((await page.getByRole('heading', { level: 2 }).count()) >= 30);
        await page.keyboard.press('ArrowRight');
        await page.keyboard.press('Enter');
        assert.equal(await answer, '149');
        assert.deepEqual(faults, []);
      },
    );
  });
});

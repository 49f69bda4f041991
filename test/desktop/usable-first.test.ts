// A desktop that is restored for use first: its session goes on at once, and the older history comes beside it, through a suspend.
import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT_STATUS } from '../../src/cli/exit-codes.ts';
import type { VerifyAnswer } from '../../src/session/operation/verify-pod.ts';
import type { NewDevice } from '../../src/sync/pod/new-device.ts';
import { itIfThorough } from '../exhaustive.ts';
import type { Counted } from '../session/counter.ts';
import { until } from '../session/until.ts';
import { KEYS, Terminal } from '../tree/terminal.ts';
import { openBrowser } from '../viewer/browser.ts';
import { DesktopLab, PASSPHRASE } from './desktop-lab.ts';

const TIMEOUT_MS = 180_000;
const PATIENCE_MS = 30_000;
const NOISE_MEBIBYTES = 48;

describe('a desktop that is restored for use first', function () {
  this.timeout(TIMEOUT_MS);
  let lab: DesktopLab;
  let image: string;
  let before: Counted;
  beforeEach(async () => {
    lab = await DesktopLab.open();
    image = join(lab.dir, 'new.img');
    await lab.create(1200);
    await lab.start();
    await lab.startCounter();
    for (const number of [1, 2]) {
      await lab.shell(`head -c ${NOISE_MEBIBYTES}M /dev/urandom >~/noise`);
      assert.equal(
        (await lab.program.answer<{ number: number }>(['checkpoint', ...lab.at()])).number,
        number,
      );
    }
    await lab.shell('rm ~/noise');
    before = await lab.counter();
    await lab.program.answer(['suspend', ...lab.at()]);
    await lab.program.answer(['home', 'add', lab.home, ...lab.at()]);
    await lab.program.answer(['sync', ...lab.at()]);
  });
  afterEach(() => lab.close());

  /** The same processes went on, all of the pod has come, and every byte of it is right. */
  async function requireWhole(): Promise<void> {
    assert.equal((await lab.counter(before.count, image)).pid, before.pid);
    await until(async () => (await lab.status(image)).awaited === undefined);
    assert.equal((await lab.status(image)).session.status, 'running');
    const asked = ['verify', '--read-data', '--no-heal', ...lab.at(image)];
    const { damage, faults } = await lab.program.answer<VerifyAnswer>(asked);
    assert.deepEqual([damage, faults], [[], []]);
    await lab.program.answer(['suspend', ...lab.at(image)]);
  }

  itIfThorough(
    'goes on with its processes while what older checkpoints need is still at home, and gets all of it',
    async () => {
      const to = ['--to', image, '--size', '1200M', '--no-runtime'];
      const made = await lab.program.answer<NewDevice>([
        'restore',
        '--from',
        lab.home,
        ...to,
        '--usable-first',
      ]);
      await lab.stage(image);
      assert.ok(made.awaited !== undefined && made.awaited.sizeBytes > NOISE_MEBIBYTES * 2 ** 20);
      await lab.start([], image);
      // a suspend waits for no pack
      await lab.program.answer(['suspend', ...lab.at(image)]);
      await lab.start([], image);
      await requireWhole();
    },
  );

  itIfThorough(
    'says in its status that home has gone away, and what to do, and has all of it after that',
    async () => {
      const to = ['--to', image, '--size', '1200M', '--no-runtime'];
      await lab.program.answer(['restore', '--from', lab.home, ...to, '--usable-first']);
      await lab.stage(image);
      await rename(lab.home, `${lab.home}.away`);
      await lab.start([], image);
      await until(async () => (await lab.status(image)).awaited?.failure !== undefined);
      const { awaited } = await lab.status(image);
      assert.equal(awaited?.failure?.error.code, 'HOME_NOT_FOUND');
      const { stdout } = await lab.program.run(['status', ...lab.at(image)]);
      assert.match(
        stdout,
        new RegExp(
          `^awaited .*packs? of older checkpoints did not come: .*Bring ${lab.home} back\\..*deskpod verify`,
          'm',
        ),
      );
      const { page, browser } = await openBrowser(lab.dir);
      try {
        await page.goto((await lab.program.answer<{ url: string }>(['view', ...lab.at(image)])).url);
        await page.getByRole('alert').getByText(`Bring ${lab.home} back.`).waitFor({ timeout: PATIENCE_MS });
      } finally {
        await browser.close();
      }
      await rename(`${lab.home}.away`, lab.home);
      // it was fetched, which is told like any healing
      assert.equal((await lab.program.run(['verify', ...lab.at(image)])).status, EXIT_STATUS.healed);
      assert.equal((await lab.status(image)).awaited, undefined);
      await requireWhole();
    },
  );

  itIfThorough('goes on at the terminal that asked, as soon as its newest checkpoint is there', async () => {
    const { enter, up } = KEYS;
    const wizard = Terminal.start(['restore', '--no-runtime', '--all-devices'], { TMPDIR: lab.dir });
    try {
      await wizard.answer(/Where is the pod to come from\?/, up, up, enter);
      await wizard.answer(/Where is the home\?/, lab.home, enter);
      await wizard.answer(/What opens the pod\?/, enter);
      await wizard.answer(/The passphrase/, PASSPHRASE, enter);
      await wizard.answer(/Which moment\?/, enter);
      await wizard.answer(/Onto which drive\?/, up, up, enter);
      await wizard.answer(/Which image file\?/, image, enter);
      await wizard.answer(/How large is the image file to be\?/, enter);
      await wizard.answer(/Which passphrase is the pod to have\?/, enter);
      await wizard.answer(/Older ones need \d+ packs? more[\s\S]*A new recovery sheet\?/, enter);
      await lab.stage(image);
      await wizard.answer(/Go on with the session now\?/, enter);
      await wizard.shows(/http:\/\/\S+\/open\//);
      assert.equal(await wizard.ended, 0, wizard.text);
      await lab.supervisor(image);
    } finally {
      wizard.close();
    }
    await requireWhole();
  });

  itIfThorough('goes on from the page that asked, which shows how the rest is coming', async () => {
    const { page, browser, complaints } = await openBrowser(lab.dir);
    page.setDefaultTimeout(PATIENCE_MS);
    try {
      const wizard = lab.program.start(['restore', '--web', '--no-runtime', '--from', lab.home]);
      const step = await wizard.progress(({ step }) => step.startsWith('open http://localhost:'));
      await page.goto(/http:\S+/.exec(step?.step ?? '')?.[0] ?? assert.fail());
      const question = (id: string): Promise<void> => page.locator(`form[data-question="${id}"]`).waitFor();
      const answer = async (id: string, text?: string): Promise<void> => {
        await question(id);
        if (text !== undefined) await page.locator('#field').fill(text);
        await page.getByRole('button', { name: 'Go on' }).click();
      };
      await answer('key-kind');
      await answer('key', PASSPHRASE);
      await answer('moment');
      await question('device');
      await page.getByLabel('An image file').check();
      await answer('device');
      await answer('path', image);
      await answer('size');
      await answer('passphrase');
      await question('recovery');
      await lab.stage(image);
      await page.getByText('Meanwhile: all that older checkpoints need has come').waitFor();
      await answer('recovery');
      await answer('resume');
      assert.equal((await wizard.ended).status, 0);
      await page.locator('canvas').waitFor();
      await lab.supervisor(image);
      assert.deepEqual(complaints, []);
    } finally {
      await browser.close();
    }
    await requireWhole();
  });
});

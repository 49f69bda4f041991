// The barrier in the dashboard: which tier sessions get here and why no more, and what was refused, in a real browser.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import type { BarrierTier } from '../../src/core/barrier-tier.ts';
import type { LiveMessage, Overview } from '../../src/session/dashboard/contract.ts';
import { examineTier, judgeTier, type TierFacts } from '../../src/session/tier/examine-tier.ts';
import { openTree } from '../../src/sync/pod/tree.ts';
import { openTreeLab, PASSPHRASE, type TreeLab } from '../tree/tree-lab.ts';
import { openBrowser, type TestBrowser } from './browser.ts';
import { DashboardLab } from './dashboard-lab.ts';

/** A host with all that the kernel module needs, where it is not loaded. */
const ABLE: TierFacts = {
  ...{ machine: 'x86_64', kernel: '6.12.57+deb13-amd64', module: 'absent', isInstalled: true },
  ...{ hasSources: true, hasHeaders: true, loadsModules: 'yes', wantsSigned: false },
};

describe('the barrier in the dashboard', () => {
  let folder: string;
  let test: TestBrowser;
  let page: Page;
  let tree: TreeLab;
  let lab: DashboardLab;
  let pod: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'deskpod-pages-'));
    test = await openBrowser(folder);
    page = test.page;
    page.setDefaultTimeout(20_000);
    tree = await openTreeLab();
    await noteRefusals();
    lab = await DashboardLab.open({ paths: [tree.dir] });
    pod = (await lab.pod(tree.dir)).id;
    await page.goto(lab.dashboard.issueUrl());
  });
  after(async () => {
    await test.browser.close();
    await lab.close();
    await tree.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** As the supervisor of a session does it. */
  async function noteRefusals(): Promise<void> {
    const opened = await openTree(tree.dir, { passphrase: PASSPHRASE });
    const times = { firstAtMs: 1_700_000_000_000, lastAtMs: 1_700_000_060_000 };
    const actor = { actor: 'strace', actorPid: 812, actorUid: 0 };
    await opened.pod.append({
      type: 'noteBarrier',
      events: [
        {
          ...{ type: 'barrier.violation', v: 1, direction: 'in', operation: 'trace', target: 'Xvnc' },
          ...{ count: 5, lostCount: 0, ...times, ...actor },
        },
        { type: 'barrier.gap', v: 1, count: 3, ...times },
      ],
    });
    await opened.close();
  }

  /** What a page says of the barrier of a host that is like this, with the same pod in a session of this tier. */
  async function textsOn(facts: Partial<TierFacts>, tier?: BarrierTier): Promise<readonly string[]> {
    const other = await test.browser.newPage();
    const changed = (overview: Overview): Overview => ({
      ...overview,
      barrier: judgeTier({ ...ABLE, ...facts }),
      pods: overview.pods.flatMap((each) =>
        each.known === undefined ? [] : [{ ...each, known: { ...each.known, tier } }],
      ),
    });
    await other.routeWebSocket(/\/live$/, (socket) => {
      socket.connectToServer().onMessage((data) => {
        const message = JSON.parse(String(data)) as LiveMessage;
        if (message.kind !== 'overview') return;
        socket.send(JSON.stringify({ ...message, overview: changed(message.overview) }));
      });
    });
    await other.goto(page.url());
    const section = other.getByRole('region', { name: 'Barrier' });
    await section.waitFor();
    const cards = await other.getByRole('article').allTextContents();
    const texts = [String(await section.textContent()), ...cards];
    await other.close();
    return texts;
  }

  it('is that of this very computer, and says what is in the way of more', async () => {
    const { missing, cure } = await examineTier();
    const section = page.getByRole('region', { name: 'Barrier' });
    await section.getByText('namespaces and seccomp').waitFor();
    if (missing === undefined || cure === undefined) return;
    await section.getByText(missing).waitFor();
    await section.getByText(cure).waitFor();
  });

  it('names each obstacle, and the next step', async () => {
    const cases: readonly (readonly [Partial<TierFacts>, RegExp, RegExp])[] = [
      [{}, /the kernel module is not loaded\./, /modprobe deskpod$/],
      [{ isInstalled: false, hasHeaders: false }, /nor are the headers/, /apt install dkms linux-headers-6/],
      [{ wantsSigned: true }, /must be signed/, /Secure Boot or lockdown takes signed modules only: mokutil/],
      [{ loadsModules: 'no-more' }, /told to load no more modules/, /Restart this computer/],
    ];
    for (const [facts, missing, cure] of cases) {
      const [text = ''] = await textsOn(facts);
      assert.match(text, missing);
      assert.match(text, cure);
    }
  });

  it('is praised where the kernel module is loaded, and told of each session that runs', async () => {
    await lab.post(`pods/${pod}/unlock`, { passphrase: PASSPHRASE });
    const loaded = { module: { interfaceVersion: 1, recordBytes: 96 } };
    const [text = '', card = ''] = await textsOn(loaded, 'kmod');
    assert.match(text, /namespaces and seccomp, and the kernel module\.$/);
    assert.match(card, /Barriernamespaces and seccomp, and the kernel module/);
    const [, before = ''] = await textsOn(loaded, 'namespaces');
    assert.match(before, /Barriernamespaces and seccomp(?!,)/);
    const [, idle = ''] = await textsOn(loaded);
    assert.doesNotMatch(idle, /Barrier/);
  });

  it('has what it refused, and where it had a gap, in the words of people', async () => {
    await lab.post(`pods/${pod}/unlock`, { passphrase: PASSPHRASE });
    await page.evaluate(`location.hash = '#/pod/${pod}/events'`);
    await page
      .getByText(
        '“strace” (process 812, user 0) outside the session tried to look into memory, files or namespaces, of “Xvnc”, and was refused; 5 such attempts were.',
      )
      .waitFor();
    await page.getByText('A part of the kernel module was switched off for about 3').waitFor();
    await page.getByLabel('Only warnings').check();
    await page.getByText('“strace”').waitFor({ state: 'detached' });
    await page.getByText('may not have been refused, nor noted.').waitFor();
    const only = await page.locator('.event').allTextContents();
    assert.equal(only.length, 1);
    assert.match(String(only[0]), /Warning: .*may not have been refused, nor noted\./);
  });
});

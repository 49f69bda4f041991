// A pod of ten thousand checkpoints: its timeline and its log come in one answer or a page, small and soon.
import assert from 'node:assert/strict';
import { encodeEvent } from '../../src/core/event-codec.ts';
import type { CheckpointSealed } from '../../src/core/events.ts';
import type { EventPage, Timeline } from '../../src/session/dashboard/contract.ts';
import { hashing } from '../../src/sync/hashing.ts';
import { Log } from '../../src/sync/log/log.ts';
import { treePodFolder } from '../../src/sync/pod/pod-folder.ts';
import { openTree } from '../../src/sync/pod/tree.ts';
import { openTreeLab, PASSPHRASE, type TreeLab } from '../tree/tree-lab.ts';
import { openBrowser } from './browser.ts';
import { DashboardLab } from './dashboard-lab.ts';

const COUNT = 10_000;

describe('a pod of ten thousand checkpoints', () => {
  let tree: TreeLab;
  let lab: DashboardLab;
  let pod: string;

  before(async () => {
    tree = await openTreeLab();
    await tree.checkpoint();
    await sealMany(tree.dir);
    lab = await DashboardLab.open({ paths: [tree.dir] });
    pod = `pods/${(await lab.pod(tree.dir)).id}`;
    await lab.post(`${pod}/unlock`, { passphrase: PASSPHRASE });
  });
  after(async () => {
    await lab.close();
    await tree.close();
  });

  it('has a timeline of less than three megabytes, soon', async () => {
    const startedMs = performance.now();
    const { body } = await lab.ask(`${lab.room}api/${pod}/timeline`);
    const durationMs = performance.now() - startedMs;
    const { checkpoints } = JSON.parse(String(body)) as Timeline;
    assert.deepEqual([checkpoints.length, checkpoints.at(-1)?.number], [COUNT, COUNT]);
    assert.ok(body.length < 3_000_000, `${body.length} bytes`);
    assert.ok(durationMs < 20_000, `${durationMs} ms`);
  });

  it('shows its log a page at a time, and finds the oldest event', async () => {
    const { events, before } = await lab.get<EventPage>(`${pod}/events`);
    assert.equal(events.length, 200);
    assert.equal(before, events.at(-1)?.seq);
    const oldest = await lab.get<EventPage>(`${pod}/events?types=pod.created`);
    assert.deepEqual([oldest.events.map(({ seq }) => seq), oldest.before], [[1], undefined]);
  });

  it('is as small as any other in the overview', async () => {
    const described = await lab.pod(tree.dir);
    assert.ok(JSON.stringify(described).length < 4000);
    assert.equal(described.known?.checkpointCount, COUNT);
  });

  it('is shown by a page that has no more of it than can be seen, from the newest to the oldest', async () => {
    const { browser, page, complaints } = await openBrowser(tree.temp);
    try {
      await page.goto(lab.dashboard.issueUrl());
      await page.getByRole('heading', { name: 'Pods and homes' }).waitFor();
      const startedMs = performance.now();
      await page.evaluate(`location.hash = '#/${pod.replace('pods', 'pod')}'`);
      await page.getByRole('option', { name: `#${COUNT}` }).waitFor();
      const openedMs = performance.now();
      assert.ok(openedMs - startedMs < 15_000, `${openedMs - startedMs} ms`);
      await page.getByRole('listbox').focus();
      await page.keyboard.press('End');
      await page.locator('#tile-1').waitFor();
      await page.keyboard.press('ArrowUp');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: /^Checkpoint \d$/ }).waitFor();
      assert.ok(performance.now() - openedMs < 10_000, `${performance.now() - openedMs} ms`);
      assert.ok((await page.getByRole('option').count()) < 400);
      assert.deepEqual(complaints, []);
    } finally {
      await browser.close();
    }
  });
});

/** Seals the files of the first checkpoint once more, until there are ten thousand, in one write of the log. */
async function sealMany(dir: string): Promise<void> {
  const opened = await openTree(dir, { passphrase: PASSPHRASE });
  const { state, secrets } = opened.pod;
  const [first] = state.checkpoints;
  assert.ok(first !== undefined);
  await opened.close();
  const { seq: _seq, atMs: _atMs, ...sealed } = first;
  const payloads = Array.from({ length: COUNT - 1 }, (_, index) => {
    const event: CheckpointSealed = { ...sealed, type: 'checkpoint.sealed', v: 1, number: index + 2 };
    return encodeEvent(event);
  });
  const log = await Log.open(treePodFolder(dir).logDir, { hashing, logKey: secrets.logKey });
  await log.append(payloads, { expectedSeq: state.seq, atMs: Date.now() });
  await log.close();
}

// A desktop in the dashboard: found by itself while it runs, gone back to a checkpoint, suspended, locked; with
// DESKPOD_TEST_EXHAUSTIVE brought forth again before.
import assert from 'node:assert/strict';
import type { LiveMessage, ResumeAnswer, Timeline } from '../../src/session/dashboard/contract.ts';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { DashboardLab } from '../viewer/dashboard-lab.ts';
import { DesktopLab } from './desktop-lab.ts';

const PASSPHRASE = 'correct horse battery';

describe('a desktop pod in the dashboard', () => {
  let desk: DesktopLab;
  let lab: DashboardLab;
  beforeEach(async () => {
    desk = await DesktopLab.open();
    await desk.create();
    lab = await DashboardLab.open({ paths: [desk.image] });
  });
  afterEach(async () => {
    await lab.close();
    await desk.close();
  });

  it('is locked, started, gone back to a checkpoint, and suspended', async () => {
    const locked = await lab.pod(desk.image);
    assert.deepEqual([locked.access, locked.kind, locked.health.word], ['locked', 'desktop', 'unknown']);
    const pod = `pods/${locked.id}`;
    assert.equal((await lab.failure(`${pod}/resume`, {})).code, 'VAULT_LOCKED');
    await lab.post(`${pod}/unlock`, { passphrase: 'wrong horse battery' }, 403);
    await lab.post(`${pod}/unlock`, { passphrase: PASSPHRASE });

    // a page still asks for what it shows while one goes on from there
    const shown = lab.get<Timeline>(`${pod}/timeline`);
    const first = await lab.result<ResumeAnswer>(`${pod}/resume`, {});
    assert.deepEqual((await shown).checkpoints, []);
    await desk.supervisor();
    assert.match(first.url, /^http:\/\/127\.0\.0\.1:\d+\/open\//);
    assert.equal(first.presentCheckpoint, undefined);
    const other = await DashboardLab.open();
    const running = await other.pod(desk.image).finally(() => other.close());
    assert.deepEqual([running.access, running.name, running.known?.isRunning], ['open', 'desk', true]);
    assert.equal(running.known?.suspend?.wouldSucceed, true);
    assert.ok((running.place.space?.freeBytes ?? 0) > 0);

    const { heard } = await lab.live();
    await desk.shell('echo before > ~/word');
    const { number, noPicture } = await lab.result<CheckpointReport>(`${pod}/v1/checkpoint`, {});
    await heard(
      (message: LiveMessage) =>
        message.kind === 'work' && message.work.pod === locked.id && message.work.state === 'done',
    );
    const picture = await lab.ask(`${lab.room}api/${pod}/picture?checkpoint=${number}`);
    // a display that is too busy to answer costs the picture
    assert.equal(picture.status, noPicture === undefined ? 200 : 204);
    if (picture.status === 200) assert.equal(picture.headers['content-type'], 'image/png');
    await desk.shell('echo after > ~/word');

    const back = await lab.result<ResumeAnswer>(`${pod}/resume`, { checkpoint: number });
    await desk.supervisor();
    assert.equal(back.start.resumedCheckpoint, number);
    assert.equal(await desk.shell('cat ~/word'), 'before');
    assert.ok(back.presentCheckpoint !== undefined && back.presentCheckpoint > number);
    if (IS_EXHAUSTIVE) {
      const forth = await lab.result<ResumeAnswer>(`${pod}/resume`, { checkpoint: back.presentCheckpoint });
      await desk.supervisor();
      assert.equal(forth.start.resumedCheckpoint, back.presentCheckpoint);
      assert.equal(await desk.shell('cat ~/word'), 'after');
    }

    await lab.result(`${pod}/v1/suspend`, {});
    const suspended = await lab.pod(desk.image);
    assert.deepEqual([suspended.access, suspended.known?.session.status], ['unlocked', 'suspended']);
    const { checkpoints } = await lab.get<Timeline>(`${pod}/timeline`);
    assert.ok(checkpoints.filter(({ hasSession }) => hasSession).length >= 3);
    await lab.post(`${pod}/lock`, {});
    assert.equal((await lab.pod(desk.image)).access, 'locked');
  });
});

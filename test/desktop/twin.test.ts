// A desktop pod's twin: another image file that follows the pod, and goes on with its processes when the first is lost.
import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { findTarget, findUses } from '../../src/session/device/device-target.ts';
import type { SyncOutcome } from '../../src/session/operation/operations.ts';
import { DesktopLab } from './desktop-lab.ts';

describe('the twin of a desktop pod', () => {
  let lab: DesktopLab;
  let twin: string;
  beforeEach(async () => {
    lab = await DesktopLab.open();
    twin = join(lab.dir, 'twin.img');
    await lab.create();
    await lab.program.answer(['home', 'add', twin, '--size', '1200M', ...lab.at()]);
    await lab.stage(twin);
  });
  afterEach(async () => {
    await lab.close();
  });

  const sync = () => lab.program.answer<{ homes: SyncOutcome[] }>(['sync', ...lab.at()]);

  it('goes on with the same processes when the first device is lost, which is refused when it turns up', async () => {
    await lab.start();
    await lab.startCounter();
    const before = await lab.counter();
    await sync(); // by the supervisor, while the session runs
    await lab.program.answer(['suspend', ...lab.at()]);
    await sync();
    const lost = join(lab.dir, 'lost.img');
    await rename(lab.image, lost);
    const { isTwin, lastCheckpoint } = await lab.status(twin);
    assert.deepEqual([isTwin, lastCheckpoint?.reason], [true, 'suspend']);
    const { promotion, resumedCheckpoint } = await lab.start(['--promote'], twin);
    assert.equal(promotion?.epoch, 2);
    assert.equal(resumedCheckpoint, promotion.checkpoint);
    assert.equal((await lab.counter(before.count, twin)).pid, before.pid);
    await lab.program.answer(['suspend', ...lab.at(twin)]);
    await lab.stage(lost);
    await lab.program.failure('HOME_FENCED', ['sync', ...lab.at(lost)]);
  });

  it('is brought up to date, and free to be unplugged, after a sync that was killed', async () => {
    const sending = lab.program.start(['sync', ...lab.at()]);
    await sending.progress(({ step, doneBytes = 0 }) => step.startsWith('sending') && doneBytes > 0);
    sending.kill();
    await sending.ended;
    await sync();
    assert.deepEqual(await findUses(await findTarget(twin)), []);
    assert.equal((await lab.status(twin)).isTwin, true);
  });
});

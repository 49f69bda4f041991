// A desktop pod's twin: another image file that follows the pod, and goes on with its processes when the first is lost.
import assert from 'node:assert/strict';
import { rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { StartReport, SyncOutcome } from '../../src/session/operation/operations.ts';
import { DesktopLab } from './desktop-lab.ts';

describe('the twin of a desktop pod', () => {
  let lab: DesktopLab;
  let twin: string;
  beforeEach(async () => {
    lab = await DesktopLab.open();
    twin = join(lab.dir, 'twin.img');
  });
  afterEach(async () => {
    await lab.close();
  });

  const add = (...more: string[]) => ['home', 'add', twin, ...more, ...lab.at()];
  const sync = async () => (await lab.program.answer<{ homes: SyncOutcome[] }>(['sync', ...lab.at()])).homes;

  it('of another size goes on with the same processes when the first device is lost, whatever killed its promotion', async () => {
    await lab.create();
    await lab.program.failure('DEVICE_TOO_SMALL', add('--size', '200M'));
    await lab.program.failure('USAGE', ['home', 'add', lab.image, '--force', '--yes', ...lab.at()]);
    await lab.program.answer(add('--size', '1200M'));
    await lab.stage(twin);
    await lab.start();
    await lab.startCounter();
    const before = await lab.counter();
    await sync();
    await lab.program.answer(['suspend', ...lab.at()]);
    await sync();
    const lost = join(lab.dir, 'lost.img');
    await rename(lab.image, lost);
    const status = await lab.status(twin);
    assert.deepEqual([status.isTwin, status.lastCheckpoint?.reason], [true, 'suspend']);

    for (const step of [/becomes the pod/, /taking over/, /laying out/]) {
      const starting = lab.program.start(['start', twin, '--no-view']);
      await starting.progress((progress) => step.test(progress.step));
      await lab.killSupervisor(twin);
      await starting.ended;
      assert.equal((await lab.status(twin)).isTwin, true);
    }
    const { promotion, resumedCheckpoint } = await lab.start([], twin);
    assert.equal(promotion?.epoch, 2);
    assert.equal(resumedCheckpoint, promotion.checkpoint);
    assert.equal((await lab.counter(before.count, twin)).pid, before.pid);
    await lab.program.answer(['suspend', ...lab.at(twin)]);

    await lab.stage(lost);
    const { homes } = JSON.parse((await lab.program.run(['--json', 'sync', ...lab.at(lost)])).stdout);
    assert.deepEqual(
      homes.map(({ error }: { error: { code: string } }) => error.code),
      ['HOME_FENCED'],
    );
    const again = await lab.program.answer<StartReport>(['start', twin, '--no-view']);
    assert.equal(again.promotion, undefined);
    assert.ok((await stat(twin)).size > (await stat(lost)).size);
  });
});

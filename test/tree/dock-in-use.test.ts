// Pods in use that meet their home: what a dock asks of them, and what it says only if this home shows it.
import assert from 'node:assert/strict';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findObstacles } from '../../src/session/dock/find-obstacles.ts';
import { operate } from '../../src/session/operation/operate.ts';
import { itAsRoot } from '../as-root.ts';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { NetworkManagerBus } from '../session/network-manager.ts';
import { startRsyncd } from '../sync/support/loopback-rsyncd.ts';
import { DockLab, SETTINGS } from './dock-lab.ts';

const itThoroughly = IS_EXHAUSTIVE ? it : () => undefined;
const itAsRootThoroughly = IS_EXHAUSTIVE ? itAsRoot : () => undefined;

describe('a dock that meets a pod in use', () => {
  let lab: DockLab;
  beforeEach(async () => {
    lab = await DockLab.open();
  });
  afterEach(() => lab.close());

  /** The pod is watched from now on, and a file has changed; answers with what ends the watch. */
  const watched = async (): Promise<() => Promise<void>> => {
    const watching = lab.tree.program.start(['watch', lab.tree.dir]);
    assert.ok((await watching.progress(({ step }) => step.startsWith('watching'))) !== undefined);
    await writeFile(join(lab.tree.dir, 'letter.txt'), 'written under watch');
    return async () => {
      watching.kill('SIGTERM');
      await watching.ended;
    };
  };

  itThoroughly('asks for a checkpoint and a sync', async () => {
    const end = await watched();
    const { step, result } = await lab.dock();
    assert.equal(step, 'backed-up');
    assert.equal(await lab.homeSeq(), result?.seq);
    const steps = (await lab.journal.read()).map((entry) => entry.step);
    assert.deepEqual(steps.slice(-4), ['checkpointing', 'syncing', 'verifying', 'backed-up']);
    await end();
    const { lastCheckpoint } = await operate(lab.tree.dir, 'status', {}, SETTINGS);
    assert.equal(lastCheckpoint?.reason, 'dock');
    await lab.tree.restoreHere('restored', {});
    assert.equal(
      await readFile(join(lab.tree.temp, 'restored', 'letter.txt'), 'utf8'),
      'written under watch',
    );
  });

  it('does not say that it is at home if it came home elsewhere only', async () => {
    const { home, temp } = lab.tree;
    const elsewhere = join(temp, 'elsewhere');
    await operate(lab.tree.dir, 'home-remove', { url: home }, SETTINGS);
    await operate(lab.tree.dir, 'home-add', { url: elsewhere }, SETTINGS);
    const end = await watched();
    const seq = await lab.homeSeq();
    const { step, problem } = await lab.dock();
    assert.deepEqual([step, problem?.code], ['failed', 'HOME_UNKNOWN'], JSON.stringify(problem));
    assert.match(String(problem?.message), new RegExp(`not to ${home}, .* up to position ${seq} only`));
    assert.match(String(problem?.hint), /deskpod home add/);
    await end();
  });

  itThoroughly('says that a pod in use does not answer, and waits for none that is stopped', async () => {
    const watching = lab.tree.program.start(['watch', lab.tree.dir]);
    assert.ok((await watching.progress(({ step }) => step.startsWith('watching'))) !== undefined);
    watching.kill('SIGSTOP');
    lab.silenceMs = 200;
    const { step, problem } = await lab.dock();
    watching.kill('SIGCONT');
    assert.deepEqual([step, problem?.code], ['failed', 'SUPERVISOR_UNREACHABLE']);
    assert.match(String(problem?.message), /it is stopped, or hangs/);
    watching.kill('SIGTERM');
    await watching.ended;
  });

  itThoroughly('says that a branch is at home, and that it is one', async () => {
    await cp(lab.tree.dir, join(lab.tree.temp, 'copy'), { recursive: true });
    await lab.tree.write('copy', 'another way');
    await lab.tree.report('copy');
    const head = await lab.homeHead();
    const end = await watched();
    const { step, result, problem } = await lab.dock();
    assert.equal(step, 'backed-up', JSON.stringify(problem));
    assert.match(String(result?.warnings), /branch/);
    const branches = await readdir(join(lab.tree.home, 'pods', lab.tree.podId, 'branches'));
    assert.deepEqual(
      branches.map((name) => Number(name.slice(0, 12))),
      [result?.seq],
    );
    assert.deepEqual(await lab.homeHead(), head);
    await end();
  });

  itThoroughly('knows its own folder in a home that the pod reaches by another address', async () => {
    const { home, temp } = lab.tree;
    const daemon = await startRsyncd(join(temp, 'rsyncd'), { home: { path: home } });
    try {
      const url = `rsync://127.0.0.1:${daemon.port}/home`;
      await operate(lab.tree.dir, 'home-remove', { url: home }, SETTINGS);
      await operate(lab.tree.dir, 'home-add', { url }, SETTINGS);
      await operate(lab.tree.dir, 'home-add', { url: join(temp, 'elsewhere') }, SETTINGS);
      const end = await watched();
      const seq = await lab.homeSeq();
      const { step, result, problem } = await lab.dock();
      assert.equal(step, 'backed-up', JSON.stringify(problem));
      assert.ok((result?.seq ?? 0) > seq);
      assert.equal(result?.seq, await lab.homeSeq());
      await end();
    } finally {
      await daemon.stop();
    }
  });

  itAsRootThoroughly('waits on a metered network if it comes home over that only, and says so', async () => {
    const { home, temp, dir } = lab.tree;
    const daemon = await startRsyncd(join(temp, 'rsyncd'), { home: { path: home } });
    const bus = await NetworkManagerBus.start(temp);
    try {
      const plan = { homeDir: home, batteryLimit: 0, others: [], busAddress: bus.address };
      lab.obstacles = (place) => findObstacles(plan, place);
      await bus.say('yes');
      // taken over where it lies, and by the folder itself
      assert.equal((await lab.dock()).step, 'backed-up');
      const end = await watched();
      assert.equal((await lab.dock()).step, 'backed-up');
      const url = `rsync://127.0.0.1:${daemon.port}/home`;
      await lab.tree.program.answer(['home', 'remove', home, '-d', dir]);
      await lab.tree.program.answer(['home', 'add', url, '-d', dir]);
      const seq = await lab.homeSeq();
      const { step, reasons } = await lab.dock();
      assert.deepEqual([step, reasons], ['waiting', ['the network is metered']]);
      assert.equal(await lab.homeSeq(), seq);
      await bus.say('no');
      assert.equal((await lab.dock()).step, 'backed-up');
      await end();
    } finally {
      await bus.close();
      await daemon.stop();
    }
  });
});

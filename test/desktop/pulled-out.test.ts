// A drive that is pulled out of a running desktop: the host is left clean, and plugged in again it has all that was synced.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LoggedEvent } from '../../src/core/events.ts';
import { looksGone } from '../../src/session/host/drive.ts';
import { mountAt, readMounts } from '../../src/session/host/mount-table.ts';
import { identifyProcess, isRunning, type ProcessIdentity } from '../../src/session/host/process-identity.ts';
import { afterwards } from '../../src/session/pod/afterwards.ts';
import { run } from '../../src/sync/process.ts';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { until } from '../session/until.ts';
import { DashboardLab } from '../viewer/dashboard-lab.ts';
import { DesktopLab } from './desktop-lab.ts';
import { PulledDrive } from './pulled-drive.ts';

describe('a drive that is pulled out', () => {
  let lab: DesktopLab;
  let drive: PulledDrive;
  let dashboard: DashboardLab;
  beforeEach(async () => {
    drive = await PulledDrive.make(1000);
    lab = await DesktopLab.open(join(drive.dir, 'pod.img'));
    await lab.create();
    await lab.start();
    await lab.startCounter();
    await lab.shell('echo before > ~/file');
    dashboard = await DashboardLab.open();
  });
  afterEach(async () => {
    await afterwards(
      () => dashboard.close(),
      () => lab.close(),
      () => drive.close(),
    );
  });

  /** Who must have ended, and what must be gone, when the host is rid of the pod. */
  async function whatIsHere(): Promise<() => boolean> {
    const { rootPid = 0 } = await lab.status();
    const root = identifyProcess(rootPid);
    assert.ok(root !== undefined);
    const processes: readonly ProcessIdentity[] = [root, await lab.supervisor()];
    const { dir } = await lab.stage();
    return () => !processes.some(isRunning) && !existsSync(dir);
  }

  it('while its session runs ends it, and a start goes on from the synced files, or from the last checkpoint', async () => {
    await lab.program.answer(['checkpoint', ...lab.at()]);
    const before = await lab.counter();
    await lab.shell('echo after > ~/file; sync');
    const isGone = await whatIsHere();
    const { id, podId } = await dashboard.pod(lab.image);
    const { heard } = await dashboard.live();
    const { pid } = await lab.supervisor();
    process.kill(pid, 'SIGSTOP');
    await drive.pull();
    await lab.program.failure('DEVICE_GONE', ['status', ...lab.at()]);
    process.kill(pid, 'SIGCONT');
    await until(isGone);
    await heard(
      (message) =>
        message.kind === 'overview' &&
        message.overview.pods.some(
          (pod) => pod.id === id && pod.access === 'away' && pod.health.word === 'bad',
        ),
    );
    await drive.plugIn();
    const back = (await dashboard.overview()).pods.filter((pod) => pod.podId === podId);
    assert.deepEqual(
      back.map(({ access }) => access),
      ['locked'],
    );
    assert.equal((await lab.status()).session.status, 'lost');
    const { resumedCheckpoint } = await lab.start();
    assert.equal(resumedCheckpoint, undefined);
    assert.equal(await lab.shell('cat ~/file'), 'after');
    const { events } = await lab.program.answer<{ events: LoggedEvent[] }>(['log', ...lab.at()]);
    assert.ok(events.some(({ event }) => event.type === 'session.lost'));
    await lab.program.answer(['stop', ...lab.at()]);
    assert.equal((await lab.start(['--resume'])).resumedCheckpoint, 1);
    assert.equal(await lab.shell('cat ~/file'), 'before');
    assert.equal((await lab.counter(before.count)).pid, before.pid);
  });

  // It takes longer than it tells.
  const itThoroughly = IS_EXHAUSTIVE ? it : () => undefined;
  itThoroughly(
    'while nobody looks after its session leaves it there until the next start, which ends it',
    async () => {
      const isGone = await whatIsHere();
      const { deviceDir } = await lab.stage();
      // the kernel has met with it
      const hasFailed = async () => {
        const mount = mountAt(await readMounts(), deviceDir);
        return mount !== undefined && looksGone(mount);
      };
      await lab.killSupervisor();
      await drive.pull();
      await lab.program.failure('DEVICE_GONE', ['status', ...lab.at()]);
      await run('sync', ['-f', deviceDir]).catch(() => undefined);
      await until(hasFailed);
      await drive.plugIn();
      await lab.start();
      assert.ok(isGone());
    },
  );

  for (const step of ['saving the processes', 'storing the checkpoint', 'locking the vault']) {
    it(`in a suspend, at "${step}", is told, and has its last checkpoint`, async () => {
      await lab.program.answer(['checkpoint', ...lab.at()]);
      const before = await lab.counter();
      const isGone = await whatIsHere();
      const suspend = lab.program.start(['suspend', ...lab.at()]);
      await suspend.progress((told) => told.step === step);
      await drive.pull();
      const { status, stdout } = await suspend.ended;
      await until(isGone);
      await drive.plugIn();
      if (status !== 0) assert.match(stdout, /"code":"DEVICE_GONE"/);
      const { session } = await lab.status();
      const isSuspended = session.status === 'suspended';
      if (status === 0) assert.ok(isSuspended);
      const { resumedCheckpoint = 0 } = await lab.start(isSuspended ? [] : ['--resume']);
      assert.equal(resumedCheckpoint, isSuspended ? 2 : 1);
      assert.equal(await lab.shell('cat ~/file'), 'before');
      assert.equal((await lab.counter(before.count)).pid, before.pid);
    });
  }

  it('in a start is told, and is resumed when it is back', async () => {
    const before = await lab.counter();
    await lab.program.answer(['suspend', ...lab.at()]);
    const { dir, imagesDir } = await lab.stage();
    const start = lab.program.start(['start', lab.image, '--no-view']);
    await until(() => existsSync(join(imagesDir, 'inventory.img')));
    await drive.pull();
    const { status, stdout } = await start.ended;
    if (status !== 0) assert.match(stdout, /"code":"DEVICE_GONE"/);
    await until(() => !existsSync(dir));
    await drive.plugIn();
    const { session } = await lab.status();
    await lab.start(session.status === 'suspended' ? [] : ['--resume']);
    assert.equal((await lab.counter(before.count)).pid, before.pid);
  });
});

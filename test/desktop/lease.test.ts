// A desktop whose twin may be started gives way: its session is suspended, and does not start before a sync.
import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { StartReport } from '../../src/session/operation/operations.ts';
import { startPod } from '../../src/session/operation/start-pod.ts';
import { Desktop } from '../../src/session/pod/desktop.ts';
import { openDevice } from '../../src/session/pod/open-device.ts';
import { Supervisor } from '../../src/session/supervisor/supervisor.ts';
import { run } from '../../src/sync/process.ts';
import { DesktopLab, PASSPHRASE } from './desktop-lab.ts';

const START = { choice: 'default', geometry: { width: 800, height: 600 } } as const;
const SILENT = (): void => undefined;
const HOUR_MS = 3_600_000;
const URL = 'twin:///twin.img';

describe('a desktop that its twin goes on without', () => {
  let lab: DesktopLab;
  beforeEach(async () => {
    lab = await DesktopLab.open();
    await lab.create();
  });
  let unplug: (() => Promise<unknown>) | undefined;
  afterEach(async () => {
    await unplug?.();
    unplug = undefined;
    await lab.close();
  });

  it('suspends its session when the lease is out, and starts when the twin is its home no more', async () => {
    const desktop = await Desktop.take(await openDevice(lab.image, { passphrase: PASSPHRASE }), SILENT);
    await desktop.start(START, SILENT);
    const supervisor = new Supervisor(desktop);
    await supervisor.serve((await lab.stage()).supervisorSocket);
    await desktop.pod.append({ type: 'addHome', url: URL });
    await desktop.pod.append({ type: 'leaseHome', lease: { url: URL, leaseMs: 1 } });
    await supervisor.ended;
    const { session } = await lab.status();
    assert.equal(session.status, 'suspended');
    const { details } = await lab.program.failure('LEASE_ENDED', ['start', '--no-view', ...lab.at()]);
    assert.equal(details.url, URL);
    await lab.program.answer(['home', 'remove', URL, ...lab.at()]);
    await lab.start();
  });

  it('goes on from a leased drive without a question, with the same processes, and not before its time', async () => {
    const drive = await plugDrive();
    await lab.start();
    await lab.startCounter();
    const before = await lab.counter();
    await lab.program.answer(['home', 'add', drive, ...lab.at()]);
    await lab.stage(drive);
    await lab.program.answer(['home', 'lease', drive, '1h', ...lab.at()]);
    await lab.program.answer(['suspend', ...lab.at()]);
    await lab.program.answer(['sync', ...lab.at()]);
    await rename(lab.image, `${lab.image}.lost`);
    // it waits an hour longer than the device
    await assert.rejects(startLater(drive, 1.9), /asked: without a question from \S+Z on/);
    assert.equal((await lab.status(drive)).isTwin, true);
    const { promotion, resumedCheckpoint, warnings } = await startLater(drive, 2.1);
    await lab.supervisor(drive);
    assert.deepEqual([promotion?.epoch, promotion?.checkpoint], [2, resumedCheckpoint]);
    assert.match(warnings.join(), /started without a question/);
    assert.equal((await lab.counter(before.count, drive)).pid, before.pid);
    await lab.program.answer(['suspend', ...lab.at(drive)]);
  });

  /** A drive as udev and the kernel have them: its twin is known by its file system. */
  async function plugDrive(): Promise<string> {
    const file = join(lab.dir, 'drive.img');
    await run('truncate', ['-s', '1200M', file]);
    const { stdout: drive } = await run('losetup', ['--find', '--show', file]);
    unplug = () => run('losetup', ['-d', drive]);
    return drive;
  }

  /** Starts it so many hours from now; the supervisor has the right time again. */
  async function startLater(path: string, hours: number): Promise<StartReport> {
    const { now } = Date;
    Date.now = () => now() + hours * HOUR_MS;
    try {
      const report = await startPod({
        ...START,
        devicePath: path,
        passphrase: async () => PASSPHRASE,
        onProgress: SILENT,
        confirmPromotion: async (_place, besides) => assert.fail(`asked: ${besides}`),
      });
      return report as StartReport;
    } finally {
      Date.now = now;
    }
  }
});

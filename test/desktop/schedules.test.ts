// Schedules of a desktop: its supervisor makes checkpoints of the session that runs, and the session goes on.
import assert from 'node:assert/strict';
import { Desktop } from '../../src/session/pod/desktop.ts';
import { openDevice } from '../../src/session/pod/open-device.ts';
import { connectToSession } from '../../src/session/process/session-socket.ts';
import { openRfb } from '../../src/session/rfb/client.ts';
import { readIdleMs } from '../../src/session/schedule/idle-time.ts';
import { Supervisor } from '../../src/session/supervisor/supervisor.ts';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { itIfThorough } from '../exhaustive.ts';
import { ManualClock } from '../session/schedule/manual-clock.ts';
import { DesktopLab, PASSPHRASE } from './desktop-lab.ts';

const START = { choice: 'default', geometry: { width: 800, height: 600 } } as const;
const SILENT = (): void => undefined;
const NOISE_BYTES = 60_000_000;

describe('the schedules of a desktop', () => {
  let lab: DesktopLab;
  beforeEach(async () => {
    lab = await DesktopLab.open();
    await lab.create();
  });
  afterEach(() => lab.close());

  it('make checkpoints of its session, which goes on, and know when somebody last used it', async () => {
    const desktop = await Desktop.take(await openDevice(lab.image, { passphrase: PASSPHRASE }), SILENT);
    await desktop.start(START, SILENT);
    const clock = new ManualClock(Date.now());
    const supervisor = new Supervisor(desktop, clock);
    await supervisor.serve((await lab.stage()).supervisorSocket);
    await lab.startCounter();
    const before = await lab.counter();
    await lab.program.answer(['schedule', 'add', 'every 15 minutes while in use', ...lab.at()]);
    const { rootPid = 0, scheduling } = await lab.status();
    const [schedule] = scheduling.schedules;
    assert.ok(scheduling.isKept && schedule !== undefined && schedule.nextAtMs > clock.now());

    const idleMs = await readIdleMs(rootPid);
    assert.ok(idleMs !== undefined && idleMs > 0);
    await movePointer(rootPid);
    const againMs = await readIdleMs(rootPid);
    assert.ok(againMs !== undefined && againMs < idleMs, `${againMs} ms after ${idleMs} ms`);

    const sealed = Promise.withResolvers<void>();
    const undo = desktop.pod.onAppended(() => {
      if (desktop.pod.state.lastCheckpoint === 1) sealed.resolve();
    });
    clock.pass(schedule.nextAtMs - clock.now());
    await sealed.promise;
    undo();
    const [checkpoint] = desktop.pod.state.checkpoints;
    assert.deepEqual([checkpoint?.reason, checkpoint?.images !== undefined], ['schedule', true]);
    assert.equal((await lab.counter(before.count)).pid, before.pid);
    const shown = await lab.program.run(['status', ...lab.at()]);
    assert.match(shown.stdout, /^next +\S+ \S+, every 15 minutes while in use$/m);
    await lab.program.answer(['suspend', ...lab.at()]);
    await supervisor.ended;
  });

  itIfThorough('make room before a suspend where files have taken what is to stay free', async () => {
    const fill = (name: string): Promise<string> =>
      lab.shell(`head -c ${NOISE_BYTES} /dev/urandom > ~/${name}`);
    await lab.program.answer(['home', 'add', lab.home, ...lab.at()]);
    await lab.start();
    // what the first checkpoint alone needs goes with it
    for (let nth = 1; nth <= 2; nth++) {
      await fill('noise');
      await lab.program.answer(['checkpoint', '--accept-changes', ...lab.at()]);
    }
    await lab.program.answer(['sync', ...lab.at()]);
    const freeBytes = (await lab.status()).scheduling.reserve?.freeBytes ?? 0;
    const reserveMib = Math.floor((freeBytes - NOISE_BYTES / 3) / 2 ** 20);
    await lab.program.answer(['schedule', 'reserve', `${reserveMib}M`, ...lab.at()]);
    await lab.shell(`head -c ${NOISE_BYTES / 2} /dev/zero > ~/zeros; sync`);
    const { warnings } = await lab.program.answer<CheckpointReport>(['suspend', ...lab.at()]);
    assert.match(warnings.join(), /1 checkpoint that a home has went from the device to keep \S+ MB free/);
    const { checkpoints } = await lab.program.answer<{ checkpoints: { number: number }[] }>([
      ...['checkpoints', ...lab.at()],
    ]);
    assert.deepEqual(
      checkpoints.map(({ number }) => number),
      [2, 3],
    );
    await lab.start();
  });
});

/** As a viewer does. */
async function movePointer(rootPid: number): Promise<void> {
  const display = await openRfb(await connectToSession(rootPid, 'rfb'), { timeoutMs: 10_000 });
  try {
    display.pointer(20, 20);
    await display.roundTrip();
  } finally {
    display.close();
  }
}

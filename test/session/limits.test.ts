// The limits that a pod keeps its sessions to: fresh, resumed, changed, and on a host that cannot.
import assert from 'node:assert/strict';
import { sessionIdOf } from '../../src/session/host/staging.ts';
import { Desktop } from '../../src/session/pod/desktop.ts';
import { openDevice } from '../../src/session/pod/open-device.ts';
import { captureInSession, type ProcessSession } from '../../src/session/process/processes.ts';
import { DesktopLab } from '../desktop/desktop-lab.ts';
import { controlGroupsOf } from './leftovers.ts';
import { describeLimits } from './limits-suite.ts';

/** Of the desktops of tests. */
const CREDENTIAL = { passphrase: 'correct horse battery' };
const START = { choice: 'default', geometry: { width: 800, height: 600 } } as const;
const LIMITS = { memoryBytes: 256 * 2 ** 20, processCount: 100, processorCount: 0.2 };
/** A program that stays, with 120 MiB. */
const HOLD_MEMORY =
  'push @held, "x" x 2**20 for 1 .. 120; open STDOUT, ">", "/dev/null"; open STDERR, ">", "/dev/null"; fork and exit; sleep 600 while 1';
const onProgress = (): void => undefined;

describe('a session with limits', () => {
  let lab: DesktopLab;
  let desktop: Desktop;
  let isClosed = false;
  const session = (): ProcessSession => {
    assert.ok(desktop.session !== undefined, 'no session');
    return desktop.session;
  };

  const assertNoGroup = async (): Promise<void> =>
    assert.deepEqual(await controlGroupsOf(sessionIdOf(await lab.stage())), []);

  before(async () => {
    lab = await DesktopLab.open();
    await lab.create(800, { limits: LIMITS });
    desktop = await Desktop.take(await openDevice(lab.image, CREDENTIAL), onProgress);
  });

  after(async () => {
    if (desktop?.session !== undefined) await desktop.stop();
    if (desktop !== undefined && !isClosed) await desktop.close();
    await lab.close();
  });

  for (const when of ['fresh', 'resumed'] as const) {
    describe(`that is ${when}`, () => {
      before(async () => {
        const { resumedCheckpoint } = await desktop.start(START, onProgress);
        assert.equal(resumedCheckpoint, when === 'resumed' ? 1 : undefined);
        await session().settled;
      });

      describeLimits('is kept to them', LIMITS, session);

      after(async () => {
        await desktop.suspend(onProgress);
        await assertNoGroup();
      });
    });
  }

  describe('that has more memory than it may by now', () => {
    it('is not resumed, and is once it may', async () => {
      const { program, image } = lab;
      const { memoryBytes, processCount } = LIMITS;
      await desktop.pod.append({ type: 'limitSession', limits: { memoryBytes, processCount } });
      await desktop.start(START, onProgress);
      await captureInSession(session(), ['perl', '-e', HOLD_MEMORY]);
      await desktop.suspend(onProgress);
      await desktop.close();
      isClosed = true;
      assert.deepEqual(await program.answer(['limit', ...lab.at()]), {
        limits: { memoryBytes, processCount },
      });
      await program.answer(['limit', '--memory', '130M', '--cpus', '1.5', ...lab.at()]);
      const start = ['start', image, '--no-view'];
      const { message } = await program.failure('RESUME_FAILED', start);
      assert.match(message, /is limited to 130 MiB/);
      await assertNoGroup();
      await program.answer(['limit', '--memory', 'none', ...lab.at()]);
      await lab.start();
      assert.deepEqual((await lab.status()).limits, { processCount, processorCount: 1.5 });
      await program.answer(['suspend', ...lab.at()]);
    });
  });
});

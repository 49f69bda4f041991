// A USB stick that is pulled out of a machine of its own: the host is left clean, and the session goes on there, and then here.
// Each test has a machine emulated for minutes: they run with DESKPOD_TEST_EXHAUSTIVE only.
import assert from 'node:assert/strict';
import type { StartReport, StatusReport } from '../../src/session/operation/operations.ts';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import type { Counted } from '../session/counter.ts';
import { GUEST_RELEASES } from '../session/guest/machine.ts';
import { TRAVEL_LIMITS } from '../session/guest/session-suite.ts';
import type { Failure } from '../tree/program.ts';
import { DesktopLab } from './desktop-lab.ts';
import { runWithStick } from './guest/stick-host.ts';
import { makeRuntimeImage } from './runtime-image.ts';

const TIMEOUT_MS = 1_200_000;
const SUSPEND_STEPS = ['saving the processes', 'storing the checkpoint', 'locking the vault'];

/** What a command answers, whatever became of it. */
type Answer<Report> = Partial<Report> & { readonly error?: Failure };

for (const release of IS_EXHAUSTIVE ? GUEST_RELEASES : []) {
  describe(`a USB stick that is pulled out, under the kernel of Debian ${release},`, function () {
    this.timeout(TIMEOUT_MS);
    let lab: DesktopLab;
    let here: Counted;
    before(makeRuntimeImage);
    beforeEach(async () => {
      lab = await DesktopLab.open();
      await lab.create(800, { processorLevel: 'x86-64-v2', carriesRuntime: true, limits: TRAVEL_LIMITS });
      await lab.start();
      await lab.startCounter();
      here = await lab.counter();
      await lab.program.answer(['suspend', ...lab.at()]);
    });
    afterEach(async () => {
      await lab.close();
    });

    it('while its session runs leaves nothing there; plugged in again it goes on', async () => {
      const { answers, left } = await runWithStick(lab, release, 'pull.sh', ['moment=running']);
      const [, started, counted, tooLate, , ...after] = answers;
      assert.deepEqual(left, []);
      assert.equal((started as StartReport).resumedCheckpoint, 1);
      assertGoesOn(counted);
      const { error } = tooLate as Answer<CheckpointReport>;
      assert.match(error?.code ?? '', /^DEVICE_(GONE|NOT_FOUND)$/);
      assert.match(error?.hint ?? '', /plug it in/i);
      await assertComesBack(after, false);
    });

    for (const step of SUSPEND_STEPS) {
      it(`in a suspend, at "${step}", leaves nothing there; plugged in again it goes on`, async () => {
        const moment = `moment=${step.replaceAll(' ', '_')}`;
        const { answers, left } = await runWithStick(lab, release, 'pull.sh', [moment]);
        const [, started, counted, suspended, , ...after] = answers;
        assert.deepEqual(left, []);
        assert.equal((started as StartReport).resumedCheckpoint, 1);
        assertGoesOn(counted);
        const { error, number } = suspended as Answer<CheckpointReport>;
        if (number === undefined) assertGone(error);
        await assertComesBack(after, number !== undefined);
      });
    }

    it('in a start leaves nothing there; plugged in again it goes on', async () => {
      const { answers, left } = await runWithStick(lab, release, 'pull.sh', ['moment=start']);
      const [, started, , ...after] = answers;
      assert.deepEqual(left, []);
      const { error, resumedCheckpoint } = started as Answer<StartReport>;
      if (resumedCheckpoint === undefined) assertGone(error);
      await assertComesBack(after, false);
    });

    function assertGoesOn(counted: unknown): void {
      const { pid, count } = counted as Counted;
      assert.equal(pid, here.pid);
      assert.ok(count > here.count);
    }

    function assertGone(error: Failure | undefined): void {
      assert.equal(error?.code, 'DEVICE_GONE');
      assert.match(error?.hint ?? '', /Plug it in again/);
    }

    /** @param wasStored the suspend said that the device has all of it */
    async function assertComesBack(after: readonly unknown[], wasStored: boolean): Promise<void> {
      const [status, started, , resumed, counted, suspended] = after;
      const { session } = status as StatusReport;
      if (wasStored) assert.equal(session.status, 'suspended');
      const { resumedCheckpoint, warnings } = started as StartReport;
      if (session.status === 'suspended') assert.equal(resumedCheckpoint, session.checkpoint);
      else {
        assert.equal(resumedCheckpoint, undefined);
        assert.match(warnings.join(), /deskpod start --resume/);
      }
      const last = session.status === 'suspended' ? session.checkpoint : 1;
      assert.equal((resumed as StartReport).resumedCheckpoint, last);
      assertGoesOn(counted);
      const { number } = suspended as CheckpointReport;
      assert.equal((await lab.start()).resumedCheckpoint, number);
      assert.equal((await lab.counter((counted as Counted).count)).pid, here.pid);
    }
  });
}

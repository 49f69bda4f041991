// A USB stick that is pulled out of a machine of its own: the host is left clean, and the session goes on there, and then here.
// Each test has a machine emulated for minutes: they run with DESKPOD_TEST_EXHAUSTIVE only.
import assert from 'node:assert/strict';
import { findBase } from '../../src/session/base/base.ts';
import type { StartReport, StatusReport } from '../../src/session/operation/operations.ts';
import { findRuntimeImage } from '../../src/session/runtime/device-runtime.ts';
import { ENTRY_SCRIPT } from '../../src/session/runtime/entry-script.ts';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { run } from '../../src/sync/process.ts';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { type Counted, START_COUNTER } from '../session/counter.ts';
import { GUEST_RELEASES } from '../session/guest/machine.ts';
import { TRAVEL_LIMITS } from '../session/guest/session-suite.ts';
import type { Failure } from '../tree/program.ts';
import { DesktopLab } from './desktop-lab.ts';
import { runWithStick } from './guest/stick-host.ts';
import { makeRuntimeImage } from './runtime-image.ts';
import { suspendedPod } from './suspended-pod.ts';

const TIMEOUT_MS = 1_200_000;
const STICK_BYTES = 1400 * 2 ** 20;
const SUSPEND_STEPS = ['saving the processes', 'storing the checkpoint', 'locking the vault'];

/** What a command answers, whatever became of it. */
type Answer<Report> = Partial<Report> & { readonly error?: Failure };

for (const release of IS_EXHAUSTIVE ? GUEST_RELEASES : []) {
  describe(`a USB stick that is pulled out, under the kernel of Debian ${release},`, function () {
    this.timeout(TIMEOUT_MS);
    const pod = suspendedPod({ limits: TRAVEL_LIMITS });

    it('while its session runs leaves nothing there; plugged in again it goes on', async () => {
      const { answers, left } = await runWithStick(pod.lab, release, 'pull.sh', ['moment=running']);
      const [, started, counted, tooLate, , ...after] = answers;
      assert.deepEqual(left, []);
      assert.equal((started as StartReport).resumedCheckpoint, 1);
      pod.assertGoesOn(counted);
      const { error } = tooLate as Answer<CheckpointReport>;
      assert.match(error?.code ?? '', /^DEVICE_(GONE|NOT_FOUND)$/);
      assert.match(error?.hint ?? '', /plug it in/i);
      await assertComesBack(after, false);
    });

    for (const step of SUSPEND_STEPS) {
      it(`in a suspend, at "${step}", leaves nothing there; plugged in again it goes on`, async () => {
        const moment = `moment=${step.replaceAll(' ', '_')}`;
        const { answers, left } = await runWithStick(pod.lab, release, 'pull.sh', [moment]);
        const [, started, counted, suspended, , ...after] = answers;
        assert.deepEqual(left, []);
        assert.equal((started as StartReport).resumedCheckpoint, 1);
        pod.assertGoesOn(counted);
        const { error, number } = suspended as Answer<CheckpointReport>;
        if (number === undefined) assertGone(error);
        await assertComesBack(after, number !== undefined);
      });
    }

    it('in a start leaves nothing there; plugged in again it goes on', async () => {
      const { answers, left } = await runWithStick(pod.lab, release, 'pull.sh', ['moment=start']);
      const [, started, , ...after] = answers;
      assert.deepEqual(left, []);
      const { error, resumedCheckpoint } = started as Answer<StartReport>;
      if (resumedCheckpoint === undefined) assertGone(error);
      await assertComesBack(after, false);
    });

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
      pod.assertGoesOn(counted);
      const { number } = suspended as CheckpointReport;
      assert.equal((await pod.lab.start()).resumedCheckpoint, number);
      pod.assertGoesOn(await pod.lab.counter((counted as Counted).count));
    }
  });

  describe(`a USB stick with a LUKS vault, under the kernel of Debian ${release},`, function () {
    this.timeout(TIMEOUT_MS);
    let lab: DesktopLab;
    before(makeRuntimeImage);
    beforeEach(async () => {
      lab = await DesktopLab.open();
      await run('truncate', ['-s', `${STICK_BYTES}`, lab.image]);
    });
    afterEach(async () => {
      await lab.close();
    });

    it('goes on each time that it is plugged in again, pulled out at rest and while its session ran', async () => {
      const { answers, left } = await runWithStick(lab, release, 'luks.sh', [], {
        deskpod: { text: ENTRY_SCRIPT },
        'counter.sh': { text: START_COUNTER },
        'runtime.erofs': { path: (await findRuntimeImage()).path },
        'base.erofs': { path: (await findBase('desktop')).path },
      });
      assert.deepEqual(left, []);
      const [, started, { mapped }, first, suspended, , resumed, second, , back, third, again] = answers as [
        unknown,
        StartReport,
        { mapped: string },
        ...unknown[],
      ];
      assert.equal(started.resumedCheckpoint, undefined);
      assert.match(mapped, /^deskpod-[0-9a-f]{16}$/);
      assert.equal((suspended as CheckpointReport).number, 1);
      assert.equal((resumed as StartReport).resumedCheckpoint, 1);
      // what ran when it was pulled out goes back to what was saved; its files as they were then are a checkpoint, too
      assert.equal((back as StartReport).resumedCheckpoint, 1);
      assert.equal((again as CheckpointReport).number, 3);
      const [before, ...after] = [first, second, third] as readonly Counted[];
      assert.ok(before !== undefined && before.pid > 0);
      for (const { pid, count } of after) assert.ok(pid === before.pid && count > before.count);
    });
  });
}

// A USB stick that is plugged into a host with the package: it is offered, opened at a page, suspended when that is closed, pulled out.
// Each test has a machine emulated for minutes: they run with DESKPOD_TEST_EXHAUSTIVE only.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { run } from '../../src/sync/process.ts';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { runWithStick } from './guest/stick-host.ts';
import { suspendedPod } from './suspended-pod.ts';

const TIMEOUT_MS = 1_200_000;
/** Its kernel's package comes with systemd and udev. */
const RELEASE = 'trixie';
const PACKAGER = new URL('../../ops/package', import.meta.url).pathname;
const describeThere = IS_EXHAUSTIVE ? describe : () => undefined;

describeThere(
  `a stick that is plugged into a host with the package, under Debian ${RELEASE}'s kernel,`,
  function () {
    this.timeout(TIMEOUT_MS);
    const pod = suspendedPod();

    it('is offered, opened by the passphrase, suspended by closing the page, and goes on elsewhere', async () => {
      const folder = join(pod.lab.dir, 'package');
      await run(PACKAGER, ['--tree', folder]);
      const files = { package: { path: join(folder, 'tree') } };
      const { answers, left } = await runWithStick(pod.lab, RELEASE, 'plug-host.sh', [], files);
      assert.deepEqual(left, []);
      const [offered, locked, shown, counted, , unit] = answers as [
        { wants: string },
        object,
        { display: string },
        unknown,
        unknown,
        object,
      ];
      assert.match(offered.wants, /^deskpod-plug@sd[a-z]\.service$/);
      assert.deepEqual(locked, { locked: true });
      assert.equal(shown.display, 'RFB 003.008');
      pod.assertGoesOn(counted);
      assert.deepEqual(unit, { unit: 'inactive' });
      const { session } = await pod.lab.status();
      assert.deepEqual(session, { status: 'suspended', checkpoint: 2 });
      assert.equal((await pod.lab.start()).resumedCheckpoint, 2);
      pod.assertGoesOn(await pod.lab.counter(pod.here.count));
    });
  },
);

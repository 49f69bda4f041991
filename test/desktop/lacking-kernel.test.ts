// A host whose kernel lacks EROFS or overlayfs: Debian's own, from which that module is taken. Each is a machine that is
// emulated for minutes: they run with DESKPOD_TEST_EXHAUSTIVE only. What a start says on any host is in refused-start.test.ts.
import assert from 'node:assert/strict';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { GUEST_RELEASES, OLD_MACHINE, passInGuest } from '../session/guest/machine.ts';
import { suspendedPod } from './suspended-pod.ts';

const TIMEOUT_MS = 900_000;

for (const release of IS_EXHAUSTIVE ? GUEST_RELEASES : []) {
  describe(`a suspended session on a host with the kernel of Debian ${release}`, function () {
    this.timeout(TIMEOUT_MS);
    const pod = suspendedPod();

    for (const lacking of ['erofs', 'overlay'])
      it(`without ${lacking} is refused there, and goes on here`, async () => {
        await passInGuest(release, { name: 'lacking', lacking, disk: pod.lab.image, ...OLD_MACHINE });
        assert.equal((await pod.lab.start()).resumedCheckpoint, 1);
        pod.assertGoesOn(await pod.lab.counter(pod.here.count));
      });
  });
}

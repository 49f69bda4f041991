// A device that carries its runtime, in a machine of its own: another kernel, with its modules, and util-linux.
import assert from 'node:assert/strict';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StartReport } from '../../src/session/operation/operations.ts';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { run } from '../../src/sync/process.ts';
import { makeErofs } from '../session/erofs-image.ts';
import { bootGuest, GUEST_RELEASES, guestDirOf, lastLines, OLD_MACHINE } from '../session/guest/machine.ts';
import { makeBareRoot } from './bare-host.ts';
import { suspendedPod } from './suspended-pod.ts';

/** To start a desktop, and to emulate a machine in which it goes on. */
const TIMEOUT_MS = 600_000;

/** What its owner does there, after what any system does at its start. What commands answer goes to the second serial line. */
const PROGRAM = `
set -e
trap 'echo o >/proc/sysrq-trigger; while :; do :; done' EXIT
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DESKPOD_PASSPHRASE_FILE=/checkout/passphrase
for folder in /run /tmp; do mount -t tmpfs tmpfs "$folder"; done
mount -t devpts -o X-mount.mkdir devpts /dev/pts
mount -t tmpfs -o X-mount.mkdir tmpfs /dev/shm
modprobe -a loop tun
mount /dev/vdc /mnt
/mnt/deskpod --json start --no-view >/dev/ttyS1
for file in /run/deskpod/*/merged/home/user/count; do :; done
count() { read -r pid number <"$file" && echo "$number"; }
from=$(count)
until to=$(count) && [ "$to" -gt "$from" ]; do :; done
echo "{\\"from\\":$from,\\"to\\":$to}" >/dev/ttyS1
/run/deskpod-runtime/deskpod --json suspend >/dev/ttyS1
`;

for (const release of GUEST_RELEASES) {
  describe(`a device that carries its runtime, under the kernel of Debian ${release}`, function () {
    this.timeout(TIMEOUT_MS);
    const pod = suspendedPod();

    it('goes on there with nothing but util-linux, and then here again', async () => {
      const [started, climbed, suspended] = await runThere();
      assert.equal((started as StartReport).resumedCheckpoint, 1);
      assert.deepEqual((started as StartReport).warnings, []);
      const { from, to } = climbed as { from: number; to: number };
      assert.ok(from >= pod.here.count && to > from, JSON.stringify(climbed));
      assert.equal((suspended as CheckpointReport).number, 2);

      const { resumedCheckpoint } = await pod.lab.start();
      assert.equal(resumedCheckpoint, 2);
      pod.assertGoesOn(await pod.lab.counter(pod.here.count));
    });

    /** What the commands there answered, in their order. */
    async function runThere(): Promise<unknown[]> {
      const dir = join(pod.lab.dir, 'guest');
      const checkoutDir = join(dir, 'checkout');
      await mkdir(checkoutDir, { recursive: true });
      await cp(join(pod.lab.dir, 'passphrase'), join(checkoutDir, 'passphrase'));
      await writeFile(join(checkoutDir, 'boot.sh'), PROGRAM);
      const image = { root: join(dir, 'root.erofs'), checkout: join(dir, 'checkout.erofs') };
      await makeErofs(await makeRoot(join(dir, 'root')), image.root);
      await makeErofs(checkoutDir, image.checkout);
      const told = await bootGuest(release, {
        ...{ dir, ...image, disk: pod.lab.image, program: '/checkout/boot.sh', ...OLD_MACHINE },
      });
      const answers = told.split('\n').filter((line) => line.trim() !== '');
      assert.equal(answers.length, 3, `${told}${await lastLines(dir)}`);
      return answers.map((line) => JSON.parse(line) as unknown);
    }

    /** A kernel's modules, and what loads them, belong to the kernel. */
    async function makeRoot(rootDir: string): Promise<string> {
      await makeBareRoot(rootDir, ['kmod']);
      await mkdir(join(rootDir, 'checkout'));
      // the initrd of the guests hands over to this name
      await symlink('dash', join(rootDir, 'bin/bash'));
      const guestRoot = join(pod.lab.dir, 'guest-root');
      await mkdir(guestRoot);
      await run('mount', ['-o', 'loop,ro', join(guestDirOf(release), 'root.erofs'), guestRoot]);
      try {
        await cp(join(guestRoot, 'lib/modules'), join(rootDir, 'lib/modules'), { recursive: true });
      } finally {
        await run('umount', [guestRoot]);
      }
      return rootDir;
    }
  });
}

// A pod on a LUKS vault by the commands that its owner types, with the program that devices carry: in a guest, as it needs
// dm-crypt. Emulated, that takes two minutes, so it is run only if DESKPOD_TEST_EXHAUSTIVE is set.
import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBase } from '../../src/session/base/base.ts';
import { findRuntimeImage } from '../../src/session/runtime/device-runtime.ts';
import { makeRuntimeImage } from '../desktop/runtime-image.ts';
import { START_COUNTER } from './counter.ts';
import { MEBIBYTE } from './device-bench.ts';
import { makeErofs } from './erofs-image.ts';
import { bootGuest, GUEST_RELEASES, lastLines, OLD_MACHINE } from './guest/machine.ts';

/** To emulate a machine that makes a pod and starts a desktop twice. */
const TIMEOUT_MS = 480_000;
const IS_ASKED_FOR = process.env.DESKPOD_TEST_EXHAUSTIVE !== undefined;
/** Sparse: it holds what a vault allocates without being written to. */
const DISK_BYTES = 1024 * MEBIBYTE;

/** What is typed there, after what any system does at its start. What commands answer goes to the second serial line. */
const PROGRAM = `
set -e
trap 'echo o >/proc/sysrq-trigger; while :; do :; done' EXIT
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DESKPOD_PASSPHRASE_FILE=/checkout/passphrase
for folder in /run /tmp /var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "$folder"; done
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t cgroup2 none /sys/fs/cgroup
modprobe -a loop tun
ip link set lo up
mount -o loop,ro,X-mount.mkdir /checkout/runtime.erofs /run/deskpod-runtime/new
id=$(cat /run/deskpod-runtime/new/id)
mkdir "/run/deskpod-runtime/$id"
mount --move /run/deskpod-runtime/new "/run/deskpod-runtime/$id"
deskpod() { "/run/deskpod-runtime/$id/program/bin/deskpod" "$@"; }
say() { echo "$@" >/dev/ttyS1; }
counted() {
  until read -r pid count <"$file" && [ "$count" -gt "$1" ]; do sleep 0.1; done
  say "{\\"pid\\":$pid,\\"count\\":$count}"
}
deskpod --json create /dev/vdc --vault luks --base /checkout/desktop.erofs --no-runtime >/tmp/created
cat /tmp/created >/dev/ttyS1
sed 's/.*"recoveryKey":"\\([^"]*\\)".*/\\1/' /tmp/created >/tmp/key
deskpod --json start /dev/vdc --no-view >/dev/ttyS1
file=$(echo /run/deskpod/*/merged)/home/user/count
say "\\"$(findmnt -n -o FSTYPE,SOURCE /run/deskpod/*/private/device/vault)\\""
deskpod exec -- sh -c "$(cat /checkout/counter.sh)"
counted 0
deskpod --json suspend >/dev/ttyS1
say "\\"$(echo /dev/mapper/* /run/deskpod/*)\\""
deskpod --json start /dev/vdc --no-view --recovery-key-file /tmp/key >/dev/ttyS1
counted "$count"
deskpod --json stop >/dev/ttyS1
`;

for (const release of IS_ASKED_FOR ? GUEST_RELEASES : []) {
  describe(`a pod on a LUKS vault, by commands, under the kernel of Debian ${release}`, function () {
    this.timeout(TIMEOUT_MS);
    let dir: string;
    before(makeRuntimeImage);
    beforeEach(async () => {
      dir = await mkdtemp(join(tmpdir(), 'deskpod-luks-commands-'));
    });
    afterEach(async () => {
      await rm(dir, { recursive: true, force: true });
    });

    it('is made and started, suspended, and goes on with the same processes', async () => {
      const disk = join(dir, 'pod.img');
      await writeFile(disk, '');
      await truncate(disk, DISK_BYTES);
      const checkout = join(dir, 'checkout.erofs');
      await makeErofs(await layOutCheckout(join(dir, 'checkout')), checkout);
      const boot = { dir, checkout, disk, program: '/checkout/boot.sh', ...OLD_MACHINE };
      const answers = (await bootGuest(release, boot)).split('\n').filter((line) => line.trim() !== '');
      assert.equal(answers.length, 9, `${answers.join('\n')}${await lastLines(dir)}`);
      const [, started, vault, before, suspended, closed, resumed, after] = answers.map((line) =>
        JSON.parse(line),
      );
      assert.deepEqual([started.resumedCheckpoint, started.warnings], [undefined, []]);
      assert.match(vault, /^ext4 +\/dev\/mapper\/deskpod-/);
      assert.deepEqual([suspended.number, suspended.warnings], [1, []]);
      assert.equal(closed, '/dev/mapper/control /run/deskpod/runc');
      assert.deepEqual([resumed.resumedCheckpoint, resumed.warnings], [1, []]);
      assert.ok(after.pid === before.pid && after.count > before.count, JSON.stringify([before, after]));
    });
  });
}

async function layOutCheckout(dir: string): Promise<string> {
  await mkdir(dir);
  const { path } = await findBase('desktop');
  await copyFile(path, join(dir, 'desktop.erofs'));
  await copyFile(path.replace(/\.erofs$/, '.json'), join(dir, 'desktop.json'));
  await copyFile((await findRuntimeImage()).path, join(dir, 'runtime.erofs'));
  await writeFile(join(dir, 'passphrase'), 'correct horse battery\n');
  await writeFile(join(dir, 'counter.sh'), START_COUNTER);
  await writeFile(join(dir, 'boot.sh'), PROGRAM);
  return dir;
}

// Where a desktop pod is kept: devices that are full or too small, homes that are full or damaged, and packages.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cleanLeftovers } from '../../src/session/host/leftovers.ts';
import type { InstallReport } from '../../src/session/pod/install-into.ts';
import type { CheckpointPicture } from '../../src/sync/browse/checkpoint-picture.ts';
import type { SyncReport } from '../../src/sync/pod/replicate.ts';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { run } from '../../src/sync/process.ts';
import { onDrive } from '../session/device-bench.ts';
import { DesktopLab } from './desktop-lab.ts';
import { runtimeWith } from './odd-runtime.ts';

/** What a resume says of files that others changed. */
const FILES_CHANGED = /changed while the session was suspended.*in checkpoint \d+\./;

describe('a desktop pod', () => {
  let lab: DesktopLab;
  beforeEach(async () => {
    lab = await DesktopLab.open();
  });
  afterEach(async () => {
    await lab.close();
  });

  const bringHome = async (): Promise<void> => {
    await lab.program.answer(['home', 'add', lab.home, ...lab.at()]);
    await lab.program.answer(['sync', ...lab.at()]);
  };
  const restore = (to: string, ...more: string[]) => [
    'restore',
    '--from',
    lab.home,
    '--to',
    to,
    '--no-runtime',
    ...more,
  ];

  it('on a full device is not suspended but goes on, and is suspended when there is room', async () => {
    await lab.create(450);
    await lab.start();
    await lab.startCounter();
    const before = await lab.counter();
    // Noise in the memory of a process, which its images must hold, then a device filled to the last block.
    await lab.shell(
      'setsid perl -e \'open F,"</dev/urandom"; read F,$x,30000000; open G,">ready"; close G; sleep 9999\' </dev/null >/dev/null 2>&1 &' +
        ' while [ ! -e ~/ready ]; do sleep 0.05; done',
    );
    await lab.shell('head -c 1000000000 /dev/zero > ~/filling 2>/dev/null; sync; true');
    const failed = await lab.program.run(['--json', 'suspend', ...lab.at()]);
    assert.match(failed.stdout, /"code":"(SPACE_EXHAUSTED|DEVICE_FULL)"/);
    assert.equal(failed.status, 22);
    assert.equal((await lab.status()).session.status, 'running');
    await lab.shell('rm ~/filling');
    const after = await lab.counter(0);
    assert.equal(after.pid, before.pid);
    await lab.program.answer(['suspend', ...lab.at()]);
    await lab.start();
    assert.equal((await lab.counter(after.count)).pid, before.pid);
  });

  it('on a device that takes no more files is not suspended but goes on, though no root could be mounted there', async () => {
    await lab.create(320);
    await lab.start();
    await lab.startCounter();
    const before = await lab.counter();
    await lab.shell('mkdir ~/filling && cd ~/filling && perl -e \'$n = 1; $n++ while open F, ">$n"\'');
    await lab.program.failure('SPACE_EXHAUSTED', ['suspend', ...lab.at()]);
    assert.equal((await lab.status()).session.status, 'running');
    await lab.shell('rm -r ~/filling');
    const after = await lab.counter(0);
    assert.equal(after.pid, before.pid);
    await lab.program.answer(['suspend', ...lab.at()]);
  });

  it('waits in memory if it can neither be stored nor go on, says so, and is stored by the next start with room', async () => {
    await lab.create(450);
    const DESKPOD_RUNTIME = await runtimeWith(
      lab.dir,
      (criu) => `[ "$1" != restore ] || exit 1; exec ${criu} "$@"`,
    );
    const program = lab.program.with({ env: { DESKPOD_RUNTIME } });
    await program.answer(['start', lab.image, '--no-view']);
    await lab.supervisor();
    await lab.startCounter();
    const before = await lab.counter();
    const { deviceDir } = await lab.stage();
    await run('sh', ['-c', `cat /dev/zero > ${deviceDir}/filling 2>/dev/null; sync -f ${deviceDir}`]);
    const failed = await program.failure('SUSPEND_FAILED', ['suspend', ...lab.at()]);
    assert.match(failed.message, /waits in the memory of this computer/);
    await lab.program.failure('POD_EXISTS', ['create', lab.image]);
    await onDrive(lab.image, 'rm filling');
    const { resumedCheckpoint } = await lab.start();
    assert.equal(resumedCheckpoint, 1);
    assert.equal((await lab.counter(before.count)).pid, before.pid);
  });

  it('is suspended though runc does not forget its session, and says so', async () => {
    await lab.create(450);
    const DESKPOD_RUNTIME = await runtimeWith(
      lab.dir,
      (runc) => `case "$*" in *" delete "*) echo "no, thanks" >&2; exit 1;; esac; exec ${runc} "$@"`,
      'runc',
    );
    const program = lab.program.with({ env: { DESKPOD_RUNTIME } });
    await program.answer(['start', lab.image, '--no-view']);
    await lab.supervisor();
    await lab.startCounter();
    const before = await lab.counter();
    const { warnings } = await program.answer<CheckpointReport>(['suspend', ...lab.at()]);
    assert.match(warnings.join(), /no, thanks/);
    const { resumedCheckpoint } = await lab.start();
    assert.equal(resumedCheckpoint, 1);
    assert.equal((await lab.counter(before.count)).pid, before.pid);
  });

  it('takes a package while it runs and while it is suspended, and has it after the next resume', async () => {
    await lab.create();
    await lab.start();
    await lab.startCounter();
    const before = await lab.counter();
    await lab.program.answer(['install', 'bc', ...lab.at()]);
    assert.equal(await lab.shell('echo 6*7 | bc; echo here >~/letter'), '42');
    await lab.program.answer(['suspend', ...lab.at()]);
    // what its resume finds is told by the install, whatever comes of that
    await lab.changeFiles('echo elsewhere >home/user/letter');
    const { hint } = await lab.program.failure('INSTALL_FAILED', ['install', 'no-such-package', ...lab.at()]);
    assert.match(hint ?? '', FILES_CHANGED);
    await lab.changeFiles('echo elsewhere >home/user/letter');
    const { warnings } = await lab.program.answer<InstallReport>(['install', 'dc', ...lab.at()]);
    assert.match(warnings.join(), FILES_CHANGED);
    assert.equal((await lab.status()).session.status, 'suspended');
    await lab.start();
    assert.equal(await lab.shell('echo 6*7 | bc; echo "3 4 + p" | dc; cat ~/letter'), '42\n7\nhere');
    assert.deepEqual((await lab.status()).packages, ['bc', 'dc']);
    assert.equal((await lab.counter(before.count)).pid, before.pid);
  });

  it('is not harmed by a home that is full, and syncs when there is room', async () => {
    await lab.create();
    await lab.start();
    await lab.shell('head -c 3000000 /dev/urandom > ~/file');
    await lab.program.answer(['suspend', ...lab.at()]);
    await mkdir(lab.home);
    await run('mount', ['-t', 'tmpfs', '-o', 'size=100m', 'tmpfs', lab.home]);
    try {
      await lab.program.answer(['home', 'add', lab.home, ...lab.at()]);
      await lab.program.failure('HOME_FULL', ['sync', ...lab.at()]);
      assert.equal((await lab.status()).session.status, 'suspended');
      await run('mount', ['-o', 'remount,size=600m', lab.home]);
      await lab.program.answer(['sync', ...lab.at()]);
      const { pods } = await lab.program.answer<{ pods: unknown[] }>([
        'restore',
        '--from',
        lab.home,
        '--list',
      ]);
      assert.equal(pods.length, 1);
      await lab.start();
    } finally {
      await run('umount', [lab.home]);
    }
  });

  it('is restored with its recovery key to a device of another size, where its processes go on', async () => {
    await lab.create();
    await lab.start();
    await lab.startCounter();
    const before = await lab.counter();
    await lab.withPicture('suspend');
    const picture = ['picture', 'latest'];
    const { pngBase64 } = await lab.program.answer<CheckpointPicture>([...picture, ...lab.at()]);
    await bringHome();
    assert.equal(
      (await lab.program.answer<CheckpointPicture>([...picture, '--from', lab.home])).pngBase64,
      pngBase64,
    );
    const keyFile = join(lab.dir, 'recovery');
    await writeFile(keyFile, `${lab.recoveryKey}\n`);
    const to = join(lab.dir, 'new.img');
    await lab.program.failure('DEVICE_TOO_SMALL', restore(to, '--size', '300M'));
    assert.equal(existsSync(to), false);
    await lab.program.answer(restore(to, '--size', '1200M', '--recovery-key-file', keyFile));
    await lab.stage(to);
    const { resumedCheckpoint } = await lab.start([], to);
    assert.equal(resumedCheckpoint, 1);
    // of its first device, and asked of the supervisor
    const there = await lab.program.answer<CheckpointPicture>(['picture', '1', ...lab.at(to)]);
    assert.deepEqual([there.pngBase64, there.width, there.height], [pngBase64, 640, 400]);
    assert.equal((await lab.counter(before.count, to)).pid, before.pid);
    await lab.program.failure('POD_EXISTS', restore(lab.image));
    const { homes } = await lab.program.answer<{ homes: readonly SyncReport[] }>(['sync', ...lab.at()]);
    assert.match(homes[0]?.notices.join() ?? '', /has everything that this one has/);
    assert.equal((await lab.status()).session.status, 'suspended');
  });

  it('whose pack is damaged at home is not restored, and is when that pack is whole again', async () => {
    await lab.create();
    await lab.start();
    await lab.shell('head -c 300000 /dev/urandom > ~/file');
    await lab.program.answer(['suspend', ...lab.at()]);
    await bringHome();
    const pack = await largestPack(lab.home);
    const whole = await readFile(pack);
    const damaged = Buffer.from(whole);
    damaged[whole.length >> 1] = (whole[whole.length >> 1] ?? 0) ^ 1;
    await writeFile(pack, damaged);
    const to = join(lab.dir, 'new.img');
    const { message } = await lab.program.failure('HOME_DAMAGED', restore(to, '--size', '1G'));
    assert.ok(message.includes(pack.slice(-68)), message);
    if (existsSync(to)) {
      await lab.stage(to);
      assert.notEqual((await lab.program.run(['start', to, '--no-view'])).status, 0);
    }
    await writeFile(pack, whole);
    await lab.program.answer(restore(to, '--size', '1G'));
    await lab.stage(to);
    await lab.start([], to);
    assert.equal(await lab.shell('stat -c %s ~/file', to), '300000');
  });

  it('that is killed in a restore is no pod, and the same command restores it', async () => {
    await lab.create();
    await lab.start();
    await lab.program.answer(['suspend', ...lab.at()]);
    await bringHome();
    const to = join(lab.dir, 'new.img');
    for (const step of [/^formatting/, /^fetching/, /^checking/]) {
      const restoring = lab.program.start(restore(to, '--size', '1G'));
      await restoring.progress((progress) => step.test(progress.step));
      restoring.kill();
      await restoring.ended;
    }
    await lab.program.answer(restore(to, '--size', '1G'));
    const staging = await lab.stage(to);
    const { resumedCheckpoint } = await lab.start([], to);
    assert.equal(resumedCheckpoint, 1);
    await lab.program.answer(['stop', ...lab.at(to)]);
    assert.deepEqual((await cleanLeftovers(staging)).unmounted, []);
  });
});

async function largestPack(home: string): Promise<string> {
  let found = { path: '', sizeBytes: -1 };
  for (const entry of await readdir(home, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!path.includes('/packs/') || !entry.isFile()) continue;
    const { size: sizeBytes } = await stat(path);
    if (sizeBytes > found.sizeBytes) found = { path, sizeBytes };
  }
  return found.path;
}

// A device that carries its runtime: started from itself on a host that has nothing, put there and taken away.
import assert from 'node:assert/strict';
import { readFile, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StartReport } from '../../src/session/operation/operations.ts';
import type { RuntimeReport } from '../../src/session/runtime/device-runtime.ts';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { run } from '../../src/sync/process.ts';
import { until } from '../session/until.ts';
import { BareHost, makeBareRoot } from './bare-host.ts';
import { DesktopLab } from './desktop-lab.ts';
import { makeRuntimeImage } from './runtime-image.ts';

/** What a host cannot be without to be called one, and must not have here. */
const ABSENT = [
  'node',
  'criu',
  'runc',
  'cp',
  'cat',
  'rm',
  'tar',
  'gzip',
  'ip',
  'rsync',
  'mkfs.ext4',
  'e2fsck',
  'pasta',
];
const MADE = '/run/deskpod-runtime/deskpod';

describe('a device that carries its runtime', () => {
  let lab: DesktopLab;
  let host: BareHost | undefined;

  before(makeRuntimeImage);
  beforeEach(async () => {
    lab = await DesktopLab.open();
    host = undefined;
  });
  afterEach(async () => {
    await host?.shutDown();
    await lab.close();
  });

  const mounted = async (action: (dir: string) => Promise<void>): Promise<void> => {
    const dir = join(lab.dir, 'mounted');
    await run('mkdir', ['-p', dir]);
    await run('mount', ['-o', 'loop', lab.image, dir]);
    try {
      await action(dir);
    } finally {
      await run('umount', [dir]);
    }
  };

  /** A host with the folder of the test plugged in, and the device mounted as its owner does. */
  const bootBareHost = async (): Promise<BareHost> => {
    const root = join(lab.dir, 'bare');
    const programs = await makeBareRoot(root);
    for (const name of ABSENT) assert.ok(!programs.includes(name), `the bare host has ${name}`);
    host = await BareHost.boot(root, lab.dir);
    return host;
  };
  const plugIn = async (name = 'pod.img'): Promise<void> => {
    assert.equal((await host?.shell(`mount -o loop /media/${name} /mnt`))?.status, 0);
  };
  const variables = { DESKPOD_PASSPHRASE_FILE: '/media/passphrase' };

  it('starts and suspends by itself on a host with a shell and util-linux only; lost, its twin goes on there', async () => {
    await lab.create(800, { carriesRuntime: true });
    const twin = join(lab.dir, 'twin.img');
    await lab.program.answer(['home', 'add', twin, '--size', '1G', ...lab.at()]);
    await lab.stage(twin);
    const bare = await bootBareHost();
    for (const name of ABSENT) assert.equal((await bare.shell(`command -v ${name}`)).status, 127, name);
    const count = async (): Promise<{ pid: number; count: number }> => {
      const { stdout } = await bare.shell(`${MADE} exec -- cat /home/user/count`, variables);
      const [pid = 0, count = 0] = stdout.split(' ').map(Number);
      return { pid, count };
    };

    await plugIn();
    const started = await bare.answer<StartReport>('/mnt/deskpod --json start --no-view', variables);
    assert.equal(started.resumedCheckpoint, undefined);
    await bare.shell(
      `${MADE} exec -- sh -c 'setsid sh -c "i=0; while :; do i=\\$((i+1)); echo \\$\\$ \\$i >~/count.new; mv ~/count.new ~/count; sleep 0.05; done" </dev/null >/dev/null 2>&1 &'`,
      variables,
    );
    await until(async () => (await count()).count > 3);
    const before = await count();
    // the pages are carried, too
    const viewer = await bare.answer<{ url: string }>(`${MADE} --json view`, variables);
    assert.match(viewer.url, /^http:\/\/127\.0\.0\.1:\d+\/open\//);
    await bare.answer<CheckpointReport>(`${MADE} --json suspend`, variables);
    // it can be pulled out: the host has neither a mount nor a loop device of it
    const { stdout: mounts } = await bare.shell('mount');
    assert.ok(!mounts.includes('pod.img') && !mounts.includes(' on /mnt '), mounts);
    const { stdout: loops } = await run('losetup', ['--list', '--noheadings', '--output', 'BACK-FILE']);
    assert.ok(!loops.includes(lab.image), loops);

    await lab.program.answer(['sync', ...lab.at()]);
    await rename(lab.image, join(lab.dir, 'lost.img'));
    await plugIn('twin.img');
    const resumed = await bare.answer<StartReport>(
      '/mnt/deskpod --json start --promote --no-view',
      variables,
    );
    assert.deepEqual([resumed.promotion?.epoch, resumed.resumedCheckpoint], [2, 1]);
    await until(async () => (await count()).count > before.count);
    assert.equal((await count()).pid, before.pid);
    await bare.answer(`${MADE} --json suspend`, variables);
    const { standing } = await lab.program.answer<RuntimeReport>(['runtime', 'check', ...lab.at(twin)]);
    assert.equal(standing, 'as-put');
  });

  it('says who still stands in it, and who may not start it', async () => {
    await lab.create(800, { carriesRuntime: true });
    const bare = await bootBareHost();
    await plugIn();
    const user = await bare.shell('setpriv --reuid 1000 --clear-groups /mnt/deskpod start', variables);
    assert.deepEqual(
      [user.status, user.stderr.split('\n')[0]],
      [30, 'deskpod: this needs root, this is user 1000'],
    );
    const within = await bare.shell('cd /mnt/repository && /mnt/deskpod --json start --no-view', variables);
    assert.equal(within.status, 13);
    assert.match(within.stdout, /DEVICE_IN_USE.*\(pid \d+\) with \/mnt/);
    // nothing of that is in the way
    const { status, stderr } = await bare.shell('/mnt/deskpod status', variables);
    assert.equal(status, 0, stderr);
    const path = '/media/pod.img';
    assert.ok(
      stderr.endsWith(`${path} is not mounted on /mnt any more. Go on with: ${MADE} COMMAND -d ${path}`),
      stderr,
    );
  });

  it('can be made without it, get it later, and lose it again', async () => {
    await lab.create();
    const standing = async (...command: string[]): Promise<string> =>
      (await lab.program.answer<RuntimeReport>(['runtime', ...command, ...lab.at()])).standing;
    assert.equal(await standing('check'), 'none');
    assert.equal(await standing('remove'), 'none');
    assert.equal(await standing('put'), 'as-put');
    assert.equal(await standing('check'), 'as-put');
    await mounted((dir) => rename(join(dir, 'runtime.erofs'), join(dir, 'elsewhere')));
    assert.equal((await lab.program.run(['runtime', 'check', ...lab.at()])).status, 21);
    assert.equal(await standing('remove'), 'none');
    await mounted(async (dir) => {
      await rename(join(dir, 'elsewhere'), join(dir, 'runtime.erofs'));
    });
    const { stdout } = await lab.program.run(['--json', 'runtime', 'check', ...lab.at()]);
    assert.equal((JSON.parse(stdout) as RuntimeReport).standing, 'unlisted');
  });

  it('gets it from the host that restores it, and not from home', async () => {
    await lab.create(800, { carriesRuntime: true });
    await lab.program.answer(['home', 'add', lab.home, ...lab.at()]);
    await lab.program.answer(['checkpoint', ...lab.at()]);
    await lab.program.answer(['sync', ...lab.at()]);
    const { stdout: homeFiles } = await run('find', [lab.home, '-type', 'f']);
    assert.doesNotMatch(homeFiles, /runtime|deskpod$/m);
    const restored = join(lab.dir, 'new.img');
    await lab.program.answer(['restore', '--from', lab.home, '--to', restored, '--size', '800M']);
    await lab.stage(restored);
    const report = await lab.program.answer<RuntimeReport>(['runtime', 'check', '-d', restored]);
    assert.deepEqual([report.standing, report.isThisHosts], ['as-put', true]);
  });

  it('says what it needs, and what the host lacks, before anything is touched', async () => {
    const { size } = await stat(fileURLToPath(new URL('../../build/runtime.erofs', import.meta.url)));
    const small = await lab.program.failure('DEVICE_TOO_SMALL', ['create', lab.image, '--size', '400M']);
    assert.match(small.hint ?? '', /--no-runtime/);
    assert.equal(small.details.runtimeBytes, size);
    const without = lab.program.with({ env: { DESKPOD_RUNTIME_IMAGE: join(lab.dir, 'none.erofs') } });
    const missing = await without.failure('RUNTIME_MISSING', ['create', lab.image, '--size', '700M']);
    assert.match(missing.hint ?? '', /--no-runtime/);
    await assert.rejects(readFile(lab.image), { code: 'ENOENT' });
    assert.equal(dirname(lab.image), lab.dir);
  });
});

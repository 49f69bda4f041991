// Mounting and letting go of a device: what is shown, what is refused, and that nothing lingers.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, open, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { abandonDevice, formatDevice, mountDevice, unmountDevice } from '../../src/session/device/device.ts';
import { isOutOfSpace, reportDeviceFull } from '../../src/session/device/device-full.ts';
import { findTarget, findUses } from '../../src/session/device/device-target.ts';
import { findLeftovers } from '../../src/session/host/leftovers.ts';
import { mountAt, readMounts } from '../../src/session/host/mount-table.ts';
import { run } from '../../src/sync/process.ts';
import { PulledDrive } from '../desktop/pulled-drive.ts';
import { DeviceBench, failureOf, holdOpen, kill, MEBIBYTE } from './device-bench.ts';

describe('mountDevice', () => {
  let bench: DeviceBench;
  beforeEach(async () => {
    bench = await DeviceBench.open();
  });
  afterEach(() => bench.close());

  it('mounts an image, keeps what is written, and leaves neither mount, loop device nor folder', async () => {
    const device = await bench.mounted();
    await writeFile(`${device.mountDir}/deskpod.pod`, 'marker');
    await device.unmount();
    await requireNothingLeft(device);

    const again = await mountDevice(bench.path('device.img'));
    bench.atEnd(() => again.unmount());
    assert.equal(await readFile(`${again.mountDir}/deskpod.pod`, 'utf8'), 'marker');
    assert.equal(again.fsUuid, device.fsUuid);
    assert.equal(again.repair, undefined);
    assert.equal(again.isAdopted, false);
  });

  it('mounts a block device and gives it free', async () => {
    const drive = await bench.blockDevice();
    await formatDevice({ path: drive });
    const device = await bench.mount(drive);
    assert.match((await findUses(await findTarget(drive))).join(), /mounted on \/run\/deskpod\//);
    await device.unmount();
    assert.deepEqual(await findUses(await findTarget(drive)), []);
  });

  it('gives nothing on the drive any rights, and other users no way in', async () => {
    const { mountDir, staging } = await bench.mounted();
    const options = (await run('findmnt', ['-n', '-o', 'OPTIONS', mountDir])).stdout.split(',');
    for (const option of ['nosuid', 'nodev', 'noexec', 'nosymfollow'])
      assert.ok(options.includes(option), option);
    assert.equal((await stat(staging.privateDir)).mode & 0o777, 0o700);
    assert.equal((await stat(staging.mergedDir)).mode & 0o777, 0o711);
    const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    await assert.rejects(run('setpriv', [...asNobody, 'stat', staging.mergedDir]));
    await assert.rejects(run('setpriv', [...asNobody, 'stat', mountDir]));
  });

  it('lets an overlay execute programs and follow links of an upper layer on the device', async () => {
    const { mountDir } = await bench.mounted();
    for (const dir of ['lower', 'merged']) await mkdir(bench.path(dir));
    for (const dir of ['upper', 'work']) await mkdir(`${mountDir}/${dir}`);
    const merged = bench.path('merged');
    const layers = `lowerdir=${bench.path('lower')},upperdir=${mountDir}/upper,workdir=${mountDir}/work`;
    await run('mount', ['-t', 'overlay', '-o', `${layers},index=on,nfs_export=on`, 'overlay', merged]);
    bench.atEnd(() => run('umount', [merged]));
    await run('cp', ['/bin/echo', `${merged}/echo`]);
    await symlink('echo', `${merged}/link`);
    assert.equal((await run(`${merged}/link`, ['hello'])).stdout, 'hello');
    await assert.rejects(run(`${mountDir}/upper/echo`, ['hello']));
  });

  it('is let go of though another image has its loop device at once', async () => {
    const device = await bench.mounted();
    const other = await bench.image('other.img');
    const [bin, at, path] = [bench.path('bin'), bench.path('at'), process.env.PATH];
    for (const dir of [bin, at]) await mkdir(dir);
    const { stdout: real } = await run('which', ['umount']);
    const script = `#!/bin/sh\n${real} "$@" && mount -o loop '${other}' '${at}'\n`;
    await writeFile(`${bin}/umount`, script, { mode: 0o755 });
    process.env.PATH = `${bin}:${path}`;
    try {
      await device.unmount();
    } finally {
      process.env.PATH = path;
    }
    await run('umount', [at]);
    await requireNothingLeft(device);
  });

  it('can be unmounted twice', async () => {
    const device = await bench.mounted();
    await device.unmount();
    await unmountDevice(device);
  });

  it('is for one process at a time, and names the one that has it', async () => {
    const device = await bench.mounted();
    const failure = await failureOf('POD_BUSY', () => mountDevice(device.path, { isFresh: true }));
    assert.match(failure.message, new RegExp(`process ${process.pid} `));
  });

  it('refuses a device that is mounted elsewhere', async () => {
    const path = await bench.image();
    const elsewhere = bench.path('elsewhere');
    await mkdir(elsewhere);
    await run('mount', ['-o', 'loop', path, elsewhere]);
    bench.atEnd(() => run('umount', [elsewhere]));
    const failure = await failureOf('DEVICE_IN_USE', () => mountDevice(path, { isFresh: true }));
    assert.ok(failure.message.includes(elsewhere), failure.message);
  });

  it('refuses what is not there, has no ext4, or another one', async () => {
    await failureOf('DEVICE_NOT_FOUND', () => mountDevice(bench.path('nothing.img')));
    await writeFile(bench.path('noise.img'), Buffer.alloc(64 * 1024, 0x5a));
    await failureOf('DEVICE_NOT_A_POD', () => mountDevice(bench.path('noise.img')));
    const other = bench.path('other.img');
    await run('truncate', ['-s', '130M', other]);
    await run('mkfs.ext4', ['-q', '-F', '-L', 'photos', other]);
    const failure = await failureOf('DEVICE_NOT_A_POD', () => mountDevice(other));
    assert.match(failure.message, /ext4 "photos"/);
  });

  it('refuses a device without a marker and lets it go again', async () => {
    const path = await bench.image();
    const { hint } = await failureOf('DEVICE_NOT_A_POD', () => mountDevice(path));
    assert.deepEqual(await findUses(await findTarget(path)), []);
    assert.match(hint ?? '', /did not finish: do the same again/);
    await formatDevice({ path });
  });

  const hostile: [string, (mountDir: string) => Promise<unknown>][] = [
    ['a marker that is a symbolic link', (dir) => symlink('/etc/passwd', `${dir}/deskpod.pod`)],
    ['a marker that is a device node', (dir) => run('mknod', [`${dir}/deskpod.pod`, 'c', '1', '5'])],
    ['a marker that is a folder', (dir) => mkdir(`${dir}/deskpod.pod`)],
    ['a repository that is a symbolic link', (dir) => symlink('/etc', `${dir}/repository`)],
    ['a repository that is a file', (dir) => writeFile(`${dir}/repository`, '')],
    ['a vault that is a symbolic link', (dir) => symlink('/tmp', `${dir}/vault`)],
    ['a vault file that is a pipe', (dir) => run('mkfifo', [`${dir}/vault.luks`])],
  ];
  for (const [title, plant] of hostile) {
    it(`refuses ${title}`, async () => {
      const device = await bench.mounted();
      await plant(device.mountDir);
      if (!title.includes('marker')) await writeFile(`${device.mountDir}/deskpod.pod`, 'marker');
      await device.unmount();
      const failure = await failureOf('DEVICE_NOT_A_POD', () => mountDevice(device.path));
      assert.match(failure.message, /deskpod\.pod|repository|vault/);
      assert.match(failure.hint ?? '', /keep it, but do not mount it\. Restore the pod from a home/);
      await requireNothingLeft(device);
    });
  }

  it('checks a device that was pulled out before it mounts it, and says so', async () => {
    const device = await bench.mounted();
    await writeFile(`${device.mountDir}/deskpod.pod`, 'marker');
    await run('sync', ['-f', device.mountDir]);
    // What a drive holds that was pulled out now: its bytes with the journal not yet emptied.
    await run('cp', ['--sparse=always', device.path, bench.path('pulled.img')]);
    await device.unmount();
    const pulled = await mountDevice(bench.path('pulled.img'));
    bench.atEnd(() => pulled.unmount());
    assert.match(pulled.repair ?? '', /clean|recover/);
    assert.equal(await readFile(`${pulled.mountDir}/deskpod.pod`, 'utf8'), 'marker');
  });

  it('lets go of a file system that has given up, says that not all is written, and checks it the next time', async () => {
    const device = await bench.mounted();
    await writeFile(`${device.mountDir}/deskpod.pod`, 'marker');
    await run('sync', ['-f', device.mountDir]);
    const { source = '' } = mountAt(await readMounts(), device.mountDir) ?? {};
    await writeFile(`/sys/fs/ext4/${basename(source)}/trigger_fs_error`, 'as if the drive had failed');
    const failure = await failureOf('MOUNT_FAILED', () => device.unmount());
    assert.match(failure.message, /not everything could be written/);
    await requireNothingLeft(device);
    const mended = await mountDevice(device.path);
    bench.atEnd(() => mended.unmount());
    assert.notEqual(mended.repair, undefined);
    assert.equal(await readFile(`${mended.mountDir}/deskpod.pod`, 'utf8'), 'marker');
  });

  it('has gone with its drive also when that was noticed only after it was let go of', async () => {
    const drive = await PulledDrive.make(300);
    bench.atEnd(() => drive.close());
    const path = `${drive.dir}/pod.img`;
    await formatDevice({ path, sizeBytes: 200 * MEBIBYTE });
    const device = await mountDevice(path, { isFresh: true });
    await device.unmount();
    assert.equal(await abandonDevice(device), false);
    await drive.pull();
    assert.equal(await abandonDevice(device), true);
    const { mountPoints, loopDevices } = await findLeftovers(device.staging);
    assert.deepEqual([...mountPoints, ...loopDevices], []);
  });

  it('names the process that has a file open instead of letting go, and lets go later', async () => {
    const device = await bench.mounted();
    await writeFile(`${device.mountDir}/open.txt`, 'text');
    const sleeper = await holdOpen(`${device.mountDir}/open.txt`);
    const failure = await failureOf('DEVICE_IN_USE', () => device.unmount());
    assert.match(failure.message, new RegExp(`pid ${sleeper.pid}\\) with .*open.txt`));
    await kill(sleeper);
    await device.unmount();
    await requireNothingLeft(device);
  });

  it('names the process that has a copy of its mount for itself instead of letting go, and lets go later', async () => {
    const device = await bench.mounted();
    const apart = spawn('unshare', ['--mount', 'sh', '-c', 'echo ready; exec sleep infinity'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    bench.atEnd(() => kill(apart));
    await once(apart.stdout, 'data');
    const failure = await failureOf('DEVICE_IN_USE', () => device.unmount());
    assert.match(failure.message, new RegExp(`pid ${apart.pid}\\) with ${device.mountDir}`));
    await kill(apart);
    await device.unmount();
    await requireNothingLeft(device);
  });

  it('does not let go under an overlay that is built on it, and names it', async () => {
    const device = await bench.mounted();
    const merged = bench.path('merged');
    for (const dir of [merged, `${device.mountDir}/upper`, `${device.mountDir}/work`]) await mkdir(dir);
    const layers = `lowerdir=/etc,upperdir=${device.mountDir}/upper,workdir=${device.mountDir}/work`;
    await run('mount', ['-t', 'overlay', '-o', layers, 'overlay', merged]);
    const failure = await failureOf('DEVICE_IN_USE', () => device.unmount());
    assert.ok(failure.message.includes(merged), failure.message);
    await run('umount', [merged]);
    await device.unmount();
  });

  it('reports a full device as such, whoever met it', async () => {
    const { mountDir } = await bench.mounted('full.img', 130 * MEBIBYTE);
    const fill = async () => {
      const file = await open(`${mountDir}/filler`, 'w');
      try {
        const block = Buffer.alloc(8 * MEBIBYTE);
        for (;;) await file.writeFile(block);
      } finally {
        await file.close();
      }
    };
    const failure = await failureOf('DEVICE_FULL', () => reportDeviceFull(mountDir, 'the checkpoint', fill));
    assert.match(failure.message, /no space for the checkpoint: .* free of \d+\.\d MB/);
    const copying = () => run('cp', ['/bin/bash', `${mountDir}/bash`]);
    await failureOf('DEVICE_FULL', () => reportDeviceFull(mountDir, 'a program', copying));
    assert.equal(isOutOfSpace(new Error('wrapped', { cause: failure })), true);
    assert.equal(isOutOfSpace(new Error('something else')), false);
    await rm(`${mountDir}/filler`);
  });
});

async function requireNothingLeft(device: { path: string; staging: Parameters<typeof findLeftovers>[0] }) {
  const { mountPoints, loopDevices } = await findLeftovers(device.staging);
  assert.deepEqual({ mountPoints, loopDevices }, { mountPoints: [], loopDevices: [] });
  assert.deepEqual(await findUses(await findTarget(device.path)), []);
  assert.ok(!(await readMounts()).some(({ mountPoint }) => mountPoint.startsWith(device.staging.dir)));
  await assert.rejects(access(device.staging.dir));
}

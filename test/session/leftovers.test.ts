// What a killed process leaves on the host, and how it is taken away or taken over.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { findStaging, mountDevice } from '../../src/session/device/device.ts';
import { findTarget, findUses } from '../../src/session/device/device-target.ts';
import { cleanLeftovers, findLeftovers, findOrphans } from '../../src/session/host/leftovers.ts';
import { mountImagesTmpfs, type Staging, stagingOf } from '../../src/session/host/staging.ts';
import { chooseVault } from '../../src/session/vault/vault.ts';
import { run } from '../../src/sync/process.ts';
import { DeviceBench, failureOf, kill } from './device-bench.ts';

/** Mounts the device and everything that a running session has, says so, and waits to be killed. */
const SUPERVISOR = `
import { mkdir, writeFile } from 'node:fs/promises';
const [device, staging, vaults, processes] = await Promise.all(
  ['session/device/device.ts', 'session/host/staging.ts', 'session/vault/vault.ts', 'sync/process.ts'].map((name) => import(process.argv[1] + name)));
const { mountDir, staging: places } = await device.mountDevice(process.argv[2], { isFresh: true });
await writeFile(mountDir + '/deskpod.pod', 'marker');
const vault = vaults.chooseVault('fscrypt', { mountDir, stagingId: places.id });
await vault.create(Buffer.from(process.argv[3], 'hex'));
for (const name of ['upper', 'work']) await mkdir(vault.dir + '/' + name);
await writeFile(vault.dir + '/upper/note', 'written before the kill');
await staging.mountImagesTmpfs(places.imagesDir, 8 * 1024 * 1024);
await processes.run('truncate', ['-s', '1M', mountDir + '/base']);
await processes.run('losetup', ['-f', mountDir + '/base']);
await processes.run('mount', ['-t', 'overlay', '-o',
  'lowerdir=/etc/apt,upperdir=' + vault.dir + '/upper,workdir=' + vault.dir + '/work', 'overlay', places.mergedDir]);
console.log('ready');
setInterval(() => undefined, 1000);
`;

describe('the leftovers of a killed supervisor', () => {
  let bench: DeviceBench;
  let image: string;
  let staging: Staging;
  let volumeKey: Buffer;
  beforeEach(async () => {
    bench = await DeviceBench.open();
    image = await bench.image();
    staging = await findStaging(image);
    volumeKey = randomBytes(64);
    bench.atEnd(() => cleanLeftovers(staging));
  });
  afterEach(() => bench.close());

  async function startSupervisor(): Promise<ChildProcess> {
    const source = new URL('../../src/', import.meta.url).href;
    const args = ['--input-type=module', '-e', SUPERVISOR, '--', source, image, volumeKey.toString('hex')];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    bench.atEnd(() => kill(child));
    const ended = once(child, 'exit').then(() => assert.fail('the supervisor ended before it was ready'));
    if (child.stdout !== null) await Promise.race([once(child.stdout, 'data'), ended]);
    ended.catch((error: unknown) => assert.ok(error instanceof Error));
    return child;
  }

  it('are none while it lives', async () => {
    const supervisor = await startSupervisor();
    const found = await findLeftovers(staging);
    assert.equal(found.ownerPid, supervisor.pid);
    assert.deepEqual(found.mountPoints, [staging.deviceDir, staging.imagesDir, staging.mergedDir]);
    assert.equal(found.loopDevices.length, 1);
    await failureOf('POD_BUSY', () => cleanLeftovers(staging));
    await failureOf('POD_BUSY', () => mountDevice(image));
    assert.ok(!(await findOrphans()).some((orphan) => orphan.staging.id === staging.id));
  });

  it('are taken away in reverse order after kill -9, with all that was written', async () => {
    await kill(await startSupervisor());
    assert.ok((await findOrphans()).some((orphan) => orphan.staging.id === staging.id));
    const report = await cleanLeftovers(staging);
    assert.deepEqual(report.unmounted, [staging.mergedDir, staging.imagesDir, staging.deviceDir]);
    assert.equal(report.detached.length, 1);
    await assert.rejects(access(staging.dir));
    assert.deepEqual(await findUses(await findTarget(image)), []);

    const device = await mountDevice(image);
    bench.atEnd(() => device.unmount());
    assert.equal(device.isAdopted, false);
    const vault = chooseVault('fscrypt', { mountDir: device.mountDir, stagingId: device.staging.id });
    await vault.unlock(volumeKey);
    assert.equal(await readFile(`${vault.dir}/upper/note`, 'utf8'), 'written before the kill');
    await vault.lock();
  });

  it('are taken over by the next process that mounts the device', async () => {
    await kill(await startSupervisor());
    const device = await mountDevice(image);
    assert.equal(device.isAdopted, true);
    assert.equal(await readFile(`${device.mountDir}/deskpod.pod`, 'utf8'), 'marker');
    await failureOf('DEVICE_IN_USE', () => device.unmount());
    for (const dir of [device.staging.mergedDir, device.staging.imagesDir]) await run('umount', [dir]);
    for (const name of (await findLeftovers(staging)).loopDevices) await run('losetup', ['-d', name]);
    await device.unmount();
    assert.deepEqual(await findUses(await findTarget(image)), []);
  });

  it('stay while a process of the session uses them, which is named', async () => {
    await kill(await startSupervisor());
    const member = spawn('sleep', ['300'], { cwd: staging.mergedDir, stdio: 'ignore' });
    bench.atEnd(() => kill(member));
    await once(member, 'spawn');
    const failure = await failureOf('DEVICE_IN_USE', () => cleanLeftovers(staging));
    assert.match(failure.message, new RegExp(`sleep \\(pid ${member.pid}\\)`));
    await kill(member);
    await cleanLeftovers(staging);
  });

  it('are never looked for outside the staging folder', async () => {
    const elsewhere = bench.path('elsewhere');
    await mkdir(elsewhere);
    await run('mount', ['-t', 'tmpfs', 'tmpfs', elsewhere]);
    bench.atEnd(() => run('umount', [elsewhere]));
    await writeFile(`${elsewhere}/kept`, 'kept');
    await assert.rejects(cleanLeftovers({ ...staging, dir: elsewhere }), TypeError);
    await assert.rejects(cleanLeftovers({ ...staging, dir: `${staging.dir}/../..` }), TypeError);
    assert.throws(() => stagingOf('../etc'), TypeError);
    // The state of every running session lies beside the staging folders.
    assert.throws(() => stagingOf('runc'), TypeError);
    assert.equal(await readFile(`${elsewhere}/kept`, 'utf8'), 'kept');
  });
});

describe('mountImagesTmpfs', () => {
  it("mounts a memory file system of the size asked for, root's alone and kept out of swap where the kernel can", async () => {
    const bench = await DeviceBench.open();
    const dir = bench.path('images');
    await mkdir(dir);
    try {
      const { isKeptFromSwap } = await mountImagesTmpfs(dir, 8 * 1024 * 1024);
      bench.atEnd(() => run('umount', [dir]));
      const { stdout } = await run('findmnt', ['-n', '-o', 'OPTIONS', dir]);
      assert.match(stdout, /size=8192k/);
      assert.equal(stdout.includes('noswap'), isKeptFromSwap);
      assert.equal((await stat(dir)).mode & 0o777, 0o711);
      await assert.rejects(writeFile(`${dir}/large`, Buffer.alloc(9 * 1024 * 1024)), { code: 'ENOSPC' });
    } finally {
      await bench.close();
    }
  });
});

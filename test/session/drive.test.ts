// Whether a drive is gone, and what the next start does about drives that are.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { access, mkdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDriveGone, looksGone } from '../../src/session/host/drive.ts';
import { cleanLeftovers } from '../../src/session/host/leftovers.ts';
import { type Mount, mountAt, readMounts } from '../../src/session/host/mount-table.ts';
import { listStagings, prepareStaging, type Staging } from '../../src/session/host/staging.ts';
import { releasePulledOut } from '../../src/session/pod/release.ts';
import { run } from '../../src/sync/process.ts';
import { PulledDrive } from '../desktop/pulled-drive.ts';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { until } from './until.ts';

/** How fast a block device is read; hosts with control groups of version 2 have none for all programs. */
const READ_LIMITS = '/sys/fs/cgroup/blkio/blkio.throttle.read_bps_device';

describe('a drive that no supervisor looks after', () => {
  let drive: PulledDrive;
  const stagings: Staging[] = [];
  beforeEach(async () => {
    drive = await PulledDrive.make(64);
  });
  afterEach(async () => {
    for (const staging of stagings.splice(0)) if (existsSync(staging.dir)) await cleanLeftovers(staging);
    await drive.close();
  });

  /** Mounts an image file on the drive as that of a pod. */
  async function mountPod(): Promise<Staging> {
    const staging = await prepareStaging(randomBytes(8).toString('hex'));
    stagings.push(staging);
    const image = join(drive.dir, staging.id);
    await run('truncate', ['-s', '16M', image]);
    await run('mkfs.ext4', ['-q', image]);
    await run('mount', ['-o', 'loop,errors=remount-ro', image, staging.deviceDir]);
    return staging;
  }
  async function mountOf({ deviceDir }: Staging): Promise<Mount> {
    const mount = mountAt(await readMounts(), deviceDir);
    assert.ok(mount !== undefined);
    return mount;
  }
  /** Pulls it, and waits until the kernel has met with that. */
  async function pull(): Promise<void> {
    await drive.pull();
    for (const staging of stagings) {
      await writeFile(join(staging.deviceDir, 'late'), 'late').catch(() => undefined);
      await run('sync', ['-f', staging.deviceDir]).catch(() => undefined);
      await until(async () => looksGone(await mountOf(staging)));
    }
  }

  it('is gone when it cannot be read, and not because it cannot be asked', async () => {
    const mount = await mountOf(await mountPod());
    assert.equal(await isDriveGone(mount), false);
    await pull();
    const { PATH } = process.env;
    try {
      process.env.PATH = '/nowhere';
      assert.equal(await isDriveGone(mount), false);
    } finally {
      process.env.PATH = PATH;
    }
    assert.equal(await isDriveGone(mount), true);
  });

  it('is let go of also if another cannot be, of which is told', async () => {
    const ids = [await mountPod(), await mountPod()].map(({ id }) => id);
    await pull();
    const [first, second] = (await listStagings()).filter(({ id }) => ids.includes(id));
    assert.ok(first !== undefined && second !== undefined);
    const inTheWay = join(first.privateDir, 'session.json');
    await mkdir(inTheWay);
    const failures: unknown[] = [];
    await releasePulledOut((error) => failures.push(error));
    assert.match(failures.join(), /EISDIR/);
    assert.ok(existsSync(first.dir));
    assert.ok(!existsSync(second.dir));
    await rmdir(inTheWay);
    await releasePulledOut(() => undefined);
    assert.ok(!existsSync(first.dir));
  });

  // It takes the five seconds that a drive is given.
  const itThoroughly = IS_EXHAUSTIVE ? it : () => undefined;
  itThoroughly('is not gone while it gives no answer', async function (this: Mocha.Context) {
    const isLimiting = await access(READ_LIMITS).then(
      () => true,
      () => false,
    );
    if (!isLimiting) this.skip();
    const mount = await mountOf(await mountPod());
    await writeFile(READ_LIMITS, `${mount.deviceNumber} 1`);
    try {
      assert.equal(await isDriveGone(mount), false);
    } finally {
      await writeFile(READ_LIMITS, `${mount.deviceNumber} 0`);
    }
  });
});

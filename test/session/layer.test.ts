// Base and layer joined to a root file system, and let go again.
import assert from 'node:assert/strict';
import { mkdir, open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeskPodError } from '../../src/core/errors.ts';
import { isMountPoint, layerMountPoints, mountLayer, unmountLayer } from '../../src/session/pod/layer.ts';
import { readXattrs, setXattr } from '../../src/sync/posix/xattr.ts';
import { run } from '../../src/sync/process.ts';
import { failureOf } from './device-bench.ts';
import { leftoversIn } from './leftovers.ts';
import { openLab, type SessionLab } from './session-fixture.ts';

const ORIGIN = Buffer.from('trusted.overlay.origin');

/** Gives a folder of the layer the mark of another inode of the base than the one that it belongs to. */
function makeForeign(path: string): void {
  const origin = readXattrs(path).find(({ name }) => Buffer.from(name).equals(ORIGIN));
  assert.ok(origin !== undefined);
  const foreign = Buffer.from(origin.value);
  foreign.writeUInt8(foreign.readUInt8(foreign.length - 1) ^ 0xff, foreign.length - 1);
  setXattr(path, ORIGIN, foreign);
}

describe('a layer', () => {
  let lab: SessionLab;

  beforeEach(async () => {
    lab = await openLab();
  });

  afterEach(async () => {
    await lab.close();
  });

  it('shows the base, and keeps what is written over it', async () => {
    const { mergedDir } = await lab.mount('pod');
    assert.match(await readFile(`${mergedDir}/etc/os-release`, 'utf8'), /Debian/);
    await writeFile(`${mergedDir}/etc/note`, 'written over the base');
    await lab.unmount('pod');
    assert.deepEqual(await readdir(`${lab.dir}/pod/upper/etc`), ['note']);
    await lab.mount('pod');
    assert.equal(await readFile(`${mergedDir}/etc/note`, 'utf8'), 'written over the base');
  });

  it('belongs to the root of the session, not to that of the host', async () => {
    const { mergedDir } = await lab.mount('pod');
    const { uid, gid, mode } = await stat(mergedDir);
    assert.deepEqual([uid, gid, mode & 0o7777], [1879048192, 1879048192, 0o755]);
  });

  it('can be unmounted twice, and leaves no loop device', async () => {
    await lab.mount('pod');
    await unmountLayer(`${lab.dir}/pod/stage`);
    await unmountLayer(`${lab.dir}/pod/stage`);
    assert.deepEqual(await leftoversIn(lab.dir), []);
  });

  it('that cannot be mounted leaves nothing mounted', async () => {
    await mkdir(`${lab.dir}/bad`);
    await writeFile(`${lab.dir}/bad/base`, Buffer.alloc(65536));
    const places = {
      baseFile: `${lab.dir}/bad/base`,
      upperDir: `${lab.dir}/bad/upper`,
      workDir: `${lab.dir}/bad/work`,
      stagingDir: `${lab.dir}/bad/stage`,
    };
    await assert.rejects(mountLayer(places), (error) => isDeskPodError(error, 'MOUNT_FAILED'));
    await assert.rejects(mountLayer({ ...places, upperDir: `${lab.dir}/a,b` }), TypeError);
    assert.equal(await isMountPoint(layerMountPoints(places.stagingDir).mergedDir), false);
  });

  it('that was mounted under another kernel, to which the base has another file handle, is mounted here', async () => {
    const { mergedDir } = await lab.mount('pod');
    await writeFile(`${mergedDir}/etc/note`, 'written there');
    await lab.unmount('pod');
    for (const path of [`${lab.dir}/pod/upper`, `${lab.dir}/pod/upper/etc`]) makeForeign(path);
    await lab.mount('pod');
    assert.equal(await readFile(`${mergedDir}/etc/note`, 'utf8'), 'written there');
    assert.match(await readFile(`${mergedDir}/etc/os-release`, 'utf8'), /Debian/);
  });

  it('is not mounted where overlayfs would do without file handles, and nothing stays mounted', async () => {
    const podDir = `${lab.dir}/pod`;
    await mkdir(podDir);
    await run('mount', ['-t', 'ramfs', 'deskpod-test', podDir]);
    try {
      await assert.rejects(lab.mount('pod'), (error) => isDeskPodError(error, 'HOST_UNSUPPORTED'));
      const { mergedDir, baseDir } = layerMountPoints(`${podDir}/stage`);
      assert.deepEqual([await isMountPoint(mergedDir), await isMountPoint(baseDir)], [false, false]);
    } finally {
      await run('umount', [podDir]);
    }
  });

  it('that another overlay uses is not mounted a second time: the device is in use', async () => {
    await lab.mount('pod');
    const stagingDir = `${lab.dir}/again`;
    const again = {
      baseFile: `${lab.dir}/base.erofs`,
      upperDir: `${lab.dir}/pod/upper`,
      workDir: `${lab.dir}/pod/work`,
      stagingDir,
    };
    await assert.rejects(mountLayer(again), (error) => isDeskPodError(error, 'DEVICE_IN_USE'));
    assert.equal(await isMountPoint(layerMountPoints(stagingDir).baseDir), false);
    // the overlay is tried as soon as its base is there
    const unmounted = untilMounted(layerMountPoints(stagingDir).baseDir).then(() => lab.unmount('pod'));
    await mountLayer(again);
    await unmounted;
    await unmountLayer(stagingDir);
  });

  it('in use is not torn away: the unmount says by whom', async () => {
    const { mergedDir } = await lab.mount('pod');
    const handle = await open(`${mergedDir}/etc/debian_version`);
    try {
      const { message } = await failureOf('MOUNT_FAILED', () => lab.unmount('pod'));
      assert.ok(message.includes(`(pid ${process.pid}) with ${mergedDir}/etc/debian_version`), message);
      assert.equal(await isMountPoint(mergedDir), true);
    } finally {
      await handle.close();
    }
  });
});

async function untilMounted(dir: string): Promise<void> {
  while (!(await isMountPoint(dir))) await delay(1);
}

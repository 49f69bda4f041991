// What a place lies on, by what the kernel says of its drive.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { mediumOf } from '../../src/core/side-by-side.ts';
import { readMedium } from '../../src/sync/medium/read-medium.ts';
import { makeTempFolder } from './support/temp-folder.ts';

describe('what a place lies on', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  beforeEach(() => {
    // the one for temporary files may be memory
    temp = makeTempFolder('/var/tmp');
  });
  afterEach(() => temp.remove());

  /** A kernel's list in which the drive of the temporary folder is at `place` and has these files. */
  function kernelWith(place: string, files: Readonly<Record<string, string>>): string {
    const { dev } = statSync(temp.path);
    const [major, minor] = execFileSync('stat', ['-c', '%Hd:%Ld', temp.path], { encoding: 'utf8' })
      .trim()
      .split(':');
    assert.ok(Number(major) > 0, `the tests need a temporary folder on a drive, got device ${dev}`);
    const sys = join(temp.path, 'sys');
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(sys, name)), { recursive: true });
      writeFileSync(join(sys, name), `${text}\n`);
    }
    mkdirSync(join(sys, 'dev/block'), { recursive: true });
    symlinkSync(join(sys, place), join(sys, 'dev/block', `${major}:${minor}`));
    return sys;
  }

  const read = (place: string, files: Readonly<Record<string, string>>) =>
    readMedium(temp.path, kernelWith(place, files));

  it('is a stick: the partition of a drive on USB that takes one request at a time', () => {
    const drive = 'devices/pci0000:00/usb2/2-1/host6/target6:0:0/6:0:0:0/block/sdb';
    const found = read(`${drive}/sdb1`, {
      [`${drive}/sdb1/partition`]: '1',
      [`${drive}/queue/rotational`]: '1',
      [`${drive}/removable`]: '1',
      [`${drive}/device/queue_depth`]: '1',
    });
    assert.deepEqual(found, { isRemote: false, isRotational: true, isRemovable: true, queueDepth: 1 });
    assert.equal(mediumOf(found), 'turns');
  });

  it('is an SSD on USB, which can be pulled out though the kernel does not say so', () => {
    const drive = 'devices/pci0000:00/usb4/4-1/host7/target7:0:0/7:0:0:0/block/sdc';
    const found = read(drive, {
      [`${drive}/queue/rotational`]: '0',
      [`${drive}/removable`]: '0',
      [`${drive}/device/queue_depth`]: '30',
    });
    assert.deepEqual(found, { isRemote: false, isRotational: false, isRemovable: true, queueDepth: 30 });
  });

  it('is a card', () => {
    const drive = 'devices/platform/mmc_host/mmc0/mmc0:0001/block/mmcblk0';
    const found = read(drive, { [`${drive}/queue/rotational`]: '0', [`${drive}/removable`]: '0' });
    assert.equal(mediumOf(found), 'turns');
  });

  it('is the slowest of what a mapped drive is made of', () => {
    const mapped = 'devices/virtual/block/dm-0';
    const [fast, slow] = ['devices/pci0000:00/nvme/nvme0n1', 'devices/pci0000:00/ata1/sda'];
    const sys = kernelWith(mapped, {
      [`${mapped}/queue/rotational`]: '0',
      [`${fast}/queue/rotational`]: '0',
      [`${slow}/queue/rotational`]: '1',
      [`${slow}/device/queue_depth`]: '32',
    });
    mkdirSync(join(sys, mapped, 'slaves'));
    for (const drive of [fast, slow])
      symlinkSync(join(sys, drive), join(sys, mapped, 'slaves', drive.split('/').at(-1) ?? ''));
    assert.deepEqual(readMedium(temp.path, sys), {
      ...{ isRemote: false, isRotational: true, isRemovable: false, queueDepth: 32 },
    });
  });

  it('is not told by a virtual machine, whose drives all claim to spin', () => {
    const drive = 'devices/pci0000:00/0000:00:02.0/virtio1/block/vda';
    assert.equal(mediumOf(read(drive, { [`${drive}/queue/rotational`]: '1' })), 'unknown');
  });

  it('is unknown where the kernel knows nothing of the drive', () => {
    const empty = join(temp.path, 'empty');
    mkdirSync(empty);
    assert.equal(mediumOf(readMedium(temp.path, empty)), 'unknown');
  });

  it('is unknown of memory, which is no drive', () => {
    assert.equal(mediumOf(readMedium('/dev/shm')), 'unknown');
  });

  it('is that of the folder above, of what is not there yet', () => {
    assert.deepEqual(readMedium(join(temp.path, 'not/there/yet')), readMedium(temp.path));
  });

  it('is that of the image, of a loop device', () => {
    // only root attaches one
    if (process.geteuid?.() !== 0) return;
    const image = join(temp.path, 'stick.img');
    writeFileSync(image, '');
    truncateSync(image, 1024 * 1024);
    const loop = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
    try {
      const drive = 'devices/pci0000:00/usb2/2-1/host6/target6:0:0/6:0:0:0/block/sdb';
      const sys = kernelWith(drive, {
        [`${drive}/queue/rotational`]: '0',
        [`${drive}/device/queue_depth`]: '1',
      });
      // the image's drive is a stick by the list that is read, and the loop device is the kernel's own
      const number = execFileSync('stat', ['-c', '%Hr:%Lr', loop], { encoding: 'utf8' }).trim();
      symlinkSync(`/sys/dev/block/${number}`, join(sys, 'dev/block', number));
      assert.equal(mediumOf(readMedium(loop, sys)), 'turns');
      assert.deepEqual(readMedium(loop), readMedium(temp.path));
    } finally {
      execFileSync('losetup', ['--detach', loop]);
    }
  });
});

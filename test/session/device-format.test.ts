// Formatting a device: what it makes, and everything that it refuses.
import assert from 'node:assert/strict';
import { constants } from 'node:fs';
import { mkdir, open, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { RESTORE_NOTE } from '../../src/session/device/device-content.ts';
import { formatDevice } from '../../src/session/device/device-format.ts';
import { readSuperblock } from '../../src/session/device/ext4.ts';
import { run } from '../../src/sync/process.ts';
import { DeviceBench, failureOf, MEBIBYTE, onDrive } from './device-bench.ts';

const SIZE_BYTES = 200 * MEBIBYTE;

describe('formatDevice', () => {
  let bench: DeviceBench;
  beforeEach(async () => {
    bench = await DeviceBench.open();
  });
  afterEach(() => bench.close());

  it('makes a sparse image file with an ext4 that can be encrypted and passes e2fsck', async () => {
    const path = bench.path('device.img');
    const formatted = await formatDevice({ path, sizeBytes: SIZE_BYTES });
    const { size, blocks, mode } = await stat(path);
    assert.equal(size, SIZE_BYTES);
    assert.ok(blocks * 512 < SIZE_BYTES / 4, `takes ${blocks * 512} bytes`);
    assert.equal(mode & 0o777, 0o600);
    const superblock = await readSuperblock(path);
    assert.deepEqual(superblock, {
      uuid: formatted.fsUuid,
      label: 'deskpod',
      hasEncryption: true,
      oddity: undefined,
      isClean: true,
    });
    await run('e2fsck', ['-fn', path]);
  });

  it('formats a block device that holds nothing', async () => {
    const path = await bench.blockDevice();
    const formatted = await formatDevice({ path });
    assert.equal(formatted.sizeBytes, SIZE_BYTES);
    assert.equal((await readSuperblock(path))?.label, 'deskpod');
  });

  it('refuses a drive that is not there and makes no file of its name', async () => {
    const path = '/dev/deskpod-no-such-drive';
    await failureOf('DEVICE_NOT_FOUND', () => formatDevice({ path, sizeBytes: SIZE_BYTES }));
    await assert.rejects(stat(path));
  });

  it('refuses a folder, a pipe and a file in a folder that is not there', async () => {
    await mkdir(bench.path('folder'));
    await run('mkfifo', [bench.path('pipe')]);
    for (const name of ['folder', 'pipe', 'nowhere/device.img']) {
      await failureOf('DEVICE_NOT_FOUND', () =>
        formatDevice({ path: bench.path(name), sizeBytes: SIZE_BYTES }),
      );
    }
  });

  it('refuses a size below the minimum, names both sizes, and leaves no file', async () => {
    const path = bench.path('small.img');
    const failure = await failureOf('DEVICE_TOO_SMALL', () =>
      formatDevice({ path, sizeBytes: 50 * MEBIBYTE }),
    );
    assert.match(failure.message, /52\.4 MB.*134\.2 MB/);
    await assert.rejects(stat(path));
    const drive = await bench.blockDevice('small-block.img', 64 * MEBIBYTE);
    await failureOf('DEVICE_TOO_SMALL', () => formatDevice({ path: drive, force: true }));
  });

  it('wants a size for a new image', async () => {
    await failureOf('USAGE', () => formatDevice({ path: bench.path('new.img') }));
  });

  it('refuses a device that holds a pod, and overwrites it by force', async () => {
    const device = await bench.mounted();
    await writeFile(`${device.mountDir}/deskpod.pod`, 'marker');
    await device.unmount();
    const path = bench.path('device.img');
    await failureOf('POD_EXISTS', () => formatDevice({ path }));
    const again = await formatDevice({ path, force: true });
    assert.notEqual(again.fsUuid, device.fsUuid);
    assert.equal(again.sizeBytes, SIZE_BYTES);
  });

  it('formats a device again on which no pod came to be', async () => {
    const path = await bench.image();
    await formatDevice({ path });
  });

  it('refuses a device that was pulled out when a restore had come to its end, and its journal alone knows of that', async () => {
    const path = await bench.image();
    await onDrive(path, `touch ${RESTORE_NOTE}`);
    const { mountDir } = await bench.mount(path);
    const ends =
      'cd "$1"; mkdir repository; echo head >repository/head; echo marker >deskpod.pod; sync repository/head deskpod.pod';
    await run('sh', ['-ec', ends, 'sh', mountDir]);
    const pulled = bench.path('pulled.img');
    await run('cp', ['--sparse=always', path, pulled]);
    await failureOf('TARGET_NOT_EMPTY', () => formatDevice({ path: pulled, sizeBytes: SIZE_BYTES }));
    await onDrive(pulled, 'test -s deskpod.pod');
  });

  it('refuses another file system and a partition table without force, and says what is there', async () => {
    const drive = await bench.blockDevice();
    await run('mkfs.ext4', ['-q', '-L', 'my photos', drive]);
    const photos = await failureOf('TARGET_NOT_EMPTY', () => formatDevice({ path: drive }));
    assert.match(photos.message, /ext4 "my photos"/);
    await formatDevice({ path: drive, force: true });

    const table = bench.path('table.img');
    await run('truncate', ['-s', String(SIZE_BYTES), table]);
    const mbr = Buffer.alloc(512);
    // One Linux partition from sector 2048, and the mark of a partition table.
    mbr.set([0x00, 0, 0, 0, 0x83, 0, 0, 0, 0x00, 0x08, 0, 0, 0x00, 0x00, 0x01, 0], 446);
    mbr.set([0x55, 0xaa], 510);
    await writeFile(table, mbr, { flag: 'r+' });
    const refusal = await failureOf('TARGET_NOT_EMPTY', () => formatDevice({ path: table }));
    assert.match(refusal.message, /a dos partition table/);
  });

  it("refuses somebody's file of unknown content, which stays as it is", async () => {
    const path = bench.path('letter.txt');
    await writeFile(path, 'dear reader');
    await failureOf('TARGET_NOT_EMPTY', () => formatDevice({ path, sizeBytes: SIZE_BYTES }));
    assert.equal(await readFile(path, 'utf8'), 'dear reader');
  });

  it('refuses a device that is mounted, by whatever name, even by force', async () => {
    const drive = await bench.blockDevice();
    await formatDevice({ path: drive });
    const mountDir = bench.path('elsewhere');
    await mkdir(mountDir);
    await run('mount', [drive, mountDir]);
    bench.atEnd(() => run('umount', [mountDir]));
    const link = bench.path('link');
    await symlink(drive, link);
    for (const path of [drive, link]) {
      const failure = await failureOf('DEVICE_IN_USE', () => formatDevice({ path, force: true }));
      assert.ok(failure.message.includes(mountDir), failure.message);
    }
  });

  it('refuses an image file that is attached to a loop device, even by force', async () => {
    await bench.blockDevice('attached.img');
    const path = bench.path('attached.img');
    const failure = await failureOf('DEVICE_IN_USE', () => formatDevice({ path, force: true }));
    assert.match(failure.message, /attached to \/dev\/loop/);
  });

  it('refuses a block device that another process has open for itself alone', async () => {
    const drive = await bench.blockDevice();
    // A mount in another namespace is invisible in this one's table; only the exclusive open tells.
    const file = await open(drive, constants.O_RDONLY | constants.O_EXCL);
    bench.atEnd(() => file.close());
    await failureOf('DEVICE_IN_USE', () => formatDevice({ path: drive }));
  });
});

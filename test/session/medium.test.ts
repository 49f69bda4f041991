// The medium under a device: what sysfs tells of a drive, in words that are the same on every host.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drivePlace } from '../../src/session/device/medium.ts';
import { makeTempFolder } from '../sync/support/temp-folder.ts';

describe('a drive', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  beforeEach(() => {
    temp = makeTempFolder();
  });
  afterEach(() => temp.remove());

  /** A folder as sysfs has it, with these files in it. */
  const sysfs = (files: Readonly<Record<string, string>>): string => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(temp.path, path, '..'), { recursive: true });
      writeFileSync(join(temp.path, path), `${text}\n`);
    }
    return temp.path;
  };
  const USB = {
    'usb1/1-2/idVendor': '0781',
    'usb1/1-2/idProduct': '5581',
    'usb1/1-2/1-2:1.0/host6/block/sdb/size': '60062500',
  };

  it('behind USB is known by its serial number, whatever port and name it has', async () => {
    const dir = sysfs({ ...USB, 'usb1/1-2/serial': '4C530001' });
    const place = await drivePlace(join(dir, 'usb1/1-2/1-2:1.0/host6/block/sdb'));
    assert.equal(place, 'drive usb 0781:5581 4C530001, 60062500 sectors');
  });

  it('without any number is not known, and never taken for a copy', async () => {
    const dir = sysfs({ ...USB, 'usb1/1-2/1-2:1.0/host6/block/sdb/device/serial': 'of the bridge' });
    assert.equal(await drivePlace(join(dir, 'usb1/1-2/1-2:1.0/host6/block/sdb')), undefined);
  });

  it('that is no USB drive is known by its own name, a partition by that of its drive', async () => {
    const dir = sysfs({
      'nvme0n1/wwid': 'eui.0025385b',
      'nvme0n1/size': '1000',
      'nvme0n1/nvme0n1p1/partition': '1',
      'nvme0n1/nvme0n1p1/size': '500',
    });
    assert.equal(await drivePlace(join(dir, 'nvme0n1')), 'drive eui.0025385b, 1000 sectors');
    assert.equal(await drivePlace(join(dir, 'nvme0n1', 'nvme0n1p1')), 'drive eui.0025385b, 500 sectors');
  });

  it('that is a file of this host is known by that file', async () => {
    const file = join(temp.path, 'pod.img');
    writeFileSync(file, 'an image');
    const dir = sysfs({ 'loop0/loop/backing_file': file, 'loop0/size': '8' });
    assert.match((await drivePlace(join(dir, 'loop0'))) ?? '', /^image file \d+ of \d+$/);
    const gone = sysfs({ 'loop1/loop/backing_file': `${file} (deleted)` });
    assert.equal(await drivePlace(join(gone, 'loop1')), undefined);
  });
});

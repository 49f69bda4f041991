// The medium under a device: what tells one drive from another on every host, or one image file from its copy.
import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type DevicePlace, inodePlace } from '../../sync/pod/device-place.ts';
import { namesIn, textIn } from '../host/kernel-files.ts';
import { findTarget } from './device-target.ts';

const SYS_BLOCK = '/sys/dev/block';
/** Where a drive's own name may stand, below its folder in sysfs: NVMe; SCSI and SATA; cards; virtio. */
const NAME_FILES = ['wwid', 'device/wwid', 'device/cid', 'device/serial', 'serial'] as const;

/**
 * What the device at `path` lies on. A card is known by its reader and its length.
 *
 * @throws DeskPodError DEVICE_NOT_FOUND
 */
export async function findDevicePlace(path: string): Promise<DevicePlace> {
  const target = await findTarget(path);
  return target.kind === 'image'
    ? inodePlace('image file', target.path)
    : drivePlace(await realpath(join(SYS_BLOCK, target.identity)));
}

/** The drive whose folder in sysfs this is; of a loop device the file behind it. */
export async function drivePlace(sysDir: string): Promise<DevicePlace> {
  const backingFile = await textIn(join(sysDir, 'loop', 'backing_file'));
  if (backingFile !== undefined)
    return backingFile.endsWith(' (deleted)') ? undefined : inodePlace('image file', backingFile);
  // of a partition: of the drive that it is on
  const driveDir = (await textIn(join(sysDir, 'partition'))) === undefined ? sysDir : dirname(sysDir);
  const usbDir = await findUsbDevice(driveDir);
  const name = usbDir === undefined ? await firstText(driveDir, NAME_FILES) : await usbName(usbDir);
  const sectors = await textIn(join(sysDir, 'size'));
  return name === undefined || sectors === undefined ? undefined : `drive ${name}, ${sectors} sectors`;
}

/** The folder in sysfs of the USB device that a drive is behind. */
async function findUsbDevice(driveDir: string): Promise<string | undefined> {
  for (let dir = await realpath(driveDir); dir !== dirname(dir); dir = dirname(dir))
    if ((await namesIn(dir)).includes('idVendor')) return dir;
  return undefined;
}

/** By its serial number alone: what drives without one say of themselves further in, many of a kind say alike. */
async function usbName(usbDir: string): Promise<string | undefined> {
  const serial = await textIn(join(usbDir, 'serial'));
  if (serial === undefined) return undefined;
  return `usb ${await textIn(join(usbDir, 'idVendor'))}:${await textIn(join(usbDir, 'idProduct'))} ${serial}`;
}

async function firstText(dir: string, files: readonly string[]): Promise<string | undefined> {
  for (const file of files) {
    const text = await textIn(join(dir, file));
    if (text !== undefined) return text;
  }
  return undefined;
}

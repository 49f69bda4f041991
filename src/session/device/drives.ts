// The drives of this computer, for whoever is to choose one: what the kernel says of them, what is on them and who uses them.
import { readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeskPodError } from '../../core/errors.ts';
import { textIn } from '../host/kernel-files.ts';
import { DEVICE_LABEL, holdsUnfinishedRestore } from './device-format.ts';
import { describeContents, describeUses, findTarget } from './device-target.ts';
import { readSuperblock } from './ext4.ts';

/** A drive. */
export interface Drive {
  readonly path: string;
  /** What its maker calls it; undefined if it does not say. */
  readonly model: string | undefined;
  readonly sizeBytes: number;
  /** It can be pulled out: the kernel says so, or it hangs on USB, or is a card. */
  readonly isRemovable: boolean;
  readonly isReadOnly: boolean;
}

/** What is on a drive or image file, and what is to be known before it is erased. */
export interface DriveContent {
  /** In one phrase; undefined if nothing is recognized. */
  readonly contents: string | undefined;
  /** A restore was interrupted there: it can go on, and nothing else is lost. */
  readonly isUnfinishedRestore: boolean;
  /** What uses it, in one phrase; undefined if it is free. */
  readonly uses: string | undefined;
}

const SECTOR_BYTES = 512;
/** What is no place for a pod: memory, discs, and what is made of other drives. */
const NO_DRIVE = /^(?:ram|zram|sr|fd|md|dm-|nbd)/;
const PLUGGED = /\/(?:usb\d+|mmc_host|firewire|pcmcia)(?:\/|$)/;
/** Of cards the kernel does not say it. */
const CARD = /^mmcblk/;

/**
 * The drives of this computer, as the kernel has them: whole drives, and those loop devices that something is attached to.
 * @param sysDir where the kernel lists block devices
 */
export async function listDrives(sysDir = '/sys/block'): Promise<Drive[]> {
  const drives: Drive[] = [];
  for (const name of (await readdir(sysDir)).sort()) {
    if (NO_DRIVE.test(name)) continue;
    const dir = join(sysDir, name);
    const sizeBytes = Number(await textIn(join(dir, 'size'))) * SECTOR_BYTES;
    // a reader without a card, a loop device without a file
    if (!(sizeBytes > 0)) continue;
    const place = await realpath(dir).catch(() => dir);
    drives.push({
      path: `/dev/${name.replaceAll('!', '/')}`,
      model: await modelOf(dir),
      sizeBytes,
      isRemovable: (await textIn(join(dir, 'removable'))) === '1' || PLUGGED.test(place) || CARD.test(name),
      isReadOnly: (await textIn(join(dir, 'ro'))) === '1',
    });
  }
  return drives;
}

/** Looks at what is on a drive or image file. @throws DeskPodError DEVICE_NOT_FOUND; ProcessError if it cannot be read */
export async function lookAtDrive(path: string): Promise<DriveContent> {
  const target = await findTarget(path);
  const uses = await describeUses(target);
  if (target.isBlank) return { contents: undefined, isUnfinishedRestore: false, uses };
  // what is in use changes while it is read
  const isUnfinishedRestore = uses === undefined && (await holdsUnfinishedRestore(target.path));
  return { contents: await contentsOf(target.path, isUnfinishedRestore), isUnfinishedRestore, uses };
}

async function contentsOf(path: string, isUnfinishedRestore: boolean): Promise<string | undefined> {
  if (isUnfinishedRestore) return 'a restore that did not end';
  const isPod = (await readSuperblock(path))?.label === DEVICE_LABEL;
  return isPod ? 'a pod of DeskPod' : describeContents(path);
}

async function modelOf(dir: string): Promise<string | undefined> {
  const backing = await textIn(join(dir, 'loop/backing_file'));
  if (backing !== undefined) return `loop device of ${backing}`;
  const words = [await textIn(join(dir, 'device/vendor')), await textIn(join(dir, 'device/model'))];
  const name = words.filter((word) => word !== undefined && !/^(?:ATA|0x.*)$/.test(word)).join(' ');
  return name === '' ? textIn(join(dir, 'device/name')) : name;
}

/** True for what says only that there is no such drive any more. */
export function isDriveAway(error: unknown): boolean {
  return (
    isDeskPodError(error, 'DEVICE_NOT_FOUND') || codeOf(error) === 'ENOMEDIUM' || codeOf(error) === 'ENXIO'
  );
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

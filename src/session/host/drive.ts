// The drive behind a mount: whether it is still there.
import { readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { ProcessError, run } from '../../sync/process.ts';
import type { Mount } from './mount-table.ts';

/** What a file system of ours shows once it has given up its drive: none is mounted read-only. */
const GIVEN_UP = new Set(['ro', 'emergency_ro', 'shutdown']);

/** True if the drive may be gone: the kernel forgot it, or writes to it failed. Costs next to nothing. */
export async function looksGone(mount: Mount): Promise<boolean> {
  return mount.fsOptions.some((option) => GIVEN_UP.has(option)) || !(await isKnown(mount));
}

/**
 * True if the drive behind a mount was pulled out: the kernel does not know its block device any more, or that gives
 * nothing. A loop device outlives the drive that its image file is on, so it is asked for a block of its own, past all
 * caches. False for what has no block device.
 */
export async function isDriveGone(mount: Mount): Promise<boolean> {
  if (mount.deviceNumber.startsWith('0:')) return false;
  const name = await nameOf(mount);
  if (name === undefined) return true;
  try {
    await run('dd', [`if=/dev/${name}`, 'of=/dev/null', 'bs=4096', 'count=1', 'iflag=direct', 'status=none']);
    return false;
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error;
    return true;
  }
}

async function isKnown(mount: Mount): Promise<boolean> {
  return mount.deviceNumber.startsWith('0:') || (await nameOf(mount)) !== undefined;
}

/** What the kernel calls a mount's block device, as in /dev; undefined if it knows it no more. */
async function nameOf({ deviceNumber }: Mount): Promise<string | undefined> {
  try {
    return basename(await readlink(`/sys/dev/block/${deviceNumber}`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

// The drive behind a mount: whether it is still there.
import { readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { ProcessError, run } from '../../sync/process.ts';
import { endsWithin } from './deadline.ts';
import type { Mount } from './mount-table.ts';

/** What a file system of ours shows once it has given up its drive: none is mounted read-only. */
const GIVEN_UP = new Set(['ro', 'emergency_ro', 'shutdown']);

/** How long one block may take. */
const READ_TIMEOUT_MS = 5000;

/** What the kernel answers for a drive, or its medium, that is not there; the C library's words, which every dd uses. */
const READ_FAILURE =
  /Input\/output error|No such device|No medium found|Remote I\/O error|No data available|Link has been severed/;

/** True if the drive may be gone: the kernel forgot it, or writes to it failed. Costs next to nothing. */
export async function looksGone(mount: Mount): Promise<boolean> {
  return mount.fsOptions.some((option) => GIVEN_UP.has(option)) || !(await isKnown(mount));
}

/**
 * True if the drive behind a mount was pulled out: the kernel does not know its block device any more, or cannot read
 * it. A loop device outlives the drive that its image file is on, so it is asked for a block of its own, past all caches.
 * False for what has no block device; and if that could not be found out, as the drive gives no answer within 5 s, or
 * there is no dd.
 */
export async function isDriveGone(mount: Pick<Mount, 'deviceNumber'>): Promise<boolean> {
  if (mount.deviceNumber.startsWith('0:')) return false;
  const name = await nameOf(mount);
  if (name === undefined) return true;
  try {
    const args = [`if=/dev/${name}`, 'of=/dev/null', 'bs=4096', 'count=1', 'iflag=direct', 'status=none'];
    // One that waits for its drive cannot be ended, so that is not waited for.
    await endsWithin(run('dd', args, { timeoutMs: READ_TIMEOUT_MS }), READ_TIMEOUT_MS);
    return false;
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error;
    return READ_FAILURE.test(error.stderrTail);
  }
}

async function isKnown(mount: Mount): Promise<boolean> {
  return mount.deviceNumber.startsWith('0:') || (await nameOf(mount)) !== undefined;
}

/** What the kernel calls a mount's block device, as in /dev; undefined if it knows it no more. */
async function nameOf({ deviceNumber }: Pick<Mount, 'deviceNumber'>): Promise<string | undefined> {
  try {
    return basename(await readlink(`/sys/dev/block/${deviceNumber}`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

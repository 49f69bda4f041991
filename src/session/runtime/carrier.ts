// The device that this very program was started from, by the script in its root.
import { DeskPodError } from '../../core/errors.ts';
import { ProcessError, run } from '../../sync/process.ts';
import { findHolders, holdersText, loopDevices } from '../device/holders.ts';
import { type Mount, mountAt, readMounts } from '../host/mount-table.ts';
import { CARRIER_VARIABLE } from './entry-script.ts';

/** The device, once it was taken: where it had been mounted says nothing any more. */
let taken: string | undefined;

/**
 * The device that this program was started from, as a path to open it by; undefined if it was installed on the host. The
 * host's own mount of it ends with the first call: a pod is mounted for one process alone, and by other rules.
 * @throws DeskPodError DEVICE_NOT_FOUND if the script does not lie where a device is mounted; DEVICE_IN_USE
 */
export async function takeCarrier(): Promise<string | undefined> {
  const dir = process.env[CARRIER_VARIABLE];
  if (dir === undefined || taken !== undefined) return taken;
  const mount = mountAt(await readMounts(), dir);
  if (mount === undefined) {
    throw new DeskPodError('DEVICE_NOT_FOUND', `${dir}: expected a device that is mounted there, got none`, {
      hint: 'Mount the device and start it by the path of `deskpod` on it, or say which pod with --device PATH.',
      details: { dir },
    });
  }
  const path = await sourceOf(mount);
  await unmountFromHost(dir);
  taken = path;
  return path;
}

/** A loop device goes with its mount: its image is what stays. */
async function sourceOf({ source }: Mount): Promise<string> {
  const loop = (await loopDevices()).find(({ name }) => source === `/dev/${name}`);
  return loop?.backingFile ?? source;
}

async function unmountFromHost(dir: string): Promise<void> {
  try {
    await run('umount', ['--', dir]);
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error;
    const holders = await findHolders(dir);
    const who = holders.length === 0 ? 'something that cannot be seen from here' : holdersText(holders);
    throw new DeskPodError('DEVICE_IN_USE', `${dir}: the device is still in use by ${who}`, {
      hint: 'Leave its folders (cd /) and close its files, then try again.',
      details: { dir, holders },
      cause: error,
    });
  }
}

// The device that this very program was started from, by the script in its root.
import { DeskPodError } from '../../core/errors.ts';
import { ProcessError, run } from '../../sync/process.ts';
import { findHolders, holdersText, loopDevices } from '../device/holders.ts';
import { type Mount, mountAt, readMounts } from '../host/mount-table.ts';
import { CARRIER_VARIABLE } from './entry-script.ts';

/** A device that was taken off the host's own mount. */
export interface TakenCarrier {
  readonly path: string;
  /** Where the host had it mounted; nothing is there any more. */
  readonly mountDir: string;
}

let taken: TakenCarrier | undefined;

/** The device, if {@link takeCarrier} has taken it in this process. */
export function takenCarrier(): TakenCarrier | undefined {
  return taken;
}

/**
 * The device that this program was started from, as a path to open it by; undefined if it was installed on the host. The
 * host's own mount of it ends with the first call: a pod is mounted for one process alone, and by other rules.
 * @throws DeskPodError DEVICE_NOT_FOUND if the script does not lie where a device is mounted; DEVICE_IN_USE
 */
export async function takeCarrier(): Promise<string | undefined> {
  const dir = process.env[CARRIER_VARIABLE];
  if (dir === undefined || taken !== undefined) return taken?.path;
  const mount = mountAt(await readMounts(), dir);
  if (mount === undefined) {
    throw new DeskPodError('DEVICE_NOT_FOUND', `${dir}: expected a device that is mounted there, got none`, {
      hint: 'Mount the device and start it by the path of `deskpod` on it, or say which pod with --device PATH.',
      details: { dir },
    });
  }
  const path = await sourceOf(mount);
  await unmountFromHost(dir);
  taken = { path, mountDir: dir };
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

// The passkeys of a pod whose session does not run, read off its device before anything is unlocked.

import { toHex } from '../../core/bytes.ts';
import { peekHead } from '../../core/head.ts';
import type { PasskeyRequest } from '../../core/passkey-slot.ts';
import { peekPasskeys } from '../../sync/keyring/passkeys.ts';
import { Repository } from '../../sync/repository/repository.ts';
import { mountDevice } from '../device/device.ts';
import { afterwards } from '../pod/afterwards.ts';
import { readSessionNote } from '../pod/session-note.ts';

/**
 * What can be asked for to open the pod on a device: nothing of it is proven. The device is free again on return.
 *
 * @throws DeskPodError what mounting and reading throw; KEYRING_DAMAGED, HEAD_DAMAGED, FORMAT_UNKNOWN
 */
export async function readPasskeys(devicePath: string): Promise<readonly PasskeyRequest[]> {
  const device = await mountDevice(devicePath);
  const read = async () => {
    const repository = await Repository.open(`${device.mountDir}/repository`);
    const head = await repository.readHead();
    if (head === undefined) return [];
    return peekPasskeys(await repository.readObject('keyrings', toHex(peekHead(head).keyring)));
  };
  // a session that was left without its supervisor goes on upon it
  if ((await readSessionNote(device.staging)) !== undefined) return read();
  return afterwards(read, () => device.unmount());
}

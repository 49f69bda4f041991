// Letting go of a device by force: ends what runs of its pod on this host, without saving, and leaves nothing behind.
import { isDeskPodError } from '../../core/errors.ts';
import { lockHolder } from '../../sync/posix/flock.ts';
import { runcDelete } from '../barrier/runc.ts';
import { findStaging } from '../device/device.ts';
import { cleanLeftovers } from '../host/leftovers.ts';
import { mountAt, readMounts } from '../host/mount-table.ts';
import { endProcess, identifyProcess } from '../host/process-identity.ts';
import { programsIn } from '../host/programs.ts';
import { listStagings, type Staging } from '../host/staging.ts';
import { endMembers } from '../process/session-members.ts';
import { endStrayCables } from '../process/stray-cables.ts';
import { readSessionNote } from './session-note.ts';

/** Ends supervisor and session of the pod on a device, and unmounts what they had. A device without a pod is left alone. */
export async function releaseDevice(devicePath: string): Promise<void> {
  for (const staging of await stagingsOf(devicePath)) {
    const owner = lockHolder(staging.lockFile);
    const supervisor = owner === undefined || owner === process.pid ? undefined : identifyProcess(owner);
    if (supervisor !== undefined) await endProcess(supervisor);
    const note = await readSessionNote(staging);
    if (note !== undefined) await endProcess(note.root);
    await endStrayCables(staging.bundleDir);
    if (mountAt(await readMounts(), staging.mergedDir) !== undefined) {
      await endMembers(staging.mergedDir, staging.restoreDir);
    }
    await runcDelete(programsIn(), `deskpod-${staging.id}`);
    await cleanLeftovers(staging);
  }
}

/**
 * Unmounts what a create or restore left that was killed, so that the same command can be run again. Where a session
 * runs, or may run, nothing is touched.
 * @throws DeskPodError POD_BUSY if a living process has the device
 */
export async function releaseUnfinished(devicePath: string): Promise<void> {
  for (const staging of await stagingsOf(devicePath)) {
    if ((await readSessionNote(staging)) !== undefined) continue;
    if (mountAt(await readMounts(), staging.mergedDir) === undefined) await cleanLeftovers(staging);
  }
}

async function stagingsOf(devicePath: string): Promise<Staging[]> {
  try {
    const { id } = await findStaging(devicePath);
    return (await listStagings()).filter((staging) => staging.id === id);
  } catch (error) {
    if (isDeskPodError(error)) return [];
    throw error;
  }
}

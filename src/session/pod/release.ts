// Letting go of a device by force: ends what runs of its pod on this host, without saving, and leaves nothing behind.
import { existsSync } from 'node:fs';
import { isDeskPodError } from '../../core/errors.ts';
import { lockHolder, tryLock } from '../../sync/posix/flock.ts';
import { removeControlGroup } from '../barrier/control-group.ts';
import { runcDelete } from '../barrier/runc.ts';
import { findStaging } from '../device/device.ts';
import { isDriveGone, looksGone } from '../host/drive.ts';
import { cleanLeftovers } from '../host/leftovers.ts';
import { mountAt, readMounts } from '../host/mount-table.ts';
import { endProcess, identifyProcess, type ProcessIdentity } from '../host/process-identity.ts';
import { programsIn } from '../host/programs.ts';
import { listStagings, type Staging, sessionIdOf } from '../host/staging.ts';
import { endMembers } from '../process/session-members.ts';
import { endStrayCables } from '../process/stray-cables.ts';
import { endUnseen } from '../process/unseen-session.ts';
import { endGuarded } from '../tier/session-guard.ts';
import { holdsEndedSession } from './session-images.ts';
import { readSessionNote } from './session-note.ts';

/** Ends supervisor and session of the pod on a device, and unmounts what they had. A device without a pod is left alone. */
export async function releaseDevice(devicePath: string): Promise<void> {
  for (const staging of await stagingsOf(devicePath)) {
    const supervisor = findOwner(staging);
    if (supervisor !== undefined) await endProcess(supervisor);
    await release(staging);
  }
}

/**
 * Ends and unmounts what is left of pods whose drives were pulled out when no supervisor was there to notice: plugged in
 * again they are other devices to this host, and nobody would ask for these any more.
 * @param onFailure is told what is in the way of one of them; the others go on
 */
export async function releasePulledOut(onFailure: (error: unknown) => void): Promise<void> {
  const mounts = await readMounts();
  for (const staging of await listStagings()) {
    try {
      const device = mountAt(mounts, staging.deviceDir);
      if (device === undefined || !existsSync(staging.privateDir) || isHeld(staging.lockFile)) continue;
      if ((await looksGone(device)) && (await isDriveGone(device))) await release(staging);
    } catch (error) {
      onFailure(error);
    }
  }
}

async function release(staging: Staging): Promise<void> {
  const note = await readSessionNote(staging);
  if (note !== undefined) {
    await endGuarded(note.root.pid);
    await endProcess(note.root);
  }
  await endUnseen(staging.bundleDir);
  await endStrayCables(staging.bundleDir);
  if (mountAt(await readMounts(), staging.mergedDir) !== undefined) {
    await endMembers(staging.mergedDir, staging.restoreDir);
  }
  await runcDelete(programsIn(), sessionIdOf(staging));
  await removeControlGroup(sessionIdOf(staging));
  await cleanLeftovers(staging);
}

/**
 * Unmounts what a create or restore left that was killed, so that the same command can be run again. Where a session
 * runs, or may run, or waits in memory to be sealed, nothing is touched.
 * @throws DeskPodError POD_BUSY if a living process has the device
 */
export async function releaseUnfinished(devicePath: string): Promise<void> {
  for (const staging of await stagingsOf(devicePath)) {
    if ((await readSessionNote(staging)) !== undefined || (await holdsEndedSession(staging))) continue;
    if (mountAt(await readMounts(), staging.mergedDir) === undefined) await cleanLeftovers(staging);
  }
}

/**
 * The other process that holds the lock of a staging folder. The pid in a lock file that nobody holds may be anyone's by
 * now: it counts only if the lock is held before and after the process was looked at.
 */
function findOwner({ lockFile, privateDir }: Staging): ProcessIdentity | undefined {
  if (!existsSync(privateDir) || !isHeld(lockFile)) return undefined;
  const pid = lockHolder(lockFile);
  if (pid === undefined || pid === process.pid) return undefined;
  const owner = identifyProcess(pid);
  return isHeld(lockFile) && lockHolder(lockFile) === pid ? owner : undefined;
}

function isHeld(lockFile: string): boolean {
  const lock = tryLock(lockFile);
  lock?.release();
  return lock === undefined;
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

// What a killed supervisor left on this host, and taking it away without touching anything that is not ours.
import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { DeskPodError } from '../../core/errors.ts';
import { lockHolder, tryLock } from '../../sync/posix/flock.ts';
import { ProcessError, run } from '../../sync/process.ts';
import { findHolders, type Holder, holdersText, loopDevices } from '../device/holders.ts';
import { findMapping } from '../device/mapping.ts';
import { mappingName } from '../vault/luks-vault.ts';
import { isDriveGone } from './drive.ts';
import { isWithin, type Mount, mountAt, readMounts } from './mount-table.ts';
import { isStagingId, listStagings, removeStaging, STAGING_ROOT, type Staging } from './staging.ts';

const BUSY_TIMEOUT_MS = 2000;
const POLL_MS = 20;

/** What stands in a staging folder. */
export interface Leftovers {
  readonly staging: Staging;
  /** The process that owns it and lives: then these are no leftovers. */
  readonly ownerPid: number | undefined;
  /** Mount points in the order in which they were mounted. */
  readonly mountPoints: readonly string[];
  /** Loop devices whose file lies in it. */
  readonly loopDevices: readonly string[];
  /** The open mapping of its LUKS vault. */
  readonly mapping: string | undefined;
}

/** What {@link cleanLeftovers} is told. */
export interface CleanOptions {
  /** The drive is known to be gone: nothing is written to it any more. */
  readonly isPulledOut?: boolean;
}

/** What {@link cleanLeftovers} took away. */
export interface CleanReport {
  readonly unmounted: readonly string[];
  /** Unmounted lazily, because the drive behind them is gone. */
  readonly abandoned: readonly string[];
  readonly detached: readonly string[];
}

/** Looks at one staging folder; changes nothing. */
export async function findLeftovers(staging: Staging): Promise<Leftovers> {
  requireOurs(staging);
  const mounts = await mountsIn(staging);
  const loops = (await loopDevices()).filter(({ backingFile }) => isWithin(backingFile, staging.dir));
  return {
    staging,
    ownerPid: isOwned(staging) ? lockHolder(staging.lockFile) : undefined,
    mountPoints: mounts.map(({ mountPoint }) => mountPoint),
    loopDevices: loops.map(({ name }) => `/dev/${name}`),
    mapping: (await findMapping(mappingName(staging.id)))?.name,
  };
}

/**
 * Takes away everything that a killed process left in a staging folder: mounts, the last first, the mapping of a LUKS
 * vault, loop devices, the folder itself. Writes of a device that is still there are flushed; its loop device goes with
 * its mount. Never goes outside /run/deskpod.
 * @throws DeskPodError POD_BUSY if a living process owns it; DEVICE_IN_USE naming the processes that still use it, in
 * which case what was above them stays
 */
export async function cleanLeftovers(
  staging: Staging,
  { isPulledOut = false }: CleanOptions = {},
): Promise<CleanReport> {
  requireOurs(staging);
  // No lock file, no owner: then only the mounts of a half-removed folder can be there.
  const lock = (await exists(staging)) ? tryLock(staging.lockFile) : undefined;
  if (lock === undefined && isOwned(staging)) {
    throw new DeskPodError(
      'POD_BUSY',
      `${staging.dir}: process ${lockHolder(staging.lockFile)} still owns it`,
      {
        hint: 'stop it with `deskpod stop`',
        details: { stagingDir: staging.dir, pid: lockHolder(staging.lockFile) },
      },
    );
  }
  const report = { unmounted: [] as string[], abandoned: [] as string[], detached: [] as string[] };
  try {
    const mounts = await mountsIn(staging);
    const device = mountAt(mounts, staging.deviceDir);
    const isGone = isPulledOut || (device !== undefined && (await isDriveGone(device)));
    for (const mount of mounts.reverse()) {
      // Before the device itself goes, what was built on files of it must be gone.
      if (mount.mountPoint === staging.deviceDir) await detachBuilt(staging, report.detached);
      // All else is built on files of the drive: the vault, the base, the session's root.
      if (isGone && mount.mountPoint !== staging.imagesDir) {
        await run('umount', ['--lazy', '--', mount.mountPoint]);
        report.abandoned.push(mount.mountPoint);
      } else {
        await unmount(mount.mountPoint);
        report.unmounted.push(mount.mountPoint);
      }
    }
    await detachBuilt(staging, report.detached);
    await removeStaging(staging);
    return report;
  } finally {
    lock?.release();
  }
}

/** The staging folders on this host that no living process owns. */
export async function findOrphans(): Promise<Leftovers[]> {
  const found = await Promise.all((await listStagings()).map(findLeftovers));
  return found.filter(({ staging }) => !isOwned(staging));
}

/** The rule of this file. A path with `..` in it cannot come from stagingOf, and must not pass here. */
function requireOurs(staging: Staging): void {
  const isOurs = staging.dir === `${STAGING_ROOT}/${staging.id}` && isStagingId(staging.id);
  if (!isOurs) throw new TypeError(`${staging.dir}: is no staging folder below ${STAGING_ROOT}`);
}

async function mountsIn(staging: Staging): Promise<Mount[]> {
  return (await readMounts()).filter((mount) => isWithin(mount.mountPoint, staging.dir));
}

function isOwned(staging: Staging): boolean {
  if (lockHolder(staging.lockFile) === undefined) return false;
  const lock = tryLock(staging.lockFile);
  lock?.release();
  return lock === undefined;
}

async function exists(staging: Staging): Promise<boolean> {
  try {
    await readdir(staging.privateDir);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return false;
  }
}

async function unmount(mountPoint: string): Promise<void> {
  await run('sync', ['-f', mountPoint]);
  await whenFree(mountPoint, () => run('umount', ['--', mountPoint]));
}

/** Does what can be done as soon as the last file of a program that is ending has been closed. */
async function whenFree(path: string, action: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + BUSY_TIMEOUT_MS;
  for (;;) {
    try {
      await action();
      return;
    } catch (error) {
      if (!(error instanceof ProcessError)) throw error;
      if (performance.now() > deadline) throw inUse(path, await findHolders(path), error);
    }
    await delay(POLL_MS);
  }
}

async function detachBuilt(staging: Staging, detached: string[]): Promise<void> {
  const mapping = await findMapping(mappingName(staging.id));
  if (mapping !== undefined) {
    // A program that makes its file system ends by itself.
    await whenFree(staging.deviceDir, () => run('cryptsetup', ['close', mapping.name]));
    detached.push(`/dev/mapper/${mapping.name}`);
  }
  for (const { name, backingFile } of await loopDevices()) {
    if (!isWithin(backingFile, staging.dir)) continue;
    try {
      await run('losetup', ['-d', `/dev/${name}`]);
      detached.push(`/dev/${name}`);
    } catch (error) {
      // One with autoclear may have gone with its mapping or mount just now.
      if ((await loopDevices()).some((loop) => loop.name === name && loop.backingFile === backingFile))
        throw error;
    }
  }
}

function inUse(mountPoint: string, holders: readonly Holder[], cause: unknown): DeskPodError {
  const who = holders.length === 0 ? 'something that cannot be seen from here' : holdersText(holders);
  return new DeskPodError(
    'DEVICE_IN_USE',
    `${mountPoint}: left by a process that was killed, still in use by ${who}`,
    {
      hint: 'end these programs, then try again',
      details: { mountPoint, holders },
      cause,
    },
  );
}

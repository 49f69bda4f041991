// A device at work: mounting it on its staging folder, and letting it go so that it is safe to unplug.
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { DeskPodError } from '../../core/errors.ts';
import { type FileLock, lockHolder, tryLock } from '../../sync/posix/flock.ts';
import { exists } from '../../sync/posix/path-status.ts';
import { ProcessError, run } from '../../sync/process.ts';
import { isDriveGone, looksGone } from '../host/drive.ts';
import { cleanLeftovers } from '../host/leftovers.ts';
import { type Mount, mountAt, readMounts } from '../host/mount-table.ts';
import { requireRoot } from '../host/root-rights.ts';
import { prepareStaging, removeStaging, type Staging, stagingOf } from '../host/staging.ts';
import { changedPod, checkDeviceContent, notAPod } from './device-content.ts';
import { DEVICE_LABEL } from './device-format.ts';
import { type DeviceTarget, describeContents, findTarget, loopsOf, requireUnused } from './device-target.ts';
import { preenExt4, readSuperblock, type Superblock } from './ext4.ts';
import { findHolders, findMountHolders, type Holder, holdersText, mountHolders } from './holders.ts';

export { formatDevice } from './device-format.ts';

/**
 * What anyone may have written on a drive gains nothing here: no setuid, no device nodes, no programs, no symbolic
 * links. An overlay whose upper layer lies here executes and follows links all the same, by its own mount's flags.
 */
const MOUNT_OPTIONS = 'nosuid,nodev,noexec,nosymfollow,noatime,errors=remount-ro';

/** How long the last closing of a file may take after its process ended. */
const BUSY_TIMEOUT_MS = 2000;
/** How long the kernel may take to let go of the device after the unmount. */
const RELEASE_TIMEOUT_MS = 5000;
/** The same where nobody is found who could let go: a busy kernel closes and writes back by itself, and needs no one's help. */
const UNNAMED_TIMEOUT_MS = 60_000;
const POLL_MS = 20;
/** The same once all processes are looked through for a holder, which is work for a host that is busy already. */
const SEARCH_EVERY_MS = 500;

/** How {@link mountDevice} mounts. */
export interface MountOptions {
  /** The device was only just formatted: no pod need be on it. */
  readonly isFresh?: boolean;
}

/** A device that this process has mounted and locked for itself. */
export interface MountedDevice {
  readonly path: string;
  readonly mountDir: string;
  readonly fsUuid: string;
  readonly staging: Staging;
  /** A killed process had left it mounted, and this one took it over. */
  readonly isAdopted: boolean;
  /** What e2fsck did before the mount, if it was not unmounted properly the last time. */
  readonly repair: string | undefined;
  /** {@link unmountDevice}. */
  unmount(): Promise<void>;
}

/** What {@link unmountDevice} needs beyond what everyone may see. */
interface Grip {
  readonly target: DeviceTarget;
  readonly lock: FileLock;
  /** The block device's name in sysfs: that of the loop device for an image. */
  readonly blockName: string;
  /** `major:minor` of the mount. */
  readonly deviceNumber: string;
  isReleased: boolean;
  /** It was released without its drive. */
  isAbandoned: boolean;
  /** Why not all was written before its unmount. */
  failure: { readonly error: unknown } | undefined;
}

const grips = new WeakMap<MountedDevice, Grip>();

/** The staging folder of the device at `path`: the same in every process, for as long as it is plugged in. */
export async function findStaging(path: string): Promise<Staging> {
  const target = await findTarget(path);
  return stagingOf(stagingId(target, await requirePodSuperblock(target)));
}

/**
 * Mounts a pod's device, for this process alone. A device that was pulled out or lost its power is checked first.
 * A mount that a killed process left is taken over.
 * @throws DeskPodError DEVICE_NOT_FOUND, DEVICE_NOT_A_POD, POD_BUSY if another process has it, DEVICE_IN_USE if
 * something else has it, MOUNT_FAILED, ROOT_NEEDED
 */
export async function mountDevice(path: string, options: MountOptions = {}): Promise<MountedDevice> {
  requireRoot('mounting a device');
  const target = await findTarget(path);
  const superblock = await requirePodSuperblock(target);
  const staging = await prepareStaging(stagingId(target, superblock));
  const lock = takeLock(path, staging);
  try {
    const left = await leftMount(staging, target);
    const repair = left === undefined ? await mountTarget(target, superblock, staging.deviceDir) : undefined;
    return await openMounted(
      { target, superblock, staging, lock, repair, isAdopted: left !== undefined },
      options,
    );
  } catch (error) {
    await removeStaging(staging);
    lock.release();
    throw error;
  }
}

/**
 * Writes everything to the device and unmounts it. When this returns the kernel has let go of the device, all is on
 * it, and it can be unplugged. A second call does nothing; after a failure it can be called again.
 * @throws DeskPodError DEVICE_IN_USE naming who still uses it; MOUNT_FAILED if not all could be written; DEVICE_GONE if
 * the drive was pulled out when all was written and let go of
 */
export async function unmountDevice(device: MountedDevice): Promise<void> {
  const grip = grips.get(device);
  if (grip === undefined) throw new TypeError(`${device.path}: was not mounted by mountDevice`);
  if (grip.isReleased) return;
  const { mountDir } = device;
  if (mountAt(await readMounts(), mountDir) !== undefined) {
    const builders = await mountHolders(mountDir);
    if (builders.length > 0) throw inUse(device.path, builders);
    // A file system that has given up takes nothing any more, however often it is asked: it is let go of, and then told.
    grip.failure = await flush(device.path, mountDir).catch(async (error: unknown) => {
      grip.isAbandoned = await isPulledOut(device);
      return { error: grip.isAbandoned ? pulledOut(device.path, error) : error };
    });
    await unmountWhenFree(device.path, mountDir);
  }
  await waitForRelease(device.path, grip);
  grip.isReleased = true;
  try {
    await flushTarget(grip.target);
  } finally {
    await removeStaging(device.staging);
    grip.lock.release();
  }
  if (grip.failure !== undefined) throw grip.failure.error;
}

/** True if the drive of a device that is in use was pulled out. Asks the drive. */
export async function isPulledOut(device: MountedDevice): Promise<boolean> {
  const mount = await mountOf(device);
  return mount !== undefined && (await isDriveGone(mount));
}

/** Like {@link isPulledOut}, of a drive that the kernel has met with a failure of: cheap enough to be asked all the time. */
export async function seemsPulledOut(device: MountedDevice): Promise<boolean> {
  const mount = await mountOf(device);
  return mount !== undefined && (await looksGone(mount)) && (await isDriveGone(mount));
}

/**
 * Lets go of a device whose drive was pulled out, though not all could be written: what was synced before is on it.
 * Nothing of it stays on this host.
 * @returns true also if that was done before; false, with nothing done, if the drive is still there
 * @throws DeskPodError DEVICE_IN_USE if something on this host still uses it; ProcessError if even that fails
 */
export async function abandonDevice(device: MountedDevice): Promise<boolean> {
  const grip = grips.get(device);
  if (grip === undefined) throw new TypeError(`${device.path}: was not mounted by mountDevice`);
  // One that was pulled out as it was let go of may have failed before the kernel knew why.
  if (!grip.isAbandoned && !(await hasGone(device, grip))) return false;
  grip.isAbandoned = true;
  if (!grip.isReleased) grip.lock.release();
  grip.isReleased = true;
  // What waited in memory for the drive is of no use without it.
  await cleanLeftovers(device.staging, { isPulledOut: true });
  return true;
}

async function hasGone(device: MountedDevice, { target, deviceNumber, isReleased }: Grip): Promise<boolean> {
  if (!(await exists(target.path))) return true;
  if (!isReleased) return isPulledOut(device);
  // of an image the loop device is free again, and perhaps another's
  return target.kind !== 'image' && (await isDriveGone({ deviceNumber }));
}

/** What is said of a drive that was pulled out while it was worked with. */
export function pulledOut(path: string, cause?: unknown): DeskPodError {
  return new DeskPodError('DEVICE_GONE', `${path}: its drive was pulled out`, {
    hint: 'Plug it in again and run `deskpod start`: all that was saved is there, up to its last moments.',
    details: { path },
    ...(cause === undefined ? {} : { cause }),
  });
}

async function mountOf({ mountDir }: MountedDevice): Promise<Mount | undefined> {
  return mountAt(await readMounts(), mountDir);
}

async function requirePodSuperblock(target: DeviceTarget): Promise<Superblock> {
  const superblock = await readSuperblock(target.path);
  if (superblock?.label === DEVICE_LABEL && superblock.hasEncryption) {
    if (superblock.oddity === undefined) return superblock;
    throw changedPod(target.path, `its ext4 has ${superblock.oddity}, which no pod's has`);
  }
  const contents = (await describeContents(target.path)) ?? 'no file system';
  throw notAPod(target.path, `expected an ext4 "${DEVICE_LABEL}", found ${contents}`);
}

/** Two clones of a drive have one file system id, and one drive slot sees many drives: both together tell them apart. */
function stagingId(target: DeviceTarget, superblock: Superblock): string {
  return createHash('sha256').update(`${target.identity} ${superblock.uuid}`).digest('hex').slice(0, 16);
}

function takeLock(path: string, staging: Staging): FileLock {
  const lock = tryLock(staging.lockFile);
  if (lock !== undefined) return lock;
  const pid = lockHolder(staging.lockFile);
  throw new DeskPodError('POD_BUSY', `${path}: process ${pid ?? 'unknown'} has this pod open`, {
    hint: 'stop it with `deskpod stop`, or wait until it is done',
    details: { path, pid, lockFile: staging.lockFile },
  });
}

/** The mount that a killed process left on this staging folder, if the device behind it is still there. */
async function leftMount(staging: Staging, target: DeviceTarget): Promise<Mount | undefined> {
  const left = mountAt(await readMounts(), staging.deviceDir);
  if (left === undefined) return undefined;
  const isOurs =
    target.kind === 'block'
      ? left.deviceNumber === target.identity
      : (await loopsOf(target)).some(({ name }) => left.source === `/dev/${name}`);
  if (isOurs && !(await looksGone(left))) return left;
  // The drive behind it is gone, or ext4 stopped writing after an error: nothing more can be saved through it.
  await run('umount', ['--lazy', '--', staging.deviceDir]);
  return undefined;
}

async function mountTarget(
  target: DeviceTarget,
  superblock: Superblock,
  mountDir: string,
): Promise<string | undefined> {
  await requireUnused(target);
  const repair = superblock.isClean ? undefined : await preenExt4(target.path);
  const options = target.kind === 'image' ? `loop,${MOUNT_OPTIONS}` : MOUNT_OPTIONS;
  try {
    await run('mount', ['-t', 'ext4', '-o', options, '--', target.path, mountDir]);
  } catch (error) {
    throw new DeskPodError('MOUNT_FAILED', `${target.path}: could not be mounted`, {
      hint: 'is the drive write-protected? `dmesg | tail` says what the kernel found',
      details: { path: target.path, mountDir },
      cause: error,
    });
  }
  // mount(8) takes what cannot be written read-only, with a warning.
  if (mountAt(await readMounts(), mountDir)?.fsOptions.includes('ro') === true) {
    await run('umount', ['--', mountDir]);
    throw new DeskPodError(
      'MOUNT_FAILED',
      `${target.path}: expected a device that can be written to, got a write-protected one`,
      {
        hint: 'Look for a switch on the drive, or at the rights of the image file.',
        details: { path: target.path },
      },
    );
  }
  return repair;
}

interface Opening extends Pick<MountedDevice, 'staging' | 'repair' | 'isAdopted'> {
  readonly target: DeviceTarget;
  readonly superblock: Superblock;
  readonly lock: FileLock;
}

async function openMounted(opening: Opening, options: MountOptions): Promise<MountedDevice> {
  const { target, superblock, staging, lock, repair, isAdopted } = opening;
  const mountDir = staging.deviceDir;
  const mount = mountAt(await readMounts(), mountDir);
  try {
    await checkDeviceContent(target.path, mountDir, options.isFresh !== true);
  } catch (error) {
    if (!isAdopted) await run('umount', ['--', mountDir]);
    throw error;
  }
  const device: MountedDevice = {
    path: target.path,
    mountDir,
    fsUuid: superblock.uuid,
    staging,
    isAdopted,
    repair,
    unmount: () => unmountDevice(device),
  };
  const blockName = mount?.source.replace(/^\/dev\//, '') ?? '';
  const deviceNumber = mount?.deviceNumber ?? '';
  const state = { isReleased: false, isAbandoned: false, failure: undefined };
  grips.set(device, { target, lock, blockName, deviceNumber, ...state });
  return device;
}

/** `sync -f` is syncfs(2), in a process of its own: it can take seconds, and reports what the kernel could not write. */
async function flush(path: string, mountDir: string): Promise<undefined> {
  try {
    await run('sync', ['-f', mountDir]);
    return undefined;
  } catch (error) {
    throw notAllWritten(path, error);
  }
}

async function unmountWhenFree(path: string, mountDir: string): Promise<void> {
  const startMs = performance.now();
  for (;;) {
    try {
      await run('umount', ['--', mountDir]);
      return;
    } catch (error) {
      if (!(error instanceof ProcessError)) throw error;
      const holders = await findHolders(mountDir);
      if (isOver(startMs, BUSY_TIMEOUT_MS, holders)) throw inUse(path, holders, error);
    }
    await delay(POLL_MS);
  }
}

/** Whether waiting is over for a device that is held by these. */
function isOver(startMs: number, timeoutMs: number, holders: readonly Holder[]): boolean {
  return performance.now() - startMs > (holders.length > 0 ? timeoutMs : UNNAMED_TIMEOUT_MS);
}

/** An unmounted ext4 lives on while an overlay or another namespace uses it, and a loop device until it is detached. */
async function waitForRelease(path: string, { target, blockName, deviceNumber }: Grip): Promise<void> {
  const startMs = performance.now();
  // A loop device is held by what is mounted of it. Its name may be another image's right after that.
  const isHeld = async () =>
    target.kind === 'image' ? (await loopsOf(target)).length > 0 : exists(`/sys/fs/ext4/${blockName}`);
  while (await isHeld()) {
    // looking for them takes longer than most devices are held
    if (performance.now() - startMs <= RELEASE_TIMEOUT_MS) {
      await delay(POLL_MS);
      continue;
    }
    const elsewhere = await findMountHolders(deviceNumber);
    if (isOver(startMs, RELEASE_TIMEOUT_MS, elsewhere))
      throw inUse(
        path,
        elsewhere.length > 0 ? elsewhere : [{ name: 'the kernel', path: `/dev/${blockName}` }],
      );
    await delay(SEARCH_EVERY_MS);
  }
}

async function flushTarget(target: DeviceTarget): Promise<void> {
  // A drive that was pulled out meanwhile has nothing left to flush; its last mount's errors were told before.
  if (!(await exists(target.path))) return;
  const file = await open(target.path, 'r').catch((error: unknown) => {
    throw pulledOut(target.path, error);
  });
  try {
    await file.sync();
  } catch (error) {
    throw notAllWritten(target.path, error);
  } finally {
    await file.close();
  }
}

function notAllWritten(path: string, cause: unknown): DeskPodError {
  return new DeskPodError('MOUNT_FAILED', `${path}: not everything could be written to the device`, {
    hint: 'See `dmesg | tail` for what failed. What was saved before is on it, and its file system is checked at the next start.',
    details: { path },
    cause,
  });
}

function inUse(path: string, holders: readonly Holder[], cause?: unknown): DeskPodError {
  const who =
    holders.length === 0 ? 'by something that cannot be seen from here' : `by ${holdersText(holders)}`;
  return new DeskPodError('DEVICE_IN_USE', `${path}: still in use ${who}`, {
    hint: 'close it, then try again; do not unplug the device yet',
    details: { path, holders },
    cause,
  });
}

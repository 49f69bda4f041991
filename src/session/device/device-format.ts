// Making a device: an empty ext4, ready for a pod, on a block device or in a new image file.
import { open, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { formatBytes } from '../../core/quantities.ts';
import { run } from '../../sync/process.ts';
import { requireRoot } from '../host/root-rights.ts';
import {
  ENTRY_NAME,
  MARKER_NAME,
  RESTORE_NOTE,
  RUNTIME_NAME,
  UNFINISHED_SUFFIX,
  VAULT_FILE_NAME,
  VAULT_NAME,
} from './device-content.ts';
import { reportDeviceFull } from './device-full.ts';
import { type DeviceTarget, describeContents, findTarget, requireUnused } from './device-target.ts';
import { makeExt4, namesOn, readSuperblock } from './ext4.ts';
import { requireSeen, type SeenTarget } from './seen-target.ts';

/** The label of every pod's device. */
export const DEVICE_LABEL = 'deskpod';

/** Below this there is no room for a file system's own tables, a base and a checkpoint. */
export const MINIMUM_DEVICE_BYTES = 128 * 1024 * 1024; // 128 MiB

/** What ext4 takes for itself: a share of the device, and its journal and tables. */
const FILE_SYSTEM_SHARE = 1.04;
const FILE_SYSTEM_BYTES = 64 * 1024 * 1024; // 64 MiB

/** What is on a device while a pod is being made there. */
const UNFINISHED: ReadonlySet<string> = new Set([
  ...['lost+found', 'repository', VAULT_NAME, VAULT_FILE_NAME, RESTORE_NOTE],
  ...[RUNTIME_NAME, ENTRY_NAME].flatMap((name) => [name, `${name}${UNFINISHED_SUFFIX}`]),
]);

/** What {@link formatDevice} formats. */
export interface FormatRequest {
  /** A block device (`/dev/…`) or an image file; the file is made if it is not there. */
  readonly path: string;
  /** The size of an image file. Needed if it is to be made; an existing one keeps its size without it. */
  readonly sizeBytes?: number;
  /** Bytes that are to be put on it: a device without room for them is refused before it is touched. */
  readonly contentBytes?: number;
  /** Bytes of the runtime that it is to carry besides; 0 if left out. */
  readonly runtimeBytes?: number;
  /** Overwrite a pod or whatever else is there. Never overrides that the device is in use or too small. */
  readonly force?: boolean;
  /** What it looked like when somebody chose it: it is left alone if it looks otherwise now. */
  readonly seen?: SeenTarget;
}

/** A device that was formatted. */
export interface FormattedDevice {
  readonly path: string;
  readonly sizeBytes: number;
  readonly fsUuid: string;
}

/**
 * Makes an ext4 that can hold a pod, and returns when it is on the device. An image file is sparse; one that could not
 * be finished is removed again.
 * @throws DeskPodError USAGE, DEVICE_NOT_FOUND, DEVICE_IN_USE, DEVICE_CHANGED, DEVICE_TOO_SMALL, DEVICE_FULL, ROOT_NEEDED;
 * POD_EXISTS and TARGET_NOT_EMPTY without `force`; MOUNT_FAILED if mkfs.ext4 fails
 */
export async function formatDevice(request: FormatRequest): Promise<FormattedDevice> {
  requireRoot('formatting a device');
  if (request.seen !== undefined) await requireSeen(request.seen);
  const existing = await existingTarget(request);
  const sizeBytes =
    existing?.kind === 'block' ? existing.sizeBytes : (request.sizeBytes ?? existing?.sizeBytes);
  if (sizeBytes === undefined)
    throw new DeskPodError('USAGE', `${request.path}: an image file that is to be made needs a size`, {
      hint: 'give one with --size, such as --size 8G',
    });
  requireDeviceSize(request.path, sizeBytes, request);
  if (existing !== undefined) {
    await requireUnused(existing);
    if (request.force !== true) await requireEmpty(existing);
    if (existing.kind === 'block') {
      // A backup partition table at the end would outlive mkfs and contradict it.
      await run('wipefs', ['-q', '-a', existing.path]);
      return await makeDevice(existing.path, sizeBytes);
    }
  }
  const path = existing?.path ?? resolve(request.path);
  try {
    await makeImage(path, sizeBytes);
    return await makeDevice(path, sizeBytes);
  } catch (error) {
    if (existing === undefined) await rm(path, { force: true });
    throw error;
  }
}

/** What is at the path already; `undefined` if an image file is to be made there. */
async function existingTarget({ path }: FormatRequest): Promise<DeviceTarget | undefined> {
  try {
    return await findTarget(path);
  } catch (error) {
    if (!(error instanceof DeskPodError) || error.code !== 'DEVICE_NOT_FOUND') throw error;
    // Below /dev a missing drive must not become a file in memory.
    if (error.cause === undefined || resolve(path).startsWith('/dev/')) throw error;
    await findFolder(path);
    return undefined;
  }
}

async function findFolder(path: string): Promise<void> {
  const folder = dirname(resolve(path));
  try {
    await (await open(folder, 'r')).close();
  } catch (error) {
    throw new DeskPodError(
      'DEVICE_NOT_FOUND',
      `${path}: there is no folder ${folder} to make an image file in`,
      {
        details: { path, folder },
        cause: error,
      },
    );
  }
}

/** @throws DeskPodError DEVICE_TOO_SMALL for one without room for what is to be put on it */
export function requireDeviceSize(
  path: string,
  sizeBytes: number,
  { contentBytes = 0, runtimeBytes = 0 }: Pick<FormatRequest, 'contentBytes' | 'runtimeBytes'>,
): void {
  const neededBytes = deviceBytesFor(contentBytes + runtimeBytes);
  if (sizeBytes >= neededBytes) return;
  const needed = formatBytes(neededBytes);
  const isEnoughWithout = runtimeBytes > 0 && sizeBytes >= deviceBytesFor(contentBytes);
  const without = isEnoughWithout ? '; or leave the runtime out with --no-runtime' : '';
  throw new DeskPodError(
    'DEVICE_TOO_SMALL',
    `${path}: ${formatBytes(sizeBytes)} is too small, this pod needs ${needed}`,
    {
      hint: `choose a device of at least ${needed}; 8 GiB is comfortable${without}`,
      details: { path, sizeBytes, neededBytes, runtimeBytes },
    },
  );
}

/** How large a device is to be for this much content. */
export function deviceBytesFor(contentBytes: number): number {
  return Math.max(MINIMUM_DEVICE_BYTES, Math.ceil(contentBytes * FILE_SYSTEM_SHARE) + FILE_SYSTEM_BYTES);
}

async function requireEmpty(target: DeviceTarget): Promise<void> {
  const { path } = target;
  if (target.isBlank || target.sizeBytes === 0) return;
  const superblock = await readSuperblock(path);
  if (superblock?.label === DEVICE_LABEL) {
    const names = await namesOn(path, '/');
    // Formatted, but no pod came to be, not even the head of one: nothing is lost by making it again.
    if (isUnfinished(names)) {
      const wasRestored = names.includes(RESTORE_NOTE);
      // what a journal still has to put in its place may be a marker, and all that came before it
      if (wasRestored && superblock.isClean) return;
      if (!wasRestored && !(await namesOn(path, '/repository')).includes('head')) return;
    }
    if (names.includes(MARKER_NAME)) {
      throw new DeskPodError('POD_EXISTS', `${path}: holds a pod already`, {
        hint: `start it with: deskpod start ${path}; overwriting it needs --force`,
        details: { path, fsUuid: superblock.uuid },
      });
    }
  }
  const contents = await describeContents(path);
  // A drive fresh from the shop may hold any bytes; a file with unknown content is somebody's file.
  const found =
    contents ?? (target.kind === 'image' ? `${formatBytes(target.sizeBytes)} of unknown data` : undefined);
  if (found === undefined) return;
  throw new DeskPodError('TARGET_NOT_EMPTY', `${path}: holds ${found}`, {
    hint: 'choose another device; everything on this one is lost with --force',
    details: { path, contents: found },
  });
}

function isUnfinished(names: readonly string[]): boolean {
  return !names.includes(MARKER_NAME) && names.every((name) => UNFINISHED.has(name));
}

/**
 * True if a restore was interrupted on this device, which is not mounted: nothing there is anybody's but its own. A journal that
 * was not replayed yet may say otherwise.
 * @throws DeskPodError DEVICE_NOT_FOUND
 */
export async function holdsUnfinishedRestore(path: string): Promise<boolean> {
  const { path: found, sizeBytes } = await findTarget(path);
  if (sizeBytes === 0) return false;
  const superblock = await readSuperblock(found);
  if (superblock?.label !== DEVICE_LABEL || !superblock.hasEncryption || superblock.oddity !== undefined)
    return false;
  const names = await namesOn(found, '/');
  return names.includes(RESTORE_NOTE) && isUnfinished(names);
}

/** A file that is all hole, so that an image takes the space of what is written into it. */
async function makeImage(path: string, sizeBytes: number): Promise<void> {
  const file = await open(path, 'a', 0o600);
  try {
    await file.truncate(0);
    await file.truncate(sizeBytes);
  } finally {
    await file.close();
  }
}

async function makeDevice(path: string, sizeBytes: number): Promise<FormattedDevice> {
  try {
    await reportDeviceFull(dirname(path), `the file system of ${path}`, () => makeExt4(path, DEVICE_LABEL));
  } catch (error) {
    if (error instanceof DeskPodError) throw error;
    throw new DeskPodError('MOUNT_FAILED', `${path}: mkfs.ext4 could not make a file system`, {
      hint: 'the cause says why; a drive that fails to be written may be write-protected or worn out',
      details: { path, sizeBytes },
      cause: error,
    });
  }
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  const superblock = await readSuperblock(path);
  if (superblock === undefined) {
    throw new DeskPodError('MOUNT_FAILED', `${path}: what mkfs.ext4 wrote did not read back`, {
      hint: 'the drive does not keep what is written to it',
      details: { path },
    });
  }
  return { path, sizeBytes, fsUuid: superblock.uuid };
}

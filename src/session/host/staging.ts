// Where a mounted pod stands on its host: the folders below /run/deskpod/<id>, and the memory file system for process images.
import { chmod, chown, lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { ProcessError, run } from '../../sync/process.ts';
import { SHIFTED_ID_START } from '../barrier/bundle.ts';
import { isWithin, mountAt, readMounts } from './mount-table.ts';

/** The one folder below which everything is that a pod puts on its host. /run is emptied at boot. */
export const STAGING_ROOT = '/run/deskpod';

/** Every user may pass through and list nothing: the session's root is one of them on this host. */
const PASSABLE_MODE = 0o711;
/** Only the group may pass, which is that of the session's root: in the session's /tmp lies the socket of its display. */
const SESSION_PASSABLE_MODE = 0o710;
const PRIVATE_MODE = 0o700;

/** As device.ts makes them: what else lies there, such as runc's state of every session, is no staging folder. */
const STAGING_ID = /^[0-9a-f]{16}$/;

/**
 * The places of one mounted pod. `dir` can be passed by the session's root on the way to `mergedDir`, and by no other
 * user; what stands in `privateDir` is root's alone, because the modes on the device are hostile input.
 */
export interface Staging {
  readonly id: string;
  readonly dir: string;
  readonly privateDir: string;
  /** The device's ext4. */
  readonly deviceDir: string;
  /** A tmpfs for process images on their way to or from the device. */
  readonly imagesDir: string;
  /** The base's EROFS. */
  readonly baseDir: string;
  /** Base and layer as one tree: the session's root. */
  readonly mergedDir: string;
  /** Where a restore binds the merged tree. */
  readonly restoreDir: string;
  /** The session's OCI bundle. */
  readonly bundleDir: string;
  readonly supervisorSocket: string;
  /** Held by the process that owns the mounted pod. */
  readonly lockFile: string;
}

/** True if `id` is 16 hexadecimal digits, as the id of every staging folder. */
export function isStagingId(id: string): boolean {
  return STAGING_ID.test(id);
}

/** The places of the staging folder `id`: the same for every process that asks; makes nothing. */
export function stagingOf(id: string): Staging {
  if (!isStagingId(id)) throw new TypeError(`staging id "${id}"`);
  const dir = join(STAGING_ROOT, id);
  const privateDir = join(dir, 'private');
  return {
    id,
    dir,
    privateDir,
    deviceDir: join(privateDir, 'device'),
    imagesDir: join(privateDir, 'images'),
    baseDir: join(dir, 'base'),
    mergedDir: join(dir, 'merged'),
    restoreDir: join(dir, 'restore'),
    bundleDir: join(dir, 'bundle'),
    supervisorSocket: join(privateDir, 'supervisor.sock'),
    lockFile: join(privateDir, 'lock'),
  };
}

/**
 * Makes the folders of a staging folder, those that are missing.
 * @throws DeskPodError MOUNT_FAILED if one of them is not a folder of root's
 */
export async function prepareStaging(id: string): Promise<Staging> {
  const staging = stagingOf(id);
  await makeFolder(STAGING_ROOT, PASSABLE_MODE);
  await makeFolder(staging.dir, SESSION_PASSABLE_MODE);
  await chown(staging.dir, 0, SHIFTED_ID_START);
  await makeFolder(staging.privateDir, PRIVATE_MODE);
  const mounts = await readMounts();
  const { deviceDir, imagesDir, baseDir, mergedDir, restoreDir, bundleDir } = staging;
  for (const dir of [deviceDir, imagesDir]) {
    // A folder that something is mounted on already belongs to what is mounted.
    if (mountAt(mounts, dir) === undefined) await makeFolder(dir, PRIVATE_MODE);
  }
  for (const dir of [baseDir, mergedDir, restoreDir, bundleDir]) {
    if (mountAt(mounts, dir) === undefined) await makeFolder(dir, PASSABLE_MODE);
  }
  return staging;
}

/** What the session of a pod is known by to runc and the kernel. */
export function sessionIdOf({ id }: Staging): string {
  return `deskpod-${id}`;
}

/** The staging folders that exist on this host, in use or left over. */
export async function listStagings(): Promise<Staging[]> {
  try {
    const names = await readdir(STAGING_ROOT);
    return names.filter(isStagingId).map(stagingOf);
  } catch (error) {
    // who may not look in there has no session of his own there either
    if (['ENOENT', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

/**
 * Mounts a tmpfs of at most `sizeBytes` on `dir`, which lies in a folder that only root can enter. Where the kernel can (6.4 and newer) it is
 * never swapped out, as process images are secrets.
 * @returns whether it is kept out of swap
 * @throws DeskPodError MOUNT_FAILED
 */
export async function mountImagesTmpfs(dir: string, sizeBytes: number): Promise<{ isKeptFromSwap: boolean }> {
  // CRIU's half-made processes, whose root is not the host's, open images through a descriptor of this folder: they must
  // be able to pass it. Nobody else gets here, as the folder above it is root's alone.
  const options = `mode=0711,size=${Math.ceil(sizeBytes / 1024)}k,nosuid,nodev,noexec`;
  const mountWith = (all: string) => run('mount', ['-t', 'tmpfs', '-o', all, 'deskpod-images', dir]);
  try {
    await mountWith(`${options},noswap`);
    return { isKeptFromSwap: true };
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error;
  }
  try {
    await mountWith(options);
    return { isKeptFromSwap: false };
  } catch (error) {
    throw new DeskPodError('MOUNT_FAILED', `${dir}: the tmpfs for process images could not be mounted`, {
      details: { dir, sizeBytes },
      cause: error,
    });
  }
}

async function makeFolder(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const found = await lstat(path);
  if (!found.isDirectory() || found.uid !== 0) {
    throw new DeskPodError('MOUNT_FAILED', `${path}: expected a folder of root's, got something else`, {
      hint: 'look at who made it, and remove it',
      details: { path, uid: found.uid },
    });
  }
  await chmod(path, mode);
}

/**
 * Removes a staging folder on which nothing is mounted any more.
 * @returns false, with nothing removed, if something is still mounted somewhere in it
 */
export async function removeStaging({ dir }: Staging): Promise<boolean> {
  const mounts = await readMounts();
  if (mounts.some((mount) => isWithin(mount.mountPoint, dir))) return false;
  await run('rm', ['-rf', '--one-file-system', '--', dir]);
  return true;
}

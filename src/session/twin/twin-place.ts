// The place of a twin on this host: a folder, an image file, or a drive, which is known by its file system wherever it is plugged in.
import { readdir, realpath, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { isTwinUrl, parseHomeUrl, twinUrl } from '../../sync/home/home-url.ts';
import { type DevicePlace, inodePlace } from '../../sync/pod/device-place.ts';
import { keepingHint } from '../../sync/pod/lost-marker.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { MARKER_FILE, REPOSITORY_FOLDER, TREE_POD_DIR } from '../../sync/pod/pod-folder.ts';
import { lockTree } from '../../sync/pod/tree.ts';
import { statusAt } from '../../sync/posix/path-status.ts';
import { abandonDevice, findStaging, mountDevice } from '../device/device.ts';
import { findTarget, findUses } from '../device/device-target.ts';
import { readSuperblock } from '../device/ext4.ts';
import { findDevicePlace } from '../device/medium.ts';

const BY_UUID = '/dev/disk/by-uuid/';

/** A twin's place that this process has for itself. */
export interface TwinPlace {
  /** With every symbolic link followed. */
  readonly path: string;
  /** The folder of marker and repository. */
  readonly dir: string;
  /** What it lies on, by which a copy of it is told from it. */
  findMedium(): Promise<DevicePlace>;
  /** What the place is called among the homes of a pod. */
  readonly url: string;
  freeBytes(): Promise<number>;
  /** Lets go of it: a device can be unplugged then. */
  release(): Promise<void>;
}

/** How a place is taken. */
export interface TakeOptions {
  /** No pod need be there: it was only just formatted, or is an empty folder. */
  readonly isFresh?: boolean;
  /** A repository without its marker will do. */
  readonly isMending?: boolean;
}

/**
 * Takes the folder, image file or drive at `path`.
 *
 * @throws DeskPodError HOME_AWAY if nothing is there, or an empty folder where a drive is mounted at other times;
 * MARKER_DAMAGED for a folder that has lost its marker; POD_BUSY,
 * DEVICE_IN_USE, DEVICE_NOT_A_POD, MOUNT_FAILED, ROOT_NEEDED
 */
export async function takePlace(
  path: string,
  { isFresh = false, isMending = false }: TakeOptions = {},
): Promise<TwinPlace> {
  const found = await findPlace(path);
  if (found === undefined) throw away(path);
  if ((await stat(found)).isDirectory()) {
    const dir = join(found, TREE_POD_DIR);
    if (!isFresh && !(await hasMarker(dir))) {
      if (!(await hasHead(dir))) throw away(path);
      if (!isMending) throw withoutMarker(path, dir);
    }
    const lock = await lockTree(found);
    return {
      path: found,
      dir,
      findMedium: () => inodePlace('folder', dir),
      url: twinUrl(found),
      freeBytes: () => freeBytesOf(dir),
      release: async () => lock.release(),
    };
  }
  const device = await mountDevice(found, { isFresh: isFresh || isMending });
  return {
    path: found,
    dir: device.mountDir,
    findMedium: () => findDevicePlace(found),
    url: await urlOfDevice(found, device.fsUuid),
    freeBytes: () => freeBytesOf(device.mountDir),
    release: async () => {
      try {
        await device.unmount();
      } catch (error) {
        // whoever used it learns from what failed then
        if (!(await abandonDevice(device))) throw error;
      }
    },
  };
}

/** True if the folder or device at `path` is the one that this opened pod, or twin, lies on. */
export async function isPlaceOf(pod: Pod, path: string): Promise<boolean> {
  const found = await findPlace(path);
  if (found === undefined) return false;
  const isFolder = (await stat(found)).isDirectory();
  const dir = isFolder ? join(found, TREE_POD_DIR) : await mountDirOf(found);
  if (dir === undefined || (await statusAt(dir)) === undefined) return false;
  return (await realpath(dir)) === (await realpath(dirname(pod.folder.markerFile)));
}

/** True if both paths lead to the same folder, file or drive, and something is there. */
export async function isSamePlace(path: string, other: string): Promise<boolean> {
  const found = await findPlace(path);
  return found !== undefined && found === (await findPlace(other));
}

/** Where the device at `path` is mounted when it is in use; undefined for what is no device of a pod. */
export async function mountDirOf(path: string): Promise<string | undefined> {
  try {
    return (await findStaging(path)).deviceDir;
  } catch (error) {
    if (isDeskPodError(error)) return undefined;
    throw error;
  }
}

/** True for a drive or an image file, which can only be a twin; false for a folder, and where nothing is. */
export async function isDevice(path: string): Promise<boolean> {
  const found = await statusAt(path);
  return found !== undefined && (found.isBlockDevice() || found.isFile());
}

/** The URL of a device that is or may become a twin: a drive's path is another one each time it is plugged in. */
export async function urlOfDevice(path: string, fsUuid: string): Promise<string> {
  return twinUrl((await stat(path)).isBlockDevice() ? `${BY_UUID}${fsUuid}` : path);
}

/** True if the twin with this URL can be reached from here. Nothing is mounted, and nothing there is proven. */
export async function isTwinHere(url: string): Promise<boolean> {
  const found = await findPlace(pathOf(url));
  if (found === undefined) return false;
  if (!(await stat(found)).isDirectory()) return true;
  const dir = join(found, TREE_POD_DIR);
  return (await hasMarker(dir)) || (await hasHead(dir));
}

/** True for a twin on a device that is plugged in and that nobody has mounted: then it can be unplugged. */
export async function isUnmountedTwin(url: string): Promise<boolean> {
  const found = isTwinUrl(url) ? await findPlace(pathOf(url)) : undefined;
  if (found === undefined || (await stat(found)).isDirectory()) return false;
  return (await findUses(await findTarget(found))).length === 0;
}

/** Which of these homes is meant by what the user typed: its URL, or the path that a twin has just now. */
export async function chooseHomeUrl(urls: readonly string[], typed: string): Promise<string> {
  if (urls.includes(typed) || !typed.startsWith('/')) return typed;
  const wanted = await findPlace(typed);
  for (const url of urls.filter(isTwinUrl)) {
    const path = pathOf(url);
    if (path === typed || (wanted !== undefined && (await findPlace(path)) === wanted)) return url;
  }
  return typed;
}

async function hasMarker(dir: string): Promise<boolean> {
  return (await statusAt(join(dir, MARKER_FILE))) !== undefined;
}

async function hasHead(dir: string): Promise<boolean> {
  return (await statusAt(join(dir, REPOSITORY_FOLDER, 'head'))) !== undefined;
}

function pathOf(url: string): string {
  return parseHomeUrl(url).path;
}

/** With every symbolic link followed; undefined if nothing is there. */
async function findPlace(path: string): Promise<string | undefined> {
  const found = (await statusAt(path)) === undefined ? undefined : await realpath(path);
  if (found !== undefined || !path.startsWith(BY_UUID)) return found;
  // a host without udev has no such links
  return findDrive(path.slice(BY_UUID.length));
}

async function findDrive(fsUuid: string): Promise<string | undefined> {
  for (const name of await readdir('/sys/class/block')) {
    const path = `/dev/${name.replaceAll('!', '/')}`;
    if ((await uuidOn(path)) === fsUuid) return path;
  }
  return undefined;
}

/** Undefined for what has no file system of ours, or cannot be read: a reader without a card in it. */
async function uuidOn(path: string): Promise<string | undefined> {
  try {
    return (await readSuperblock(path))?.uuid;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return undefined;
  }
}

async function freeBytesOf(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize;
}

function away(path: string): DeskPodError {
  return new DeskPodError('HOME_AWAY', `the twin at ${path} is not plugged in`, {
    hint: 'Plug it in, or mount the drive that it lies on, and run `deskpod sync` again.',
    details: { path },
  });
}

function withoutMarker(place: string, dir: string): DeskPodError {
  return new DeskPodError('MARKER_DAMAGED', `${place}: expected the marker of a twin, got nothing`, {
    hint: keepingHint({ markerFile: join(dir, MARKER_FILE), place }),
    details: { path: place },
  });
}

// Who keeps a file system busy: the processes that have its files open, stand in it or have it mounted elsewhere.
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { buildsOn, isWithin, type Mount, mountAt, readMounts } from '../host/mount-table.ts';
import { deviceNumberParts, deviceNumberText } from './device-number.ts';

/** A process that holds something, or this host itself where only a mount does. */
export interface Holder {
  /** Absent if it is a mount of this process's own namespace. */
  readonly pid?: number;
  /** The process's name, or the mount's type. */
  readonly name: string;
  /** What it holds: a path as its own namespace sees it. */
  readonly path: string;
}

/**
 * Finds who holds files of the file system mounted at `mountDir`: open files, current and root folders, programs and
 * mapped files, loop devices, overlays and other mounts, in every mount namespace. Processes that end meanwhile are left out.
 * @param below only what lies below this folder
 */
export async function findHolders(mountDir: string, below: string = mountDir): Promise<Holder[]> {
  const deviceNumber = (await stat(mountDir)).dev;
  const isOverlay = mountAt(await readMounts(), mountDir)?.fsType === 'overlay';
  const holders = await mountHolders(mountDir, below);
  const ownNamespace = await readlink('/proc/self/ns/mnt');
  const seenNamespaces = new Set([ownNamespace]);
  for (const pid of await processIds()) {
    // a file that an overlay has of a lower layer has a device number of its own: where paths mean the same they tell
    const tellsByPath = isOverlay && (await unlessGone(readlink(`/proc/${pid}/ns/mnt`))) === ownNamespace;
    const held = [
      ...(await openPaths(pid, { deviceNumber, mountDir, below, tellsByPath })),
      ...(await mappedPaths(pid, deviceNumber)).filter((path) => isWithin(path, below)),
      ...(await foreignMounts(pid, deviceNumber, below, seenNamespaces)),
    ];
    const path = held[0];
    if (path !== undefined) holders.push({ pid, name: await nameOf(pid), path });
  }
  return holders;
}

/** The processes in whose mount namespace a file system is mounted, one of each namespace; this one's too. */
export async function findMountHolders(deviceNumber: string): Promise<Holder[]> {
  const seenNamespaces = new Set<string>();
  const holders: Holder[] = [];
  for (const pid of await processIds()) {
    const namespace = await unlessGone(readlink(`/proc/${pid}/ns/mnt`));
    if (namespace === undefined || seenNamespaces.has(namespace)) continue;
    seenNamespaces.add(namespace);
    const mounts = (await unlessGone(readMounts(pid))) ?? [];
    const held = mounts.find((mount) => mount.deviceNumber === deviceNumber);
    if (held !== undefined) holders.push({ pid, name: await nameOf(pid), path: held.mountPoint });
  }
  return holders;
}

/** Holders as one phrase for a message: `vim (pid 12) with /a/b, overlay on /c`. */
export function holdersText(holders: readonly Holder[]): string {
  const shown = holders
    .slice(0, 5)
    .map(({ pid, name, path }) =>
      pid === undefined ? `${name} on ${path}` : `${name} (pid ${pid}) with ${path}`,
    );
  const rest = holders.length - shown.length;
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ');
}

/** What this process's own namespace has mounted on, over or out of `below`; loop devices on its files too. */
export async function mountHolders(mountDir: string, below: string = mountDir): Promise<Holder[]> {
  const mounts = await readMounts();
  const holders: Holder[] = mounts
    .filter((mount) => isMountBelow(mount, mountDir, below) || buildsOn(mount, below))
    .map((mount) => ({ name: mount.fsType, path: mount.mountPoint }));
  for (const { name, backingFile } of await loopDevices()) {
    if (!isWithin(backingFile, below)) continue;
    const mounted = mounts.find((mount) => mount.source === `/dev/${name}`);
    holders.push({
      name: `loop device ${name} of ${backingFile}`,
      path: mounted?.mountPoint ?? `/dev/${name}`,
    });
  }
  return holders;
}

/** The loop devices that have a file behind them; a removed file's path ends in ` (deleted)`. */
export async function loopDevices(): Promise<{ name: string; backingFile: string }[]> {
  const found: { name: string; backingFile: string }[] = [];
  for (const name of (await readdir('/sys/block')).filter((entry) => entry.startsWith('loop'))) {
    const backingFile = await unlessGone(readFile(`/sys/block/${name}/loop/backing_file`, 'utf8'));
    if (backingFile !== undefined) found.push({ name, backingFile: backingFile.replace(/\n$/, '') });
  }
  return found;
}

function isMountBelow(mount: Mount, mountDir: string, below: string): boolean {
  return mount.mountPoint !== mountDir && isWithin(mount.mountPoint, below);
}

async function processIds(): Promise<number[]> {
  return (await readdir('/proc')).map(Number).filter((pid) => pid > 0);
}

/** Which open files count. */
interface Place {
  readonly deviceNumber: number;
  readonly mountDir: string;
  readonly below: string;
  /** A file below counts whatever its device. */
  readonly tellsByPath: boolean;
}

async function openPaths(
  pid: number,
  { deviceNumber, mountDir, below, tellsByPath }: Place,
): Promise<string[]> {
  const descriptors = (await unlessGone(readdir(`/proc/${pid}/fd`))) ?? [];
  const found: string[] = [];
  for (const link of ['cwd', 'root', 'exe', ...descriptors.map((fd) => `fd/${fd}`)]) {
    const path = await unlessGone(readlink(`/proc/${pid}/${link}`));
    // Only real paths: looking through a link to a pipe or socket tells nothing, and each look costs.
    if (path === undefined || !path.startsWith('/') || path.startsWith('/dev/')) continue;
    const target = await unlessGone(stat(`/proc/${pid}/${link}`));
    if (target?.dev !== deviceNumber && !(tellsByPath && isWithin(path, below))) continue;
    // In another namespace the same file has another path: that counts, a file elsewhere on this mount does not.
    if (isWithin(path, below) || !isWithin(path, mountDir)) found.push(path);
  }
  return found;
}

async function mappedPaths(pid: number, deviceNumber: number): Promise<string[]> {
  const maps = (await unlessGone(readFile(`/proc/${pid}/maps`, 'utf8'))) ?? '';
  const { major, minor } = deviceNumberParts(deviceNumber);
  // In a maps file the two parts are hexadecimal, of two digits at least.
  const wanted = [major, minor].map((part) => part.toString(16).padStart(2, '0')).join(':');
  return maps
    .split('\n')
    .map((line) => line.split(/ +/))
    .filter((fields) => fields[3] === wanted)
    .map((fields) => fields.slice(5).join(' '));
}

/** Mounts of the same file system, or overlays out of it, in a namespace that was not looked at yet. */
async function foreignMounts(
  pid: number,
  deviceNumber: number,
  below: string,
  seenNamespaces: Set<string>,
): Promise<string[]> {
  const namespace = await unlessGone(readlink(`/proc/${pid}/ns/mnt`));
  if (namespace === undefined || seenNamespaces.has(namespace)) return [];
  seenNamespaces.add(namespace);
  const wanted = deviceNumberText(deviceNumber);
  return ((await unlessGone(readMounts(pid))) ?? [])
    .filter((mount) => mount.deviceNumber === wanted || buildsOn(mount, below))
    .map((mount) => mount.mountPoint);
}

async function nameOf(pid: number): Promise<string> {
  return (await unlessGone(readFile(`/proc/${pid}/comm`, 'utf8')))?.trim() ?? 'a process';
}

/** Processes and loop devices come and go while they are looked at; what is gone holds nothing. */
async function unlessGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (['ENOENT', 'ESRCH', 'EACCES', 'EINVAL', 'ENXIO', 'ENODEV', 'ENOTDIR'].includes(code))
      return undefined;
    throw error;
  }
}

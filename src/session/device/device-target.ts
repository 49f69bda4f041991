// What a device's path leads to: a block device or an image file, how large it is, what is on it and who uses it.
import { constants } from 'node:fs';
import { open, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { DeskPodError } from '../../core/errors.ts';
import { ProcessError, run } from '../../sync/process.ts';
import { type Mount, readMounts } from '../host/mount-table.ts';
import { deviceNumberText } from './device-number.ts';
import { findHolders, type Holder, holdersText } from './holders.ts';
import { loopRows } from './loop-rows.ts';

/** A block device or image file that exists. */
export interface DeviceTarget {
  readonly kind: 'block' | 'image';
  /** With every symbolic link followed. */
  readonly path: string;
  /** `major:minor` of a block device; of an image, the file system it lies on and its inode. */
  readonly identity: string;
  readonly sizeBytes: number;
  /** An image file none of which was ever written. */
  readonly isBlank: boolean;
}

/**
 * Looks at what stands at `path`.
 * @throws DeskPodError DEVICE_NOT_FOUND if there is nothing, or neither a block device nor a file
 */
export async function findTarget(path: string): Promise<DeviceTarget> {
  const found = await resolve(path);
  const status = await stat(found);
  if (status.isBlockDevice()) {
    const identity = deviceNumberText(status.rdev);
    const sectors = await readFile(`/sys/dev/block/${identity}/size`, 'latin1');
    return { kind: 'block', path: found, identity, sizeBytes: Number(sectors) * 512, isBlank: false };
  }
  if (status.isFile()) {
    const identity = `${deviceNumberText(status.dev)}/${status.ino}`;
    return { kind: 'image', path: found, identity, sizeBytes: status.size, isBlank: status.blocks === 0 };
  }
  throw new DeskPodError(
    'DEVICE_NOT_FOUND',
    `${path}: expected a block device or an image file, got neither`,
    {
      details: { path },
    },
  );
}

/**
 * Every use of a target on this host, in words: mounts of it or its partitions, swap, what device-mapper or md built
 * on it, loop devices of an image. Empty if it is free.
 */
export async function findUses(target: DeviceTarget): Promise<string[]> {
  if (target.kind === 'image') {
    return (await loopsOf(target)).map(({ uses }) => uses);
  }
  const uses: string[] = [];
  for (const number of [target.identity, ...(await partitionNumbers(target))])
    uses.push(...(await usesOf(number)));
  if (uses.length === 0 && !(await canOpenAlone(target.path)))
    uses.push('opened by something else on this host');
  return uses;
}

/** What uses a target and which processes have files of it open, as one phrase; undefined if it is free. */
export async function describeUses(target: DeviceTarget): Promise<string | undefined> {
  const uses = await findUses(target);
  if (uses.length === 0) return undefined;
  const holders: Holder[] = [];
  for (const { mountPoint } of await mountsOf(target)) holders.push(...(await findHolders(mountPoint)));
  const who = holders.length === 0 ? '' : ` by ${holdersText(holders)}`;
  return `in use: ${uses.join(', ')}${who}`;
}

/**
 * Refuses a target that is in use.
 * @throws DeskPodError DEVICE_IN_USE naming every use, and who has files of it open
 */
export async function requireUnused(target: DeviceTarget): Promise<void> {
  const uses = await findUses(target);
  if (uses.length === 0) return;
  throw new DeskPodError('DEVICE_IN_USE', `${target.path}: ${(await describeUses(target)) ?? 'in use'}`, {
    hint: 'unmount it or stop what uses it, then try again',
    details: { path: target.path, uses },
  });
}

/** Where a target, its partitions or its loop devices are mounted in this process's namespace. */
export async function mountsOf(target: DeviceTarget): Promise<Mount[]> {
  const mounts = await readMounts();
  if (target.kind === 'image') {
    const loops = new Set((await loopsOf(target)).map(({ name }) => `/dev/${name}`));
    return mounts.filter(({ source }) => loops.has(source));
  }
  const numbers = new Set([target.identity, ...(await partitionNumbers(target))]);
  return mounts.filter(({ deviceNumber }) => numbers.has(deviceNumber));
}

/** What `blkid -p` sees on a target, as one phrase (`ext4 "photos"`, `a gpt partition table`); `undefined` if nothing. */
export async function describeContents(path: string): Promise<string | undefined> {
  let text: string;
  try {
    text = (await run('blkid', ['-p', '-o', 'export', path])).stdout;
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error;
    // 2: nothing was recognized. 8: several things claim to be there.
    if (error.exitCode === 2) return undefined;
    if (error.exitCode === 8) return 'several file systems or partition tables over one another';
    throw error;
  }
  const tags = new Map(
    text.split('\n').map((line) => [line.split('=')[0], line.slice(line.indexOf('=') + 1)]),
  );
  const label = tags.get('LABEL') ?? '';
  const parts: string[] = [];
  const type = tags.get('TYPE');
  if (type !== undefined) parts.push(label === '' ? type : `${type} "${label.replaceAll('\\ ', ' ')}"`);
  const table = tags.get('PTTYPE');
  if (table !== undefined) parts.push(`a ${table} partition table`);
  return parts.length === 0 ? undefined : parts.join(' and ');
}

/** The loop devices of an image file. */
export async function loopsOf(image: DeviceTarget): Promise<{ name: string; uses: string }[]> {
  const rows = (await loopRows()).filter(
    ({ backingIdentity, backingPath }) => backingIdentity === image.identity || backingPath === image.path,
  );
  const mounts = await readMounts();
  return rows.map(({ name }) => {
    const mount = mounts.find(({ source }) => source === `/dev/${name}`);
    const where = mount === undefined ? '' : `, mounted on ${mount.mountPoint}`;
    return { name, uses: `attached to /dev/${name}${where}` };
  });
}

async function resolve(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    throw new DeskPodError('DEVICE_NOT_FOUND', `${path}: there is no such device or image file`, {
      hint: path.startsWith('/dev/') ? 'plug it in; `lsblk` lists the drives of this host' : 'check the path',
      details: { path },
      cause: error,
    });
  }
}

async function usesOf(deviceNumber: string): Promise<string[]> {
  const sysDir = `/sys/dev/block/${deviceNumber}`;
  const name = /^DEVNAME=(.*)$/m.exec(await readFile(`${sysDir}/uevent`, 'utf8'))?.[1] ?? deviceNumber;
  const mounted = (await readMounts())
    .filter((mount) => mount.deviceNumber === deviceNumber || mount.source === `/dev/${name}`)
    .map((mount) => `/dev/${name} mounted on ${mount.mountPoint}`);
  const holders = (await readdir(`${sysDir}/holders`)).map((holder) => `/dev/${name} part of /dev/${holder}`);
  const swaps = (await readFile('/proc/swaps', 'utf8'))
    .split('\n')
    .some((line) => line.startsWith(`/dev/${name} `));
  return [...mounted, ...holders, ...(swaps ? [`/dev/${name} used as swap`] : [])];
}

async function partitionNumbers(target: DeviceTarget): Promise<string[]> {
  const sysDir = `/sys/dev/block/${target.identity}`;
  const found: string[] = [];
  for (const entry of await readdir(sysDir, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const names = await readdir(`${sysDir}/${entry.name}`);
    if (!names.includes('partition')) continue;
    found.push((await readFile(`${sysDir}/${entry.name}/dev`, 'latin1')).trim());
  }
  return found;
}

/** Exclusive open is how the kernel itself tells: it fails while a mount or a mapping anywhere holds the device. */
async function canOpenAlone(path: string): Promise<boolean> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_EXCL);
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw error;
  }
}

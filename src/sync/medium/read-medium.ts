// What a place lies on, as the kernel tells it: how its drive takes requests, and whether it is one of this computer.
import { readdirSync, readFileSync, realpathSync, type Stats, statfsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { MediumFacts } from '../../core/side-by-side.ts';

/** File systems of other computers, by the magic of statfs(2). */
const REMOTE_MAGIC = new Set([
  0x6969, // nfs
  0xff534d42, // cifs
  0xfe534d42, // smb2 and later
  0x00c36400, // ceph
  0x5346414f, // afs
  0x01021997, // 9p
  0x65735546, // fuse without a device: of those that hold a home or pod, nearly all lead to another computer
]);
const UNKNOWN: MediumFacts = {
  isRemote: false,
  isRotational: undefined,
  isRemovable: false,
  queueDepth: undefined,
};
const REMOTE: MediumFacts = { ...UNKNOWN, isRemote: true };
/** A loop device on a file on a dm device on a partition, and so on. */
const DEPTH_MAX = 8;
const PLUGGED = /\/(?:usb\d+|mmc_host|firewire|pcmcia)(?:\/|$)/;
/** Of the drives of a virtual machine the kernel says that they spin, whatever they are. */
const VIRTUAL = /\/(?:virtio\d+|vbd-\d+|vmbus|xen)(?:\/|$)|\/VMBUS:/;

/**
 * Reads what the file, folder or block device at `path` lies on; what is not there yet is to lie where its folder does. What
 * the kernel does not say is unknown: nothing is thrown.
 *
 * @param sysDir where the kernel lists devices
 */
export function readMedium(path: string, sysDir = '/sys'): MediumFacts {
  return readPlace(path, sysDir, DEPTH_MAX);
}

function readPlace(path: string, sysDir: string, depth: number): MediumFacts {
  const found = nearest(path);
  if (found === undefined || depth === 0) return UNKNOWN;
  const { dev, rdev } = found.stats;
  const [major, minor] = numbersOf(found.stats.isBlockDevice() ? rdev : dev);
  if (major !== 0) return readDevice(`${major}:${minor}`, sysDir, depth);
  // the kernel makes up the number of what has no device
  const magic = ifThere(() => statfsSync(found.path).type >>> 0);
  return magic !== undefined && REMOTE_MAGIC.has(magic) ? REMOTE : UNKNOWN;
}

function nearest(path: string): { readonly path: string; readonly stats: Stats } | undefined {
  for (let at = path; ; at = dirname(at)) {
    const stats = ifThere(() => statSync(at));
    if (stats !== undefined) return { path: at, stats };
    if (dirname(at) === at) return undefined;
  }
}

function readDevice(numbers: string, sysDir: string, depth: number): MediumFacts {
  const place = ifThere(() => realpathSync(join(sysDir, 'dev/block', numbers)));
  if (place === undefined) return UNKNOWN;
  return readDrive(textOf(place, 'partition') === undefined ? place : dirname(place), sysDir, depth);
}

/** As glibc splits a dev_t. */
function numbersOf(number: number): [major: number, minor: number] {
  const device = BigInt(number);
  const major = ((device >> 32n) & 0xfffff000n) | ((device >> 8n) & 0xfffn);
  const minor = ((device >> 12n) & 0xffffff00n) | (device & 0xffn);
  return [Number(major), Number(minor)];
}

function readDrive(place: string, sysDir: string, depth: number): MediumFacts {
  const file = textOf(place, 'loop/backing_file');
  if (file !== undefined) return readPlace(file, sysDir, depth - 1);
  const below = ifThere(() => readdirSync(join(place, 'slaves'))) ?? [];
  if (below.length > 0 && depth > 0) {
    return slowestOf(
      below.map((name) => {
        const slave = ifThere(() => realpathSync(join(place, 'slaves', name)));
        return slave === undefined ? UNKNOWN : readDrive(slave, sysDir, depth - 1);
      }),
    );
  }
  const rotational = textOf(place, 'queue/rotational');
  const queueDepth = Number(textOf(place, 'device/queue_depth') ?? Number.NaN);
  return {
    isRemote: false,
    isRotational: rotational === undefined || VIRTUAL.test(place) ? undefined : rotational === '1',
    isRemovable:
      textOf(place, 'removable') === '1' || PLUGGED.test(place) || basename(place).startsWith('mmcblk'),
    queueDepth: Number.isInteger(queueDepth) && queueDepth > 0 ? queueDepth : undefined,
  };
}

/** What is made of several drives waits for the slowest of them. */
function slowestOf(drives: readonly MediumFacts[]): MediumFacts {
  const depths = drives.flatMap(({ queueDepth }) => queueDepth ?? []);
  const spins = drives.map(({ isRotational }) => isRotational);
  return {
    isRemote: drives.some(({ isRemote }) => isRemote),
    isRotational: spins.includes(true) ? true : spins.includes(undefined) ? undefined : false,
    isRemovable: drives.some(({ isRemovable }) => isRemovable),
    queueDepth: depths.length === 0 ? undefined : Math.min(...depths),
  };
}

function textOf(place: string, name: string): string | undefined {
  const text = ifThere(() => readFileSync(join(place, name), 'utf8').trim());
  return text === '' ? undefined : text;
}

/** Drives come and go while they are looked at, and the work itself says so; undefined for what is not there. */
function ifThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return undefined;
  }
}

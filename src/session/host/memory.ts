// How much memory there is for a session and its images: of this host, and of the control groups that this process is in.
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { isSystemError } from '../../sync/repository/durable-file.ts';
import { isWithin, readMounts } from './mount-table.ts';

const MEBIBYTE = 2 ** 20;
/** Images are in memory beside the processes that are made of them. */
const COPIES = 2;
/** What CRIU and whoever stores its images take besides: threads that are still starting when this is asked, for one. */
const RESERVE_BYTES = 96 * MEBIBYTE;

/** Memory that could still be had. */
export interface FreeMemory {
  readonly freeBytes: number;
  /** The folder of the control group that leaves no more; undefined if that is the host. */
  readonly group: string | undefined;
}

/**
 * Looks whether the processes of images this long fit into the memory that can be had here.
 * @throws DeskPodError HOST_UNSUPPORTED
 */
export async function requireMemory(imageBytes: number): Promise<void> {
  const free = await freeMemory();
  if (COPIES * imageBytes > free.freeBytes) throw tooLittleMemory(imageBytes, free);
}

/** The HOST_UNSUPPORTED of a session whose images and processes do not fit into the memory here. */
export function tooLittleMemory(
  imageBytes: number,
  { freeBytes, group }: FreeMemory,
  cause?: unknown,
): DeskPodError {
  const neededBytes = COPIES * imageBytes;
  const mebibytes = (bytes: number): string => `${Math.ceil(bytes / MEBIBYTE)} MiB`;
  const whose = group === undefined ? 'this host has' : `the control group ${group} leaves`;
  const cure =
    group === undefined
      ? 'End other programs of this host'
      : 'Raise the limit of that group, or start from a shell outside of it';
  return new DeskPodError(
    'HOST_UNSUPPORTED',
    `the session needs ${mebibytes(neededBytes)} of free memory to be resumed, and ${whose} ${mebibytes(freeBytes)}`,
    {
      hint: `${cure}; or start afresh here, with all files: deskpod start --fresh.`,
      details: { neededBytes, freeBytes, group },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

/**
 * How long images may become before the kernel would end programs for them, in bytes: a file system that is full lets the
 * session go on, which being ended does not. They are not swapped themselves, but may push out what can be.
 */
export async function roomForImages(): Promise<number> {
  const swapBytes = await readMeminfo('SwapFree');
  const { freeBytes } = await freeMemory(swapBytes ?? 0);
  return Math.max(freeBytes - RESERVE_BYTES, MEBIBYTE);
}

/** @param swapBytes what of the host's memory can be had by swapping besides */
export async function freeMemory(swapBytes = 0): Promise<FreeMemory> {
  const availableBytes = await readMeminfo('MemAvailable');
  let least: FreeMemory = {
    freeBytes: availableBytes === undefined ? Number.POSITIVE_INFINITY : availableBytes + swapBytes,
    group: undefined,
  };
  for (const group of await memoryGroups()) {
    const freeBytes = await freeIn(group);
    if (freeBytes < least.freeBytes) least = { freeBytes, group };
  }
  return least;
}

async function readMeminfo(name: string): Promise<number | undefined> {
  const text = await readFile('/proc/meminfo', 'latin1');
  const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

/** The folders of the groups that count this process's memory, the innermost first, in each hierarchy that may do so. */
async function memoryGroups(): Promise<readonly string[]> {
  const lines = (await readFile('/proc/self/cgroup', 'utf8')).split('\n');
  const pathIn = (isHierarchy: (controllers: readonly string[]) => boolean): string | undefined => {
    const fields = lines.map((line) => /^\d+:([^:]*):(.*)$/.exec(line));
    return fields.find((field) => field !== null && isHierarchy((field[1] ?? '').split(',')))?.[2];
  };
  const paths: Readonly<Record<string, string | undefined>> = {
    cgroup: pathIn((controllers) => controllers.includes('memory')),
    cgroup2: pathIn(([first]) => first === ''),
  };
  const found: string[] = [];
  for (const { fsType, mountPoint, fsOptions } of await readMounts()) {
    const path = paths[fsType];
    if (path === undefined || (fsType === 'cgroup' && !fsOptions.includes('memory'))) continue;
    for (let dir = join(mountPoint, path); isWithin(dir, mountPoint); dir = dirname(dir)) found.push(dir);
  }
  return found;
}

/** What may still be taken in a group, with the files that the kernel would give up for it; no end without a limit. */
async function freeIn(group: string): Promise<number> {
  const read = (name: string) => readIfThere(join(group, name));
  const [limit, used] = [
    (await read('memory.max')) ?? (await read('memory.limit_in_bytes')),
    (await read('memory.current')) ?? (await read('memory.usage_in_bytes')),
  ];
  const limitBytes = Number(limit);
  if (limit === undefined || used === undefined || !Number.isFinite(limitBytes))
    return Number.POSITIVE_INFINITY;
  const stat = (await read('memory.stat')) ?? '';
  // of version 1 the names with `total_` count the groups within
  const cachedBytes = ['inactive_file', 'active_file'].reduce((sum, name) => {
    const value =
      new RegExp(`^total_${name} (\\d+)`, 'm').exec(stat) ?? new RegExp(`^${name} (\\d+)`, 'm').exec(stat);
    return sum + Number(value?.[1] ?? 0);
  }, 0);
  return Math.max(limitBytes - Number(used) + cachedBytes, 0);
}

/** Undefined where there is no such file: the root of a hierarchy has no limit, and paths may be of another's view. */
async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'latin1')).trim();
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

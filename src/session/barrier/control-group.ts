// The control group of a session, which is its own and no unit's of the host, and keeps it to its limits: version 2 first, else 1.
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DeskPodError } from '../../core/errors.ts';
import type { SessionLimits } from '../../core/session-limits.ts';
import { isSystemError } from '../../sync/repository/durable-file.ts';
import { readMounts } from '../host/mount-table.ts';

/** The kernel lets go of a group's last process a moment after that has ended. */
const EMPTY_TIMEOUT_MS = 5000;
const EMPTY_POLL_MS = 10;
const CPU_PERIOD_US = 100_000;
const MEBIBYTE = 2 ** 20;

/** What the kernel calls what it limits. */
type Controller = 'memory' | 'pids' | 'cpu';

/** A tree of groups that is mounted on this host. */
interface Hierarchy {
  readonly version: 1 | 2;
  readonly mountPoint: string;
  readonly controllers: readonly string[];
}

/** A session's group, in each of the hierarchies that it is to have one in. */
export interface ControlGroup {
  readonly limits: SessionLimits;
  /** All of its folders. */
  readonly places: readonly string[];
  /** Where each controller has its files. */
  readonly dirs: Readonly<Partial<Record<Controller, string>>>;
  readonly versions: Readonly<Partial<Record<Controller, 1 | 2>>>;
}

/**
 * The group of a session below the root of each hierarchy. In two steps: as the outer one hands its controllers down, whoever
 * owns the hierarchy's root (systemd, mostly) cannot take them away while the session runs.
 */
export function controlGroupPath(sessionId: string): string {
  return `/${sessionId}/session`;
}

/**
 * Makes the group, with no limit yet. A session without limits has one, too: systemd ends what is in the group of a unit
 * together with the unit, and the session outlives the terminal or the service that it was started from.
 * @throws DeskPodError HOST_UNSUPPORTED naming what this host cannot limit; nothing is left then
 */
export async function makeControlGroup(sessionId: string, limits: SessionLimits): Promise<ControlGroup> {
  const hierarchies = await readHierarchies();
  const places = new Set<string>();
  const dirs: Partial<Record<Controller, string>> = {};
  const versions: Partial<Record<Controller, 1 | 2>> = {};
  try {
    for (const hierarchy of hierarchies.filter(tellsUnits)) {
      const dir = dirIn(hierarchy, sessionId);
      await mkdir(dir, { recursive: true, mode: 0o755 }).catch((cause: unknown) => {
        throw noGroup(dir, cause);
      });
      places.add(dir);
    }
    for (const controller of neededBy(limits)) {
      const hierarchy = hierarchies.find(({ controllers }) => controllers.includes(controller));
      if (hierarchy === undefined) throw cannotLimit(controller);
      const dir = await makeDir(hierarchy, sessionId, controller);
      places.add(dir);
      dirs[controller] = dir;
      versions[controller] = hierarchy.version;
    }
  } catch (error) {
    await removeControlGroup(sessionId);
    throw error;
  }
  return { limits, places: [...places], dirs, versions };
}

/** Files to which whoever writes its process id (or 0, for itself) joins the group. */
export function joiningFiles({ places }: ControlGroup): readonly string[] {
  return places.map((dir) => join(dir, 'cgroup.procs'));
}

/**
 * Puts the limits into force, for the processes that are in the group, too.
 * @throws DeskPodError RESUME_FAILED if these have more memory than they may
 */
export async function enforceLimits({ limits, dirs, versions }: ControlGroup): Promise<void> {
  const { memoryBytes, processCount, processorCount } = limits;
  const write = (controller: Controller, name: string, text: string) =>
    writeFile(join(dirs[controller] ?? '', name), text);
  if (processCount !== undefined) await write('pids', 'pids.max', `${processCount}`);
  if (processorCount !== undefined) {
    const quotaUs = Math.round(processorCount * CPU_PERIOD_US);
    if (versions.cpu === 2) await write('cpu', 'cpu.max', `${quotaUs} ${CPU_PERIOD_US}`);
    else {
      await write('cpu', 'cpu.cfs_period_us', `${CPU_PERIOD_US}`);
      await write('cpu', 'cpu.cfs_quota_us', `${quotaUs}`);
    }
  }
  if (memoryBytes === undefined) return;
  const dir = dirs.memory ?? '';
  if (versions.memory === 1) await limitMemory1(dir, memoryBytes);
  else await limitMemory2(dir, memoryBytes);
}

/** Takes the group of a session away, whose processes have ended. Nothing happens if there is none. */
export async function removeControlGroup(sessionId: string): Promise<void> {
  for (const { mountPoint } of await readHierarchies()) {
    for (const path of [controlGroupPath(sessionId), `/${sessionId}`]) {
      await removeDir(`${mountPoint}${path}`);
    }
  }
}

/** What of a session this host could limit: `memory (version 2)`. */
export async function limitableHere(): Promise<readonly string[]> {
  const hierarchies = await readHierarchies();
  return Object.values(CONTROLLERS).flatMap((controller) => {
    const found = hierarchies.find(({ controllers }) => controllers.includes(controller));
    return found === undefined ? [] : [`${controller} (version ${found.version})`];
  });
}

const CONTROLLERS: Readonly<Record<keyof SessionLimits, Controller>> = {
  memoryBytes: 'memory',
  processCount: 'pids',
  processorCount: 'cpu',
};

function neededBy(limits: SessionLimits): readonly Controller[] {
  const names = Object.keys(CONTROLLERS) as (keyof SessionLimits)[];
  return names.filter((name) => limits[name] !== undefined).map((name) => CONTROLLERS[name]);
}

/**
 * Each once, where it was mounted first: who has a chroot may have all of /sys in there, too, for a while. Those of version 2
 * first: a controller is in one hierarchy only, whatever else lists it.
 */
async function readHierarchies(): Promise<readonly Hierarchy[]> {
  const found: Hierarchy[] = [];
  const seen = new Set<string>();
  for (const { deviceNumber, fsType, mountPoint, fsOptions } of await readMounts()) {
    if (seen.has(deviceNumber)) continue;
    if (fsType === 'cgroup' || fsType === 'cgroup2') seen.add(deviceNumber);
    if (fsType === 'cgroup') found.push({ version: 1, mountPoint, controllers: fsOptions });
    if (fsType !== 'cgroup2') continue;
    const text = await readFile(join(mountPoint, 'cgroup.controllers'), 'latin1');
    found.unshift({ version: 2, mountPoint, controllers: text.trim().split(' ') });
  }
  return found;
}

/** True of a hierarchy by which systemd knows the processes of a unit. */
function tellsUnits({ version, controllers }: Hierarchy): boolean {
  return version === 2 || controllers.includes('name=systemd');
}

function dirIn({ mountPoint }: Hierarchy, sessionId: string): string {
  return `${mountPoint}${controlGroupPath(sessionId)}`;
}

async function makeDir(hierarchy: Hierarchy, sessionId: string, controller: Controller): Promise<string> {
  const { version, mountPoint } = hierarchy;
  const dir = dirIn(hierarchy, sessionId);
  try {
    await mkdir(dir, { recursive: true, mode: 0o755 });
    if (version === 2) {
      for (const parent of [mountPoint, `${mountPoint}/${sessionId}`])
        await writeFile(join(parent, 'cgroup.subtree_control'), `+${controller}`);
    }
  } catch (cause) {
    throw cannotLimit(controller, cause);
  }
  return dir;
}

async function limitMemory1(dir: string, memoryBytes: number): Promise<void> {
  try {
    await writeFile(join(dir, 'memory.limit_in_bytes'), `${memoryBytes}`);
  } catch (cause) {
    if (!isSystemError(cause, 'EBUSY')) throw cause;
    throw tooLarge(Number(await readFile(join(dir, 'memory.usage_in_bytes'), 'latin1')), memoryBytes, cause);
  }
  // What is swapped out counts, too; a kernel without accounting of swap has no such file.
  await writeIfThere(join(dir, 'memory.memsw.limit_in_bytes'), `${memoryBytes}`);
}

async function limitMemory2(dir: string, memoryBytes: number): Promise<void> {
  const stat = await readFile(join(dir, 'memory.stat'), 'latin1');
  const usedBytes = ['anon', 'shmem'].reduce(
    (sum, name) => sum + Number(new RegExp(`^${name} (\\d+)`, 'm').exec(stat)?.[1] ?? 0),
    0,
  );
  // The kernel itself would end processes until they fit.
  if (usedBytes > memoryBytes) throw tooLarge(usedBytes, memoryBytes);
  await writeIfThere(join(dir, 'memory.swap.max'), '0');
  await writeFile(join(dir, 'memory.max'), `${memoryBytes}`);
}

async function writeIfThere(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'r+' });
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
  }
}

async function removeDir(dir: string): Promise<void> {
  for (const deadlineMs = performance.now() + EMPTY_TIMEOUT_MS; ; await delay(EMPTY_POLL_MS)) {
    try {
      await rmdir(dir);
      return;
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return;
      if (!isSystemError(error, 'EBUSY')) throw error;
      if (performance.now() < deadlineMs) continue;
      throw new DeskPodError(
        'SESSION_LOST',
        `processes of the session do not leave its control group ${dir}`,
        {
          hint: 'A program waits for the drive: reconnect it, or restart this host.',
          details: { dir },
          cause: error,
        },
      );
    }
  }
}

function noGroup(dir: string, cause: unknown): DeskPodError {
  return new DeskPodError('HOST_UNSUPPORTED', `${dir}: this host lets nobody make a control group`, {
    hint: 'Mount it writable: `mount -o remount,rw` with the folder that the control groups are mounted on.',
    details: { dir },
    cause,
  });
}

function cannotLimit(controller: Controller, cause?: unknown): DeskPodError {
  const what = { memory: 'memory', pids: 'number of processes', cpu: 'time of processors' }[controller];
  return new DeskPodError(
    'HOST_UNSUPPORTED',
    `this host cannot limit the ${what} of a session: it has no control group with ${controller}`,
    {
      hint: 'Mount it (`mount -t cgroup2 none /sys/fs/cgroup`), or let the pod go without: `deskpod limit`.',
      details: { controller },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

function tooLarge(usedBytes: number, memoryBytes: number, cause?: unknown): DeskPodError {
  const mebibytes = (bytes: number) => `${Math.ceil(bytes / MEBIBYTE)} MiB`;
  return new DeskPodError(
    'RESUME_FAILED',
    `the session has ${mebibytes(usedBytes)} of memory, and is limited to ${mebibytes(memoryBytes)}`,
    {
      hint: 'Raise the limit with `deskpod limit --memory`, and start again.',
      details: { usedBytes, memoryBytes },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

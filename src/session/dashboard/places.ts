// Where pods are on this computer: in use, watched, asked for, plugged in. Nothing is mounted, and nothing found is proven.
import { createHash } from 'node:crypto';
import { readdir, readFile, realpath, statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { toHex } from '../../core/bytes.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { type Marker, peekMarker } from '../../core/marker.ts';
import { MARKER_FILE, TREE_POD_DIR } from '../../sync/pod/pod-folder.ts';
import { statusAt } from '../../sync/posix/path-status.ts';
import { ProcessError, run } from '../../sync/process.ts';
import { readMarkerFile } from '../../sync/repository/plain-file.ts';
import { withScratchFolder } from '../../sync/scratch-folder.ts';
import { findStaging } from '../device/device.ts';
import { MARKER_NAME } from '../device/device-content.ts';
import { findTarget } from '../device/device-target.ts';
import { loopDevices } from '../device/holders.ts';
import { type Mount, mountAt, readMounts } from '../host/mount-table.ts';
import { listStagings, STAGING_ROOT } from '../host/staging.ts';
import { findTreeSocket } from '../supervisor/tree-socket.ts';
import type { Space } from './contract.ts';
import { SlowDrives } from './slow-drives.ts';

/** A place with a pod. */
export interface Place {
  /** 16 hexadecimal digits: the same for as long as it is plugged in. */
  readonly id: string;
  readonly kind: 'device' | 'folder';
  /** As a command takes it. */
  readonly path: string;
  /** Where marker and repository can be read now; undefined for a device that is not mounted. */
  readonly plainDir: string | undefined;
  readonly supervisorSocket: string | undefined;
  /** Proven by nothing; undefined if it cannot be read. */
  readonly marker: Pick<Marker, 'kind' | 'isTwin' | 'epoch'> & { readonly podId: string };
  readonly space: Space | undefined;
  /** Of a device. */
  readonly sizeBytes: number | undefined;
}

/** What was looked for in vain, and why. */
export interface PlaceFault {
  readonly path: string;
  readonly error: unknown;
}

const DEBUGFS_TIMEOUT_MS = 10_000;
/** Of 512 bytes. */
const MARKER_MOST_BLOCKS = 8;
const WATCHED_SOCKET = `/${TREE_POD_DIR}/supervisor.sock`;
/** Names of block devices that are no drives: what is on a loop device is found by its image file, once that is in use. */
const NO_DRIVE = /^(?:loop|ram|zram|dm-|md|sr|fd)/;

/** What this computer calls itself. */
export function hostName(): string {
  return hostname();
}

/** Looks for pods. It remembers markers of devices that are not mounted, as reading one takes a program. */
export class Places {
  /** Also those of pods that were found: one that is not in use any more is still there. */
  readonly #paths: Set<string>;
  readonly #markers = new Map<string, Place['marker']>();
  readonly #drives = new SlowDrives();
  readonly #drivePaths: () => Promise<readonly string[]>;

  /** `asked` are paths that are looked at each time, whatever is there; `plugged` lists the drives of this computer. */
  constructor(asked: readonly string[], plugged = drivePaths) {
    this.#drivePaths = plugged;
    this.#paths = new Set(asked.map((path) => resolve(path)));
  }

  /** Drives and markers are read again the next time, also those that were read before. */
  forget(): void {
    this.#drives.forget();
    this.#markers.clear();
  }

  /** Every place with a pod, each once. @param onFault is told what is wrong with one; the others are found all the same */
  async list(onFault: (fault: PlaceFault) => void): Promise<ReadonlyMap<string, Place>> {
    const mounts = await readMounts();
    const found = new Map<string, Place>();
    const add = async (path: string, look: () => Promise<Place | undefined>): Promise<void> => {
      try {
        const place = await look();
        if (place !== undefined && !found.has(place.id)) found.set(place.id, place);
      } catch (error) {
        onFault({ path, error });
      }
    };
    const folders = [...(await watchedFolders()), ...(await topsOfMounts(mounts))];
    for (const path of await stagedPaths(mounts)) await add(path, () => this.#lookAtDevice(path, mounts));
    for (const dir of folders) await add(dir, () => lookAtFolder(dir));
    for (const path of this.#paths) await add(path, () => this.#lookAt(path, mounts));
    for (const path of await this.#drivePaths()) {
      await add(path, () =>
        this.#drives.ask(path, async (hasLabel) => {
          return (await hasLabel()) ? this.#lookAtDevice(path, mounts) : undefined;
        }),
      );
    }
    for (const { path } of found.values()) this.#paths.add(path);
    for (const id of this.#markers.keys()) if (!found.has(id)) this.#markers.delete(id);
    return found;
  }

  async #lookAt(path: string, mounts: readonly Mount[]): Promise<Place | undefined> {
    const found = await statusAt(path);
    // a drive that comes later is found then
    if (found === undefined) return undefined;
    return found.isDirectory() ? lookAtFolder(path) : this.#lookAtDevice(path, mounts);
  }

  async #lookAtDevice(path: string, mounts: readonly Mount[]): Promise<Place | undefined> {
    const { sizeBytes } = await findTarget(path);
    const { id, deviceDir, supervisorSocket } = await findStaging(path);
    const isMounted = mountAt(mounts, deviceDir) !== undefined;
    // it may be let go of at this moment
    const mounted = isMounted
      ? await readMarkerFile(join(deviceDir, MARKER_NAME)).catch(unlessGone)
      : undefined;
    const known = mounted === undefined ? this.#markers.get(id) : markerOf(mounted);
    const marker = known ?? markerOf(await readUnmountedMarker(path));
    this.#markers.set(id, marker);
    return {
      ...{ id, kind: 'device', path, supervisorSocket, marker, sizeBytes },
      plainDir: isMounted ? deviceDir : undefined,
      space: isMounted ? await spaceAt(deviceDir) : undefined,
    };
  }
}

/** How full the file system at `dir` is; undefined if that is not there. */
export async function spaceAt(dir: string): Promise<Space | undefined> {
  try {
    const { blocks, bavail, bsize } = await statfs(dir);
    return { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return undefined;
  }
}

/** A tree pod. @throws DeskPodError MARKER_DAMAGED; the system's errors */
async function lookAtFolder(given: string): Promise<Place | undefined> {
  const path = await realpath(given);
  const plainDir = join(path, TREE_POD_DIR);
  const markerFile = join(plainDir, MARKER_FILE);
  if ((await statusAt(markerFile)) === undefined) return undefined;
  return {
    ...{ kind: 'folder', path, plainDir, supervisorSocket: undefined, sizeBytes: undefined },
    id: createHash('sha256').update(`folder ${path}`).digest('hex').slice(0, 16),
    marker: markerOf(await readMarkerFile(markerFile)),
    space: await spaceAt(path),
  };
}

function markerOf(bytes: Uint8Array): Place['marker'] {
  const { podId, kind, isTwin, epoch } = peekMarker(bytes);
  return { podId: toHex(podId), kind, isTwin, epoch };
}

/**
 * Read by a program and not by the kernel, as anybody may have written what is on a drive; and no more than a marker has, as
 * it may be as long as it likes.
 * @throws DeskPodError MARKER_DAMAGED; ENOENT if there is none
 */
async function readUnmountedMarker(path: string): Promise<Uint8Array> {
  return withScratchFolder(async (folder) => {
    const copy = join(folder, 'marker');
    const script = `ulimit -f ${MARKER_MOST_BLOCKS}; exec debugfs -c -R "$1" "$2"`;
    const request = `dump /${MARKER_NAME} ${copy}`;
    try {
      await run('sh', ['-c', script, 'sh', request, path], { timeoutMs: DEBUGFS_TIMEOUT_MS });
    } catch (cause) {
      if (!(cause instanceof ProcessError)) throw cause;
      throw new DeskPodError('MARKER_DAMAGED', `${path}: its marker could not be read`, {
        hint: 'Others have had it, or it is damaged: keep it, but do not mount it.',
        details: { path },
        cause,
      });
    }
    return readMarkerFile(copy);
  });
}

/** The devices that are mounted on a staging folder, be it by a session or by a command. */
async function stagedPaths(mounts: readonly Mount[]): Promise<string[]> {
  const paths: string[] = [];
  for (const { deviceDir } of await listStagings()) {
    const mount = mountAt(mounts, deviceDir);
    if (mount === undefined) continue;
    const loop = (await loopDevices()).find(({ name }) => mount.source === `/dev/${name}`);
    paths.push(loop?.backingFile ?? mount.source);
  }
  return paths;
}

/** The folders of tree pods that this user watches: the kernel lists the sockets that are bound, everybody's. */
async function watchedFolders(): Promise<string[]> {
  const text = await readFile('/proc/net/unix', 'utf8');
  const folders = text.split('\n').flatMap((line) => {
    // Num RefCount Protocol Flags Type St Inode Path
    const path = /^\S+(?: +\S+){6} (\/.*)$/.exec(line)?.[1];
    return path?.endsWith(WATCHED_SOCKET) === true ? [dirname(dirname(path))] : [];
  });
  return [...new Set(folders)].filter(isWatchedHere);
}

/** What another user has bound is not looked at, nor what is of another mount namespace or behind a closed folder. */
function isWatchedHere(folder: string): boolean {
  try {
    const socket = findTreeSocket(folder);
    socket?.close();
    return socket !== undefined;
  } catch (error) {
    unlessForbidden(error);
    return false;
  }
}

/** What is mounted of drives, for tree pods on top of it. Network file systems are not asked: they may not answer. */
async function topsOfMounts(mounts: readonly Mount[]): Promise<string[]> {
  const tops: string[] = [];
  for (const { deviceNumber, mountPoint } of mounts) {
    if (deviceNumber.startsWith('0:') || mountPoint.startsWith(STAGING_ROOT)) continue;
    const status = await statusAt(join(mountPoint, TREE_POD_DIR, MARKER_FILE)).catch(unlessForbidden);
    if (status !== undefined) tops.push(mountPoint);
  }
  return tops;
}

function unlessGone(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}

function unlessForbidden(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== undefined) return undefined;
  throw error;
}

async function drivePaths(): Promise<readonly string[]> {
  const names = await readdir('/sys/class/block').catch(unlessForbidden);
  return (names ?? [])
    .filter((name) => !NO_DRIVE.test(name))
    .map((name) => `/dev/${name.replaceAll('!', '/')}`);
}

/** True for what says only that no pod can be seen there now. */
export function isNoPod(error: unknown): boolean {
  return (
    isDeskPodError(error, 'DEVICE_NOT_A_POD') ||
    isDeskPodError(error, 'DEVICE_NOT_FOUND') ||
    ['ENOENT', 'EACCES', 'EPERM', 'ENXIO', 'ENOMEDIUM'].includes((error as NodeJS.ErrnoException).code ?? '')
  );
}

// The pod's root file system: a read-only base under the writable layer, joined by overlayfs.
import { chmod, chown, mkdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { ProcessError, run } from '../../sync/process.ts';
import { SHIFTED_ID_START } from '../barrier/bundle.ts';
import { findHolders, type Holder, holdersText } from '../device/holders.ts';
import { mountAt, readMounts } from '../host/mount-table.ts';
import { forgetBase } from './layer-marks.ts';

/** How long an unmount waits for the last file of an ended session to be closed by the kernel. */
const UNMOUNT_TIMEOUT_MS = 5000;
/** How long it waits for a program that lives and has a file open there: what only looks around is gone by then. */
const HELD_TIMEOUT_MS = 2000;
const UNMOUNT_RETRY_MS = 20;

/** How long a layer may stay in use by an overlay that is being let go of. */
const BUSY_TIMEOUT_MS = 2000;
const MOUNT_RETRY_MS = 50;

/** What a root file system is made of, and where it appears. */
export interface LayerPlaces {
  /** An EROFS image whose ids are shifted already. */
  readonly baseFile: string;
  /** The layer's files; made if absent. */
  readonly upperDir: string;
  /** Overlayfs's own folder, on the file system of `upperDir`; made if absent. */
  readonly workDir: string;
  /** A folder of the host in which `base` and `merged` are made and mounted. */
  readonly stagingDir: string;
}

/** A mounted root file system. */
export interface MountedLayer {
  readonly mergedDir: string;
  readonly baseDir: string;
}

/** Where {@link mountLayer} mounts; known without mounting, for cleaning up after a crash. */
export function layerMountPoints(stagingDir: string): MountedLayer {
  return { mergedDir: `${stagingDir}/merged`, baseDir: `${stagingDir}/base` };
}

/**
 * Mounts base and layer. On failure nothing stays mounted.
 * @throws DeskPodError MOUNT_FAILED; HOST_UNSUPPORTED if this kernel gives no file handles of them; DEVICE_IN_USE if another overlay still uses the layer after 2 s.
 */
export async function mountLayer(places: LayerPlaces): Promise<MountedLayer> {
  for (const path of [places.upperDir, places.workDir, places.stagingDir]) requirePlainPath(path);
  const layer = layerMountPoints(places.stagingDir);
  for (const dir of [places.upperDir, places.workDir, layer.mergedDir, layer.baseDir]) {
    await mkdir(dir, { recursive: true });
  }
  // The layer's own folder is the session's /: it belongs to the root of the session, not to that of the host.
  await chown(places.upperDir, SHIFTED_ID_START, SHIFTED_ID_START);
  await chmod(places.upperDir, 0o755);
  try {
    // mount(8) gives its loop device autoclear: it goes with the mount.
    await mount(['-t', 'erofs', '-o', 'loop,ro,nodev,nosuid', places.baseFile, layer.baseDir]);
    const options = [
      `lowerdir=${layer.baseDir}`,
      `upperdir=${places.upperDir}`,
      `workdir=${places.workDir}`,
      // File handles on overlayfs: without them CRIU cannot dump an inotify watch, and every desktop program has some.
      'index=on',
      'nfs_export=on',
      // Nothing in the pod is a device or gains rights, whatever is written on the drive. Whiteouts are not opened
      // through this mount, so nodev does not concern them.
      'nodev',
      'nosuid',
    ];
    const mountOn = () => mountOverlay(options, places, layer.mergedDir);
    await mountOn().catch(async (error: unknown) => {
      if (!isOfAnotherKernel(error)) throw error;
      await forgetBase(places.upperDir, places.workDir);
      await mountOn();
    });
    await requireHandles(layer.mergedDir);
  } catch (error) {
    await unmountLayer(places.stagingDir);
    throw error;
  }
  return layer;
}

/**
 * Unmounts what {@link mountLayer} mounted; what is not mounted is left alone. Never lazily: a device whose layer is
 * still in use is not safe to unplug.
 * @param isAwaited false if it was waited for before: it is tried once
 * @throws DeskPodError MOUNT_FAILED as {@link unmount}
 */
export async function unmountLayer(stagingDir: string, isAwaited = true): Promise<void> {
  const { mergedDir, baseDir } = layerMountPoints(stagingDir);
  await unmount(mergedDir, isAwaited);
  await unmount(baseDir, isAwaited);
}

/** Binds `sourceDir` on `targetDir` with private propagation, as CRIU wants the root of a session. */
export async function bindPrivately(sourceDir: string, targetDir: string): Promise<void> {
  await mkdir(targetDir, { recursive: true });
  await mount(['--bind', '--make-private', sourceDir, targetDir]);
}

/**
 * Unmounts everything mounted at `dir`; nothing if it is no mount point.
 * @param isAwaited false if it was waited for before: it is tried once
 * @throws DeskPodError MOUNT_FAILED, naming who, if it is still in use after 5 s, or after 2 s by a program that lives
 */
export async function unmount(dir: string, isAwaited = true): Promise<void> {
  const startedMs = performance.now();
  while (await isMountPoint(dir)) {
    try {
      await run('umount', ['--', dir]);
    } catch (error) {
      if (!(error instanceof ProcessError)) throw error;
      const waitedMs = performance.now() - startedMs;
      const holders = isAwaited && waitedMs < HELD_TIMEOUT_MS ? [] : await findHolders(dir);
      if (!isAwaited || holders.length > 0 || waitedMs >= UNMOUNT_TIMEOUT_MS)
        throw stillInUse(dir, holders, error);
      await delay(UNMOUNT_RETRY_MS);
    }
  }
}

function stillInUse(dir: string, holders: readonly Holder[], cause: ProcessError): DeskPodError {
  const who = holders.length === 0 ? 'something that cannot be seen from here' : holdersText(holders);
  return new DeskPodError('MOUNT_FAILED', `${dir}: could not be unmounted, it is in use by ${who}`, {
    hint: 'End the programs of the host that have files open there, then try again.',
    details: { dir, holders, output: cause.stderrTail },
    cause,
  });
}

/**
 * Looks up every file of a mounted root, so that the kernel has its directory entry in memory. Overlayfs gives a file
 * handle only to a file with such an entry; under memory pressure the kernel drops them, even those of watched files.
 */
export async function lookUpEntries(mergedDir: string): Promise<void> {
  // The test on the size, which nothing passes, makes find ask for every file instead of reading folders only.
  await run('find', [mergedDir, '-xdev', '-size', '+9999999G']);
}

/** True if something is mounted exactly at `dir`. */
export async function isMountPoint(dir: string): Promise<boolean> {
  return mountAt(await readMounts(), dir) !== undefined;
}

/** Mounts an overlay; the kernel takes a moment to let go of the one that was on the same layer before. */
async function mountOverlay(
  options: readonly string[],
  places: LayerPlaces,
  mergedDir: string,
): Promise<void> {
  const deadline = performance.now() + BUSY_TIMEOUT_MS;
  for (;;) {
    try {
      await mount(['-t', 'overlay', '-o', options.join(','), 'deskpod', mergedDir]);
      return;
    } catch (error) {
      if (!(error instanceof DeskPodError) || !/busy|already mounted/i.test(String(error.details.output)))
        throw error;
      if (performance.now() >= deadline) {
        throw new DeskPodError('DEVICE_IN_USE', `${places.upperDir}: the layer is still mounted elsewhere`, {
          hint: 'End the session that still uses it with `deskpod stop`, then try again; if there is none, restart this host.',
          details: { ...error.details, upperDir: places.upperDir, workDir: places.workDir },
          cause: error,
        });
      }
    }
    await delay(MOUNT_RETRY_MS);
  }
}

/**
 * Overlayfs does without file handles where a file system below gives none (EROFS before Linux 5.19). Then it also marks the
 * layer as if it belonged to no base, and a later kernel would show folders that are in both without the base's part.
 */
async function requireHandles(mergedDir: string): Promise<void> {
  const options = mountAt(await readMounts(), mergedDir)?.fsOptions ?? [];
  const areOn = await Promise.all(['index', 'nfs_export'].map((name) => isInForce(name, options)));
  if (areOn.every((isOn) => isOn)) return;
  throw new DeskPodError(
    'HOST_UNSUPPORTED',
    `${mergedDir}: this kernel gives no file handles of base and layer`,
    {
      hint: 'This needs Linux 5.19 or newer: start the pod on a host with Debian 12 or later.',
      details: { mergedDir, options },
    },
  );
}

/** Of what it does by default overlayfs does not tell. */
async function isInForce(name: string, options: readonly string[]): Promise<boolean> {
  if (options.includes(`${name}=on`)) return true;
  const isDefault = (await readFile(`/sys/module/overlay/parameters/${name}`, 'latin1')).startsWith('Y');
  return isDefault && !options.includes(`${name}=off`);
}

/** What overlayfs says if it finds the base under another file handle than the one that it noted. */
function isOfAnotherKernel(error: unknown): boolean {
  return isDeskPodError(error, 'MOUNT_FAILED') && /stale file handle/i.test(String(error.details.output));
}

async function mount(args: readonly string[]): Promise<void> {
  try {
    await run('mount', args);
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error;
    const target = args.at(-1) ?? '';
    throw new DeskPodError('MOUNT_FAILED', `${target}: could not be mounted`, {
      hint: 'Run `deskpod doctor` to see whether this host has overlayfs, EROFS and loop devices.',
      details: { args, output: error.stderrTail },
      cause: error,
    });
  }
}

/** Overlayfs separates its options and folders by these characters; our own paths never need them. */
function requirePlainPath(path: string): void {
  if (!path.startsWith('/') || /[,:\\]/.test(path)) {
    throw new TypeError(`not an absolute path without comma, colon and backslash: ${path}`);
  }
}

// The device that a pod is restored to: formatted anew, or taken over with what a restore that did not end had brought there.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { exists } from '../../sync/posix/path-status.ts';
import { isSystemError, syncFolder } from '../../sync/repository/durable-file.ts';
import { storageError } from '../../sync/storage-failure.ts';
import { formatDevice, type MountedDevice, mountDevice } from '../device/device.ts';
import { MARKER_NAME, RESTORE_NOTE, VAULT_FILE_NAME, VAULT_NAME } from '../device/device-content.ts';
import { type FormatRequest, holdsUnfinishedRestore, requireDeviceSize } from '../device/device-format.ts';
import { findTarget } from '../device/device-target.ts';
import { requireSeen } from '../device/seen-target.ts';
import { removeRuntime } from '../runtime/device-runtime.ts';
import { releaseUnfinished } from './release.ts';

/**
 * Mounts the device at `path` for a restore; the caller unmounts it. Where one was interrupted, the objects that it had fetched
 * stay: they are known by their hashes. Its vault goes, as what is in it is proven by nothing but its own files, and so does a
 * runtime: anybody may have put it there, to be started by whoever has the drive next.
 *
 * @throws DeskPodError as {@link formatDevice} and {@link mountDevice}; POD_EXISTS if the pod was whole already;
 * DEVICE_CHANGED if it is not as it was seen
 */
export async function takeRestoreDevice(
  request: FormatRequest,
  onProgress: ProgressListener,
): Promise<MountedDevice> {
  const { path, seen } = request;
  await releaseUnfinished(path);
  if (await canGoOn(request)) {
    if (seen !== undefined) await requireSeen(seen);
    onProgress({ step: `going on with the restore on ${path}` });
    const device = await mountDevice(path, { isFresh: true });
    try {
      await requireUnfinished(device);
      await rm(join(device.mountDir, VAULT_FILE_NAME), { force: true });
      await rm(join(device.mountDir, VAULT_NAME), { recursive: true, force: true });
      await removeRuntime(device.mountDir);
      return device;
    } catch (error) {
      await device.unmount();
      throw storageError(error, device.mountDir);
    }
  }
  onProgress({ step: `formatting ${path}` });
  await formatDevice(request);
  // unmounted with nothing but the note on it: it is in its place then, and not in the journal only
  const noted = await mountDevice(path, { isFresh: true });
  try {
    await writeFile(join(noted.mountDir, RESTORE_NOTE), '');
    await syncFolder(noted.mountDir);
  } catch (error) {
    throw storageError(error, noted.mountDir);
  } finally {
    await noted.unmount();
  }
  return mountDevice(path, { isFresh: true });
}

/** Takes the note away once the marker is there; one that a killed restore left behind its marker, too. */
export async function endDeviceRestore(mountDir: string): Promise<void> {
  const note = join(mountDir, RESTORE_NOTE);
  try {
    await rm(note);
    await syncFolder(mountDir);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw storageError(error, note);
  }
}

async function canGoOn({ path, sizeBytes, contentBytes, runtimeBytes }: FormatRequest): Promise<boolean> {
  try {
    if (!(await holdsUnfinishedRestore(path))) return false;
    const target = await findTarget(path);
    // another size is asked for: it begins again
    if (target.kind === 'image' && sizeBytes !== undefined && sizeBytes !== target.sizeBytes) return false;
    requireDeviceSize(path, target.sizeBytes, {
      ...(contentBytes === undefined ? {} : { contentBytes }),
      ...(runtimeBytes === undefined ? {} : { runtimeBytes }),
    });
    return true;
  } catch (error) {
    if (isDeskPodError(error, 'DEVICE_NOT_FOUND')) return false;
    throw error;
  }
}

/** The journal may have had a marker that was not in its place yet. */
async function requireUnfinished({ mountDir, path }: MountedDevice): Promise<void> {
  if (!(await exists(join(mountDir, MARKER_NAME)))) return;
  throw new DeskPodError('POD_EXISTS', `${path}: holds a pod already: its restore had come to its end`, {
    hint: `Start it with: deskpod start ${path}.`,
    details: { path },
  });
}

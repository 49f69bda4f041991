// The one answer to a device that has no space left, whoever met it first.
import { statfs } from 'node:fs/promises';
import { DeskPodError } from '../../core/errors.ts';
import { formatBytes } from '../../core/quantities.ts';
import { ProcessError } from '../../sync/process.ts';
import { isFull } from '../../sync/storage-failure.ts';

/**
 * Runs `action`, which writes to the device mounted at `mountDir`, and turns a lack of space into one error. Anything
 * else that it throws is passed on.
 * @param what what was being written, for the message, for example `the checkpoint`
 * @throws DeskPodError DEVICE_FULL with the device's free and whole size in bytes
 */
export async function reportDeviceFull<T>(
  mountDir: string,
  what: string,
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!isOutOfSpace(error)) throw error;
    const { bavail, blocks, bsize } = await statfs(mountDir);
    const freeBytes = bavail * bsize;
    const sizeBytes = blocks * bsize;
    const left = `${formatBytes(freeBytes)} free of ${formatBytes(sizeBytes)}`;
    throw new DeskPodError('DEVICE_FULL', `the device has no space for ${what}: ${left}`, {
      hint: 'remove files in the pod or old checkpoints (`deskpod prune`), or restore the pod to a larger device',
      details: { freeBytes, sizeBytes },
      cause: error,
    });
  }
}

/** True if an error, or one that caused it, is the system's `no space left`, in whatever coat it comes. */
export function isOutOfSpace(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof DeskPodError && (error.code === 'SPACE_EXHAUSTED' || error.code === 'DEVICE_FULL'))
    return true;
  if (isFull(error)) return true;
  // Programs say it in words; LevelDB too, in the text of its own errors.
  const text = error instanceof ProcessError ? error.stderrTail : error.message;
  return text.includes('No space left on device') || isOutOfSpace(error.cause);
}

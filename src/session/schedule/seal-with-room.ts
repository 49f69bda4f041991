// A checkpoint on a device that is to keep some room free: room is made before it, if there is too little, and after it.

import { isDeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import type { CheckpointReport } from '../../sync/pod/seal-checkpoint.ts';
import { type KeepOptions, keepReserve, reserveSentences } from '../../sync/retention/keep-reserve.ts';
import { storageError } from '../../sync/storage-failure.ts';

/**
 * Sees to the reserve before something that needs room and is done all the same, for so long and no longer: what was not made by
 * then is made the next time.
 *
 * @returns what is to be told of it, in sentences
 */
export async function makeRoomFor(
  pod: Pod,
  onProgress: ProgressListener,
  limitMs: number,
): Promise<string[]> {
  try {
    return reserveSentences(await keepReserve(pod, { onProgress, signal: AbortSignal.timeout(limitMs) }));
  } catch (failure) {
    const error = storageError(failure);
    if (!isDeskPodError(error)) throw error;
    return [`No room could be made on the device: ${error.message}.`];
  }
}

/**
 * Makes a checkpoint by `seal`, which may find that there is none to make. What became of the room is among its warnings.
 * @throws DeskPodError what `seal` throws
 */
export async function sealWithRoom<Report extends CheckpointReport | undefined>(
  pod: Pod,
  options: KeepOptions,
  seal: () => Promise<Report>,
): Promise<Report> {
  const before = await keepReserve(pod, options);
  const report = await seal();
  if (report === undefined) return report;
  const after = await keepReserve(pod, options);
  // what is short before and after is told once
  const gone =
    before.forgotten.length === 0 ? [] : reserveSentences({ ...before, freeBytes: before.reserveBytes });
  return { ...report, warnings: [...report.warnings, ...gone, ...reserveSentences(after)] };
}

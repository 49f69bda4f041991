// A checkpoint on a device that is to keep some room free: room is made before it, if there is too little, and after it.

import type { Pod } from '../../sync/pod/pod.ts';
import type { CheckpointReport } from '../../sync/pod/seal-checkpoint.ts';
import { type KeepOptions, keepReserve, reserveSentences } from '../../sync/retention/keep-reserve.ts';

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

// The event of a verify, so that when a repository was last found whole outlives every projection.
import { isDeskPodError } from '../../core/errors.ts';
import type { Pod } from '../pod/pod.ts';
import { objectLabel } from './damage.ts';
import { countLeft, type VerifyReport } from './verify-report.ts';

/** The event names so many; the report names all. */
const NAMED_MAX = 1000;

/** Appends the event; returns why that failed, as on a full device: what was found is told in any case. */
export async function recordVerify(pod: Pod, report: Omit<VerifyReport, 'unrecorded'>): Promise<unknown> {
  const { place, depth, isWhole, objectCount, readBytes, damage, faults, healedFaults, durationMs } = report;
  const damagedCount = damage.length + faults.length + healedFaults.length;
  try {
    await pod.append({
      type: 'completeVerify',
      verify: {
        ...{ place, depth, isWhole, objectCount, readBytes },
        damaged: [...damage.map(objectLabel), ...faults, ...healedFaults].slice(0, NAMED_MAX),
        damagedCount,
        healedCount: damagedCount - countLeft(report),
        durationMs: Math.round(durationMs),
      },
    });
    return undefined;
  } catch (error) {
    if (isDeskPodError(error)) return error;
    throw error;
  }
}

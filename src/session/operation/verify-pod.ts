// Verifying an opened pod: its device, or one of its homes; the same answer here and over a supervisor's socket.
import { DeskPodError } from '../../core/errors.ts';
import type { VerifyDepth } from '../../core/events.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { isTwinUrl, parseHomeUrl } from '../../sync/home/home-url.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { verifyDevice } from '../../sync/verify/device-verify.ts';
import { verifyHomeOf } from '../../sync/verify/home-verify.ts';
import type { VerifyReport } from '../../sync/verify/verify-report.ts';
import type { RuntimeReport } from '../runtime/device-runtime.ts';
import { toWireError, type WireError } from '../supervisor/wire.ts';
import { withHomesOf } from '../twin/lend-homes.ts';
import { isPlaceOf } from '../twin/twin-place.ts';
import { type VerifiedTwin, verifyTwin } from '../twin/verify-twin.ts';

/** How a pod is to be verified. */
export interface VerifyParameters {
  readonly depth: VerifyDepth;
  /** Of the bytes, from 0 to 1. */
  readonly share?: number;
  readonly forMs?: number;
  /** One of its homes instead of the device. */
  readonly home?: string;
  readonly isHealing: boolean;
  /** Give up what no home has whole. */
  readonly isGivingUp: boolean;
}

/** What `verify` answers: a {@link VerifyReport} whose errors can travel. */
export interface VerifyAnswer extends Omit<VerifyReport, 'failures' | 'unrecorded'> {
  readonly failures: readonly { readonly place: string; readonly error: WireError }[];
  /** What a desktop's device carries, or its twin, if its bytes were to be read. */
  readonly runtime?: RuntimeReport;
  /** What was not done for the runtime of a twin, in sentences. */
  readonly warnings?: readonly string[];
  /** Why the log has no event of this run. */
  readonly unrecorded?: WireError;
}

/** Verifies a pod. @throws DeskPodError HOME_UNKNOWN, HOME_NOT_FOUND, HOME_UNREACHABLE */
export async function verifyPod(
  pod: Pod,
  { home, ...asked }: VerifyParameters,
  onProgress: ProgressListener,
  signal?: AbortSignal,
): Promise<VerifyAnswer> {
  if (home !== undefined && !pod.state.homes.some(({ url }) => url === home)) {
    throw new DeskPodError('HOME_UNKNOWN', `${home} is no home of this pod`, {
      hint: 'List its homes with `deskpod home list`; without -d a home is checked with no pod at all.',
    });
  }
  return withHomesOf(pod, async (openHome) => {
    const plan = { ...asked, onProgress, openHome, ...(signal === undefined ? {} : { signal }) };
    if (home === undefined) return toAnswer(await verifyDevice(pod, plan));
    // a twin that is looked into cannot be taken once more
    if (isTwinUrl(home) && !(await isPlaceOf(pod, parseHomeUrl(home).path)))
      return answerForTwin(await verifyTwin(pod, home, plan));
    return toAnswer(await verifyHomeOf(pod, openHome(home), plan));
  });
}

function answerForTwin({ report, ...found }: VerifiedTwin): VerifyAnswer {
  return { ...toAnswer(report), ...found };
}

function toAnswer({ failures, unrecorded, ...report }: VerifyReport): VerifyAnswer {
  return {
    ...report,
    failures: failures.map(({ place, error }) => ({ place, error: toWireError(error) })),
    ...(unrecorded === undefined ? {} : { unrecorded: toWireError(unrecorded) }),
  };
}

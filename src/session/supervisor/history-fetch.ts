// Beside a session that was resumed first, the rest of its pod comes from home, in turns that nobody else wants.
import { setTimeout as delay } from 'node:timers/promises';
import { isDeskPodError } from '../../core/errors.ts';
import { fetchSomeHistory, type HistoryOptions } from '../../sync/pod/fetch-history.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { verifyPod } from '../operation/verify-pod.ts';
import { withHomesOf } from '../twin/lend-homes.ts';
import { tell } from './record.ts';
import type { Turns } from './turns.ts';
import type { Works } from './works.ts';

/** A home that does not answer is asked again after that. */
const RETRY_MS = 5 * 60_000;
/** All has come, and something else is damaged that no home can heal: looking again is no use soon. */
const LOOK_AGAIN_MS = 24 * 60 * 60_000;
const NAME = 'fetch-history';

/** What it works with. */
export interface HistoryFetch {
  readonly pod: Pod;
  readonly turns: Turns;
  readonly works: Works;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Fetches until nothing is awaited any more, and a verify has found everything in its place. Never throws. */
export async function fetchHistory({ pod, turns, works, signal }: HistoryFetch): Promise<void> {
  const passedOver = new Set<string>();
  while (pod.state.awaited !== undefined && !signal.aborted) {
    try {
      const waitMs = await turns.take(
        NAME,
        (turn) =>
          works.do(
            NAME,
            () => undefined,
            (onProgress) => fetchSome(pod, { onProgress, signal: turn, passedOver }),
          ),
        { isPatient: true },
      );
      if (waitMs > 0) await delay(waitMs, undefined, { signal, ref: false });
    } catch (error) {
      // the pod is being freed
      if (signal.aborted || isDeskPodError(error, 'SUPERVISOR_UNREACHABLE')) return;
      tell('fetching the older history', error);
      await delay(RETRY_MS, undefined, { signal, ref: false }).catch(() => undefined); // ended meanwhile
    }
  }
}

/** @returns how long to wait before it is of use to go on, in milliseconds */
export function fetchSome(pod: Pod, options: HistoryOptions): Promise<number> {
  const { onProgress, signal, passedOver } = options;
  return withHomesOf(pod, async (openHome) => {
    const { missingCount, isExhausted } = await fetchSomeHistory(pod, openHome, options);
    if (missingCount > 0 && !isExhausted) return 0;
    if (missingCount > 0) {
      passedOver.clear();
      return RETRY_MS;
    }
    const asked = { depth: 'structure', isHealing: true, isGivingUp: false } as const;
    await verifyPod(pod, asked, onProgress, signal);
    return pod.state.awaited === undefined || signal.aborted ? 0 : LOOK_AGAIN_MS;
  });
}

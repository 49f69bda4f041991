// What only older checkpoints need comes from home while somebody thinks about a question, and makes way once that is answered.
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import { storageError } from '../../sync/storage-failure.ts';
import { fetchSome } from '../supervisor/history-fetch.ts';
import { withPodAtRest } from './pod-at-rest.ts';

/** The last that is heard of it. */
export const ALL_HERE = 'all that older checkpoints need has come';

/** What is fetched, and who hears of it. */
export interface RestPlan {
  /** The device that was restored. */
  readonly target: string;
  readonly onProgress: ProgressListener;
  /** All has come, and was found in its place. */
  readonly onAllHere: () => void;
  /** Told why it did not come, in a sentence: what comes later is asked for again. */
  readonly tell: (text: string) => void;
}

/**
 * Fetches while `question` waits for its answer. The pod is open meanwhile; when this settles it is closed, and what had come by
 * then stays: whoever fetches next, a supervisor or a verify, goes on there.
 *
 * @throws what `question` throws
 */
export async function besideRest<Answer>(
  plan: RestPlan,
  credential: Credential,
  question: () => Promise<Answer>,
): Promise<Answer> {
  const stop = new AbortController();
  const fetching = fetchRest(plan, credential, stop.signal);
  // thrown below, once there is an answer
  fetching.catch(() => undefined);
  try {
    return await question();
  } finally {
    stop.abort(new DeskPodError('CANCELLED', 'stopped: the question was answered'));
    await fetching;
  }
}

/** What fails is told: the pod is whole, and somebody else asks for what is missing. */
async function fetchRest(
  { target, onProgress, onAllHere, tell }: RestPlan,
  credential: Credential,
  signal: AbortSignal,
): Promise<void> {
  try {
    const passedOver = new Set<string>();
    await withPodAtRest(target, credential, async (pod) => {
      while (pod.state.awaited !== undefined && !signal.aborted) {
        // all has come, and something else is damaged
        if ((await fetchSome(pod, { onProgress, signal, passedOver })) > 0) return;
      }
      if (pod.state.awaited !== undefined) return;
      onProgress({ step: ALL_HERE });
      onAllHere();
    });
  } catch (failure) {
    const error = storageError(failure);
    if (signal.aborted && isDeskPodError(error, 'CANCELLED')) return;
    if (!isDeskPodError(error)) throw error;
    const next = error.hint === undefined ? '' : ` ${error.hint}`;
    tell(`What older checkpoints need did not come meanwhile: ${error.message}.${next}`);
  }
}

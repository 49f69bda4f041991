// Beside a session that was resumed first, the rest of its pod comes from home, in turns that nobody else wants.
import { setTimeout as delay } from 'node:timers/promises';
import { isDeskPodError } from '../../core/errors.ts';
import { fetchSomeHistory, type HistoryOptions } from '../../sync/pod/fetch-history.ts';
import { historyHindrance } from '../../sync/pod/history-hindrance.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import type { AwaitedFailure } from '../operation/operations.ts';
import { verifyPod } from '../operation/verify-pod.ts';
import { withHomesOf } from '../twin/lend-homes.ts';
import { tell } from './record.ts';
import type { Turns } from './turns.ts';
import { toWireError } from './wire.ts';
import type { Works } from './works.ts';

/** A home that does not answer is asked again after that. */
const RETRY_MS = 5 * 60_000;
/** All has come, and something else is damaged that no home can heal: looking again is no use soon. */
const LOOK_AGAIN_MS = 24 * 60 * 60_000;
const NAME = 'fetch-history';

/** What it works with. */
export interface HistoryWork {
  readonly pod: Pod;
  readonly turns: Turns;
  readonly works: Works;
  /** Tells whoever looks at the session. */
  readonly notify: (notice: string | undefined) => void;
}

/** Fetches what only older checkpoints need, until nothing is awaited any more. */
export class HistoryFetch {
  readonly #work: HistoryWork;
  #failure: AwaitedFailure | undefined;

  constructor(work: HistoryWork) {
    this.#work = work;
  }

  /** Why nothing comes at the moment. */
  get failure(): AwaitedFailure | undefined {
    return this.#failure;
  }

  /** Ends when a verify has found everything in its place, or with `signal`. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { pod, turns, works } = this.#work;
    const passedOver = new Set<string>();
    const fetch = (turn: AbortSignal): Promise<number> =>
      works.do(
        NAME,
        () => undefined,
        (onProgress) => fetchSome(pod, { onProgress, signal: turn, passedOver }),
      );
    while (pod.state.awaited !== undefined && !signal.aborted) {
      try {
        const waitMs = await turns.take(NAME, fetch, { isPatient: true });
        this.#failure = undefined;
        this.#work.notify(undefined);
        if (waitMs > 0) await delay(waitMs, undefined, { signal, ref: false });
      } catch (error) {
        // the pod is being freed
        if (signal.aborted || isDeskPodError(error, 'SUPERVISOR_UNREACHABLE')) return;
        this.#note(error);
        passedOver.clear();
        await delay(RETRY_MS, undefined, { signal, ref: false }).catch(() => undefined); // ended meanwhile
      }
    }
  }

  /** For `status`; and once for whoever looks at the session, who may bring a home back. */
  #note(failure: unknown): void {
    tell('fetching the older history', failure);
    const { trace: _trace, ...error } = toWireError(failure);
    this.#work.notify(error.hint === undefined ? error.message : `${error.message}. ${error.hint}`);
    this.#failure = { atMs: Date.now(), error };
  }
}

/**
 * @returns how long to wait before it is of use to go on, in milliseconds
 * @throws DeskPodError as {@link historyHindrance} if no home has more of it now
 */
export function fetchSome(pod: Pod, options: HistoryOptions): Promise<number> {
  const { onProgress, signal } = options;
  return withHomesOf(pod, async (openHome) => {
    const { missingCount, isExhausted } = await fetchSomeHistory(pod, openHome, options);
    if (missingCount > 0 && !isExhausted) return 0;
    if (missingCount > 0)
      throw await historyHindrance(
        pod.state.homes.map(({ url }) => openHome(url)),
        missingCount,
      );
    const asked = { depth: 'structure', isHealing: true, isGivingUp: false } as const;
    await verifyPod(pod, asked, onProgress, signal);
    return pod.state.awaited === undefined || signal.aborted ? 0 : LOOK_AGAIN_MS;
  });
}

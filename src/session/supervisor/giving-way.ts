// A session gives way when a twin may be started in the place of its device: two of one pod must not run.
import { firstLeaseEnd } from '../../core/lease.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import type { Clock } from '../schedule/clock.ts';
import { tell } from './record.ts';

/** How often a suspend that failed is tried again. */
const AGAIN_MS = 60_000;

/** What can be done about it. */
interface Means {
  suspend(): Promise<void>;
  /** Tells whoever looks at the session. */
  tell(text: string): void;
}

/** Suspends the session of a pod when a lease of its twins has ended. */
export class GivingWay {
  readonly #pod: Pick<Pod, 'state'>;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #means: Means;
  #triedMs = Number.NEGATIVE_INFINITY;

  constructor(pod: Pick<Pod, 'state'>, clock: Pick<Clock, 'now'>, means: Means) {
    this.#pod = pod;
    this.#clock = clock;
    this.#means = means;
  }

  /** To be called now and then. A suspend that fails is told of, and tried again a minute later. */
  look(): void {
    const end = firstLeaseEnd(this.#pod.state.homes);
    const nowMs = this.#clock.now();
    // a clock that was set back must not put it off
    if (end === undefined || end.endMs > nowMs || Math.abs(nowMs - this.#triedMs) < AGAIN_MS) return;
    this.#triedMs = nowMs;
    this.#means.suspend().catch((error: unknown) => {
      const what = `The twin at ${end.url} may be started now, and this session could not be suspended`;
      tell(what, error);
      this.#means.tell(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    });
  }
}

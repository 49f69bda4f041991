// A session gives way when a twin may be started in the place of its device: two of one pod must not run.
import { isDeskPodError } from '../../core/errors.ts';
import { firstLeaseEnd, type LeaseEnd } from '../../core/lease.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import type { Clock } from '../schedule/clock.ts';
import { tell } from './record.ts';

/** How often a suspend that failed is tried again. */
const AGAIN_MS = 60_000;

/** What can be done about it. */
interface Means {
  /** Settles once all has ended that was asked for before. */
  turn(): Promise<unknown>;
  suspend(): Promise<void>;
  /** Tells whoever looks at the session. */
  notify(notice: string): void;
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
    const end = this.#ended();
    const nowMs = this.#clock.now();
    // a clock that was set back must not put it off
    if (end === undefined || Math.abs(nowMs - this.#triedMs) < AGAIN_MS) return;
    this.#triedMs = nowMs;
    this.#giveWay().catch((error: unknown) => {
      // the session has ended meanwhile
      if (isDeskPodError(error, 'SUPERVISOR_UNREACHABLE')) return;
      const what = `The twin at ${end.url} may be started now, and this session could not be suspended`;
      tell(what, error);
      this.#means.notify(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    });
  }

  async #giveWay(): Promise<void> {
    // it may be the sync that begins the lease anew
    await this.#means.turn();
    if (this.#ended() !== undefined) await this.#means.suspend();
  }

  #ended(): LeaseEnd | undefined {
    const end = firstLeaseEnd(this.#pod.state.homes);
    return end !== undefined && end.endMs <= this.#clock.now() ? end : undefined;
  }
}

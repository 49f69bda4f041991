// What the barrier of a running session refuses, on its way into the log.
import { isDeskPodError } from '../../core/errors.ts';
import type { Desktop } from '../pod/desktop.ts';
import { tell } from './record.ts';
import type { Turns } from './turns.ts';

const WORK = 'noting what the barrier refused';

/** Notes it for one supervisor. */
export class ViolationNotes {
  readonly #desktop: Pick<Desktop, 'violations' | 'pod'>;
  readonly #turns: Turns;
  #isWaiting = false;

  constructor(desktop: Pick<Desktop, 'violations' | 'pod'>, turns: Turns) {
    this.#desktop = desktop;
    this.#turns = turns;
  }

  /**
   * Takes what there is from the module, which keeps little; it is noted in turn, with what comes until then. Never throws: who
   * looks at this looks after the session, too.
   */
  look(): void {
    try {
      if (!this.#desktop.violations.isDue(performance.now()) || this.#isWaiting) return;
    } catch (error) {
      tell(WORK, error);
      return;
    }
    this.#isWaiting = true;
    this.#turns
      .take(WORK, () => this.#note(), { isPatient: true })
      .catch((error: unknown) => {
        // when the session ends the rest is noted
        if (!isDeskPodError(error, 'SUPERVISOR_UNREACHABLE')) tell(WORK, error);
      })
      .finally(() => {
        this.#isWaiting = false;
      });
  }

  /** The session has ended, and the log is about to be closed. A failure is told, and hinders nothing. */
  async noteRest(): Promise<void> {
    await this.#note().catch((error: unknown) => tell(WORK, error));
  }

  async #note(): Promise<void> {
    const events = this.#desktop.violations.take(performance.now());
    if (events.length === 0) return;
    try {
      await this.#desktop.pod.append({ type: 'noteBarrier', events });
    } catch (error) {
      // a device that is full now may have room the next time
      this.#desktop.violations.giveBack(events);
      throw error;
    }
  }
}

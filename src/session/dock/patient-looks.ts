// Looking at what may never answer: each is asked once at a time, and hinders nobody who looks at another.
import { Subject } from 'rxjs';
import { endsWithin } from '../host/deadline.ts';

/** How long the first to ask waits; who asks again meanwhile does not. */
const ANSWER_TIMEOUT_MS = 2000;

/** Looks at things that have names. */
export class PatientLooks<Found> {
  /** Something has answered that nobody waited for any more: whoever asks next is told. */
  readonly late = new Subject<void>();
  readonly #timeoutMs: number;
  /** Looks whose answer nobody has been told yet. */
  readonly #pending = new Map<string, Promise<Found>>();

  constructor(timeoutMs = ANSWER_TIMEOUT_MS) {
    this.#timeoutMs = timeoutMs;
  }

  /** What a look finds; undefined as long as it does not end. @throws what it throws */
  async ask(name: string, look: () => Promise<Found>): Promise<{ readonly found: Found } | undefined> {
    const before = this.#pending.get(name);
    const pending = before ?? look();
    this.#pending.set(name, pending);
    try {
      if (!(await endsWithin(pending, before === undefined ? this.#timeoutMs : 0))) {
        if (before === undefined) pending.catch(() => undefined).then(() => this.late.next());
        return undefined;
      }
    } catch (error) {
      this.#pending.delete(name);
      throw error;
    }
    this.#pending.delete(name);
    return { found: await pending };
  }
}

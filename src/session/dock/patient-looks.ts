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
  /** Looks whose answer nobody has been told yet, and how many changes there had been when they began. */
  readonly #pending = new Map<string, { readonly answer: Promise<Found>; readonly changeCount: number }>();
  #changeCount = 0;

  constructor(timeoutMs = ANSWER_TIMEOUT_MS) {
    this.#timeoutMs = timeoutMs;
  }

  /** Something has changed: what a look that goes on finds may be how it was before. */
  noteChange(): void {
    this.#changeCount++;
  }

  /** What a look finds; undefined as long as it does not end. @throws what it throws */
  async ask(name: string, look: () => Promise<Found>): Promise<{ readonly found: Found } | undefined> {
    const before = this.#pending.get(name);
    const pending = before ?? { answer: look(), changeCount: this.#changeCount };
    this.#pending.set(name, pending);
    try {
      if (!(await endsWithin(pending.answer, before === undefined ? this.#timeoutMs : 0))) {
        if (before === undefined) void pending.answer.catch(() => undefined).then(() => this.late.next());
        return undefined;
      }
    } catch (error) {
      this.#pending.delete(name);
      throw error;
    }
    this.#pending.delete(name);
    // the change had its look, which was told this: there has to be another
    if (before !== undefined && before.changeCount !== this.#changeCount) this.late.next();
    return { found: await pending.answer };
  }
}

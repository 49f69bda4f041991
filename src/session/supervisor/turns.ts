// Turns: operations on one pod, one after another. A checkpoint never meets a sync or an installation.
import { DeskPodError } from '../../core/errors.ts';

/** The turns of one supervisor. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  /** Of the operations that run or wait: each aborts once a user's operation waits for it. */
  readonly #waited = new Set<AbortController>();
  #isOver = false;

  /**
   * Runs `act` after all that was asked for before. Its signal aborts, with the other's name as its reason, when something
   * that was asked for waits for it: a verify that reads for hours then ends early. What is done unasked (`isPatient`)
   * waits without that.
   * @throws DeskPodError SUPERVISOR_UNREACHABLE with `isEnding` once {@link end} was called; what `act` throws
   */
  take<Result>(
    name: string,
    act: (signal: AbortSignal) => Promise<Result>,
    { isPatient = false }: { readonly isPatient?: boolean } = {},
  ): Promise<Result> {
    if (!isPatient) for (const waited of this.#waited) waited.abort(name);
    const own = new AbortController();
    this.#waited.add(own);
    const turn = this.#last.then(() => {
      if (!this.#isOver) return act(own.signal);
      throw new DeskPodError('SUPERVISOR_UNREACHABLE', 'the supervisor of this pod is ending', {
        hint: 'Run the command again.',
        details: { isEnding: true },
      });
    });
    this.#last = turn.catch(() => undefined).then(() => this.#waited.delete(own));
    return turn;
  }

  /** The pod is being freed: nothing that waits may touch it any more. */
  end(): void {
    this.#isOver = true;
  }
}

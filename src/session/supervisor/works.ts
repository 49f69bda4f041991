// What a supervisor is doing at the moment, for everybody who wants to watch: who asked for it alone gets the outcome.
import type { Progress, ProgressListener } from '../../core/progress.ts';
import { toWireError, type WireError } from './wire.ts';

/** Something that is done with a pod, as it stands. */
export interface WorkNews {
  /** Counts from 1 in each process. */
  readonly id: number;
  /** The operation: `sync`. */
  readonly name: string;
  readonly state: 'running' | 'done' | 'failed';
  readonly startedAtMs: number;
  /** The last thing it told. */
  readonly progress: Progress | undefined;
  /** Why it failed, without a trace. */
  readonly error: WireError | undefined;
}

/** Everything that is under way in one process. */
export class Works {
  readonly #running = new Map<number, WorkNews>();
  readonly #listeners = new Set<(news: WorkNews) => void>();
  #lastId = 0;

  /** Does something that others may watch. `act` reports its progress to them, and to `onProgress`. */
  async do<Result>(
    name: string,
    onProgress: ProgressListener,
    act: (onProgress: ProgressListener) => Promise<Result>,
  ): Promise<Result> {
    const id = ++this.#lastId;
    const about = { id, name, startedAtMs: Date.now(), error: undefined };
    let progress: Progress | undefined;
    this.#tell({ ...about, state: 'running', progress });
    try {
      const result = await act((step) => {
        progress = step;
        this.#tell({ ...about, state: 'running', progress });
        onProgress(step);
      });
      this.#tell({ ...about, state: 'done', progress });
      return result;
    } catch (error) {
      const { trace: _trace, ...told } = toWireError(error);
      this.#tell({ ...about, state: 'failed', progress, error: told });
      throw error;
    }
  }

  /** Tells `listener` what runs now, and all that happens until the returned function is called. */
  watch(listener: (news: WorkNews) => void): () => void {
    this.#listeners.add(listener);
    for (const news of this.#running.values()) listener(news);
    return () => this.#listeners.delete(listener);
  }

  #tell(news: WorkNews): void {
    if (news.state === 'running') this.#running.set(news.id, news);
    else this.#running.delete(news.id);
    for (const listener of this.#listeners) listener(news);
  }
}

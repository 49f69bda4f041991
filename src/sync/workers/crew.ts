// The threads that do the heavy work on chunks: started when there is enough of it, ended with what they serve.
import { setImmediate } from 'node:timers';
import { type Transferable, Worker } from 'node:worker_threads';
import { Bench } from './bench.ts';
import type { Answer, FailAnswer, Order, SetUp } from './messages.ts';

/** One who answers orders in their order. */
export interface Hand {
  /** Gives an order; `transfer` lists buffers that go over with it. Rejects with what made the work fail. */
  ask<O extends Order>(order: O, transfer?: Transferable[]): Promise<AnswerTo<O>>;
  /** How many orders are under way. */
  readonly busy: number;
}

/** What an order is answered with. */
export type AnswerTo<O extends Order> = Extract<Answer, { type: O['type'] }>;

interface Waiting {
  resolve(answer: Exclude<Answer, FailAnswer>): void;
  reject(error: unknown): void;
}

/** The threads of one content. Its owner ends it; the process can end at any moment that nothing is under way. */
export class Crew {
  /** How many threads there are once they are started. */
  readonly width: number;
  readonly #setUp: Omit<SetUp, 'type'>;
  #inline: Hand;
  #threads: Thread[] = [];

  /** @param width how many threads are started when there is enough to do */
  constructor(setUp: Omit<SetUp, 'type'>, width: number) {
    this.#setUp = setUp;
    this.width = width;
    this.#inline = new Inline(setUp);
  }

  /** The one on this thread: for little work, which a thread's start would outweigh. */
  get inline(): Hand {
    return this.#inline;
  }

  /** The thread with the least to do; started if need be. */
  thread(): Hand {
    if (this.#threads.length === 0) {
      this.#threads = Array.from({ length: this.width }, () => new Thread(this.#setUp));
    }
    return this.#threads.reduce((best, thread) => (thread.busy < best.busy ? thread : best));
  }

  /** True once threads run, so that even little work is best given to one. */
  get isStarted(): boolean {
    return this.#threads.length > 0;
  }

  /** Ends the threads and forgets what they held. */
  async end(): Promise<void> {
    const threads = this.#threads;
    this.#threads = [];
    this.#inline = new Inline(this.#setUp);
    await Promise.all(threads.map((thread) => thread.end()));
  }
}

/** Buffers that a thread is done with are freed when its young objects are: often, as there is room for few. */
const YOUNG_MB = 2;

class Inline implements Hand {
  readonly #bench: Bench;
  busy = 0;

  constructor(setUp: Omit<SetUp, 'type'>) {
    this.#bench = new Bench(setUp);
  }

  ask<O extends Order>(order: O): Promise<AnswerTo<O>> {
    this.busy++;
    return new Promise((resolve, reject) => {
      setImmediate(() => {
        this.busy--;
        const answer = this.#bench.answer(order);
        if (answer.type === 'fail') reject(answer.error);
        else resolve(answer as AnswerTo<O>);
      });
    });
  }
}

class Thread implements Hand {
  readonly #worker: Worker;
  /** Answers come in the order of the orders. */
  readonly #waiting: Waiting[] = [];
  readonly #setUp: Promise<unknown>;
  #failure: { readonly error: unknown } | undefined;

  constructor(setUp: Omit<SetUp, 'type'>) {
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), {
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    this.#worker.on('message', (answer: Answer) => this.#take(answer));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', (code) => this.#fail(new Error(`a worker thread ended with ${code}`)));
    this.#setUp = this.#send({ type: 'setUp', ...setUp }, []);
    this.#setUp.catch(() => undefined); // each order is told what failed
  }

  get busy(): number {
    return this.#waiting.length;
  }

  ask<O extends Order>(order: O, transfer: Transferable[] = []): Promise<AnswerTo<O>> {
    return this.#send(order, transfer) as Promise<AnswerTo<O>>;
  }

  /**
   * Ends the thread once it is set up, not before: native code that it loads meanwhile takes the end of its
   * thread for a fatal error, and ends the process. So the process lives until then as well.
   */
  async end(): Promise<void> {
    await this.#setUp.catch(() => undefined);
    await this.#worker.terminate();
  }

  #send(message: SetUp | Order, transfer: Transferable[]): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure.error);
        return;
      }
      // the process must live until the answer, and need not live for the thread alone
      if (this.#waiting.length === 0) this.#worker.ref();
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(message, transfer);
    });
  }

  #take(answer: Answer): void {
    const waiting = this.#waiting.shift();
    if (this.#waiting.length === 0) this.#worker.unref();
    if (answer.type === 'fail') waiting?.reject(answer.error);
    else waiting?.resolve(answer);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure.error);
  }
}

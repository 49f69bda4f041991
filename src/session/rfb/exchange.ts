// Who waits for what on an RFB connection: updates, fences, or the end of it.

import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { DeskPodError } from '../../core/errors.ts';
import { displayFault } from './fault.ts';
import { clientFence, FENCE } from './messages.ts';

/** More than this unsent means that the display has stopped reading. */
const UNSENT_LIMIT_BYTES = 8 * 1024 * 1024;

interface Waiter {
  /** The fence that has to come back first, as hex; undefined once it has, or if none was sent. */
  fence: string | undefined;
  readonly until: 'update' | 'fence';
  /** Pixels that have to come before it is an answer: displays send sizes and pointers in updates of their own. */
  neededPixels: number;
  readonly resolve: () => void;
  readonly reject: (error: DeskPodError) => void;
}

/**
 * Sends on one stream and matches what comes back. A display answers an update request once and says not to which
 * request an update belongs; a fence before the request (where the display knows fences) settles it.
 */
export class Exchange {
  readonly #stream: Duplex;
  readonly #waiters = new Set<Waiter>();
  #failure: DeskPodError | undefined;
  /** True once the display has shown that it answers fences. */
  knowsFences = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
  }

  /** Why the connection is over; undefined while it is not. */
  get failure(): DeskPodError | undefined {
    return this.#failure;
  }

  /** Sends bytes. Throws DISPLAY_FAILED if the connection is over or the display does not read. */
  send(...messages: readonly Uint8Array[]): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#stream.write(Buffer.concat(messages));
    if (this.#stream.writableLength > UNSENT_LIMIT_BYTES) {
      this.fail(displayFault(`does not read: ${this.#stream.writableLength} bytes wait to be sent`));
    }
  }

  /** Sends an update request; resolves when `neededPixels` have come that were drawn after it was read. */
  untilUpdate(request: Uint8Array, neededPixels: number, timeoutMs: number): Promise<void> {
    if (!this.knowsFences) return this.#wait({ until: 'update', neededPixels }, [request], timeoutMs);
    const { fence, message } = makeFence(FENCE.request | FENCE.syncNext);
    return this.#wait({ until: 'update', fence, neededPixels }, [message, request], timeoutMs);
  }

  /** Resolves when the display has read everything that was sent before. Needs `knowsFences`. */
  untilFence(timeoutMs: number): Promise<void> {
    const { fence, message } = makeFence(FENCE.request | FENCE.blockBefore);
    return this.#wait({ until: 'fence', fence }, [message], timeoutMs);
  }

  /** Resolves with the next update, whatever asked for it. */
  nextUpdate(timeoutMs: number): Promise<void> {
    return this.#wait({ until: 'update' }, [], timeoutMs);
  }

  /**
   * An update with `areaPixels` pixels has been taken; the display has `displayPixels` in all. True if somebody needs
   * more: an update answers the request that it follows even if it carried no pixels, so there must be another request.
   */
  onUpdate(areaPixels: number, displayPixels: number): boolean {
    let needsMore = false;
    for (const waiter of this.#waiters) {
      if (waiter.until !== 'update' || waiter.fence !== undefined) continue;
      waiter.neededPixels = Math.min(waiter.neededPixels, displayPixels) - areaPixels;
      if (waiter.neededPixels <= 0) waiter.resolve();
      else needsMore = true;
    }
    return needsMore;
  }

  /** A fence message has been read: an answer to ours, or a question that is answered here. */
  onFence(flags: number, payload: Uint8Array): void {
    this.knowsFences = true;
    if ((flags & FENCE.request) !== 0) {
      // who has hung up only waits for the other end to do so
      if (this.#stream.writableEnded) return;
      const known = FENCE.blockBefore | FENCE.blockAfter | FENCE.syncNext;
      this.send(clientFence(flags & known, payload));
      return;
    }
    const fence = Buffer.from(payload).toString('hex');
    for (const waiter of this.#waiters) {
      if (waiter.fence !== fence) continue;
      waiter.fence = undefined;
      if (waiter.until === 'fence') waiter.resolve();
    }
  }

  /** Ends the connection; everything that waits is rejected with `error`. Only the first failure counts. */
  fail(error: DeskPodError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#stream.destroy();
    for (const waiter of this.#waiters) waiter.reject(error);
  }

  #wait(
    { until, fence, neededPixels = 0 }: { until: Waiter['until']; fence?: string; neededPixels?: number },
    messages: readonly Uint8Array[],
    timeoutMs: number,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        until,
        fence,
        neededPixels,
        resolve: () => {
          settle();
          resolve();
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        waiter.reject(displayFault(`expected an answer within ${timeoutMs} ms, got none`, { timeoutMs }));
      }, timeoutMs);
      this.#waiters.add(waiter);
      if (this.#failure !== undefined) return waiter.reject(this.#failure);
      if (messages.length > 0) this.send(...messages);
    });
  }
}

function makeFence(flags: number): { readonly fence: string; readonly message: Buffer } {
  const payload = randomBytes(8);
  return { fence: payload.toString('hex'), message: clientFence(flags, payload) };
}

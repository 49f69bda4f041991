// A clock that stands still until a test lets time pass: days of schedules take no time.
import { Observable } from 'rxjs';
import type { Clock } from '../../../src/session/schedule/clock.ts';

interface Wait {
  atMs: number;
  readonly wake: () => void;
}

/** Local time is UTC. */
export class ManualClock implements Clock {
  #nowMs: number;
  readonly #waits = new Set<Wait>();

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  offsetAt(): number {
    return 0;
  }

  after(delayMs: number): Observable<unknown> {
    return new Observable((waiting) => {
      const wait: Wait = {
        atMs: this.#nowMs + delayMs,
        wake: () => {
          this.#waits.delete(wait);
          waiting.next(undefined);
          waiting.complete();
        },
      };
      this.#waits.add(wait);
      return () => this.#waits.delete(wait);
    });
  }

  /** Lets time pass: whoever waits is woken at his time. */
  pass(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs;
    for (;;) {
      const [next] = [...this.#waits].sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > untilMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.wake();
    }
    this.#nowMs = untilMs;
  }

  /** The clock shows another time, and no waking time has passed: the computer slept, or somebody has set it. */
  set(nowMs: number): void {
    for (const wait of this.#waits) wait.atMs += nowMs - this.#nowMs;
    this.#nowMs = nowMs;
  }
}

// The clock that schedules go by: a port, so that tests let days pass in no time.
import { type Observable, timer } from 'rxjs';

/** A clock with a wake-up call. */
export interface Clock {
  /** Milliseconds since 1970, as this host has them: they may jump. */
  now(): number;
  /** How far local time is ahead of UTC at a moment, in milliseconds. */
  offsetAt(atMs: number): number;
  /** Emits once, after so many milliseconds of waking time: while a computer sleeps they stand still. */
  after(delayMs: number): Observable<unknown>;
}

/** This host's. */
export const HOST_CLOCK: Clock = {
  now: () => Date.now(),
  offsetAt: (atMs) => -new Date(atMs).getTimezoneOffset() * 60_000,
  after: (delayMs) => timer(delayMs),
};

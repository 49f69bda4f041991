// Lending homes: whoever syncs gets them from whoever knows how each kind is reached.
import type { Home } from './home.ts';

/** A home that was lent. */
export interface LentHome {
  readonly home: Home;
  /** What is free on the device of a twin, which must take the files, too, when it is started. */
  readonly freeBytes?: () => Promise<number>;
}

/** Lends the home at a URL to `work`, and lets go of it afterwards: a twin may have to be mounted. */
export type LendHome = <T>(
  url: string,
  settings: { readonly bytesPerSecond?: number },
  work: (lent: LentHome) => Promise<T>,
) => Promise<T>;

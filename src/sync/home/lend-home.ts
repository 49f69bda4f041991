// Lending homes: whoever syncs gets them from whoever knows how each kind is reached.
import type { ProgressListener } from '../../core/progress.ts';
import type { Home } from './home.ts';

/** What became of the runtime that a twin carries. */
export interface Equipment {
  /** The log has an event of it. */
  readonly isChanged: boolean;
  /** What was not done, in sentences. */
  readonly warnings: readonly string[];
}

/** A home that was lent. */
export interface LentHome {
  readonly home: Home;
  /** What a twin calls itself, in hexadecimal: another one may come to lie at its place. */
  readonly deviceId?: () => Promise<string>;
  /** What is free on the device of a twin, which must take the files, too, when it is started. */
  readonly freeBytes?: () => Promise<number>;
  /** Brings what a twin carries for hosts that have nothing up to date, and leaves so much room free. */
  readonly equip?: (neededBytes: number, onProgress: ProgressListener) => Promise<Equipment>;
  /** Takes that away for the sake of what is sent; false if there is nothing to take. */
  readonly strip?: () => Promise<boolean>;
}

/** How what goes to a home is held back, or spread. */
export interface TransferSettings {
  /** The most that is sent in a second, to each home. */
  readonly bytesPerSecond?: number;
  /** How many transfers go to a home side by side; as many as fit if left out. */
  readonly streams?: number;
}

/** Lends the home at a URL to `work`, and lets go of it afterwards: a twin may have to be mounted. */
export type LendHome = <T>(
  url: string,
  settings: TransferSettings,
  work: (lent: LentHome) => Promise<T>,
) => Promise<T>;

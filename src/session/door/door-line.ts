// What the door and its page tell one another, as JSON. Pages import the types.

import type { PasskeyRequest } from '../../core/passkey-slot.ts';
import type { Progress } from '../../core/progress.ts';

/** What the door tells. Each line takes the place of the one before, but for a picture. */
export type DoorLine = LockedLine | OpeningLine | PictureLine | OpenLine;

/** A key is wanted. */
export interface LockedLine {
  readonly state: 'locked';
  /** The device, as it was named. */
  readonly place: string;
  readonly passkeys: readonly PasskeyRequest[];
  /** Why the last key did not open it, or what else was in the way. */
  readonly fault?: DoorFault;
  /** No key is taken for so long. */
  readonly waitMs: number;
}

/** What was in the way, in words. */
export interface DoorFault {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  /** What can be done about it with the same key. */
  readonly way?: Way;
}

/** Another way to start: a fresh session, the last checkpoint after a loss, a twin that becomes the pod. */
export type Way = 'fresh' | 'resume' | 'promote';

/** A key was given. */
export interface OpeningLine {
  readonly state: 'opening';
  readonly progress?: Progress;
}

/** The last picture of the screen that comes back. */
export interface PictureLine {
  readonly state: 'picture';
  readonly pngBase64: string;
}

/** The desktop is there: the page goes to its viewer, by an address that opens once. */
export interface OpenLine {
  readonly state: 'open';
  readonly url: string;
  readonly warnings: readonly string[];
}

/** What the page posts to `unlock`. */
export interface UnlockWish {
  readonly key:
    | { readonly passphrase: string }
    | { readonly recoveryKey: string }
    | { readonly passkey: string };
  readonly ways: readonly Way[];
}

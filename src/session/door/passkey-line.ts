// What the page that makes a passkey hears and posts, as JSON. The page imports the types.

import type { PasskeyRequest } from '../../core/passkey-slot.ts';
import type { DoorFault } from './door-line.ts';

/** What is told. Each line takes the place of the one before. */
export type PasskeyLine =
  | AskingLine
  /** The pod is being given the slot. */
  | { readonly state: 'taking' }
  | { readonly state: 'done'; readonly label: string }
  | { readonly state: 'failed'; readonly fault: DoorFault };

/** A passkey is to be made. */
export interface AskingLine {
  readonly state: 'asking';
  readonly podName: string;
  readonly label: string;
  /** The site that it is to be for. */
  readonly rpId: string;
  /** Those that the pod has: no authenticator is to make a second one. */
  readonly known: readonly PasskeyRequest[];
  /** What its pseudo-random function is to be asked for, in hexadecimal. */
  readonly first: string;
  readonly second: string;
}

/** What the page posts to `made`; bytes are hexadecimal. To `cancel` it posts an empty object. */
export interface MadePasskey {
  readonly credentialId: string;
  readonly transports: readonly string[];
  /** Both results, one after the other. */
  readonly prf: string;
}

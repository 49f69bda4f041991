// What the thread that watches a tree and whoever started it say to each other.
import type { GapCause } from './gap-cause.ts';

/** How the thread is started. */
export interface WatchOrder {
  readonly root: Uint8Array;
  /** Paths in the tree that are left out, with all below them. */
  readonly excluded: readonly Uint8Array[];
  /** Descriptor that is written to when there is a request: the thread waits for it and for events at once. */
  readonly bell: number;
}

/** What the thread can be asked. */
export type WatchRequest = { readonly type: 'take' } | { readonly type: 'stop' };

/** Dirty paths as they travel: one character for each byte. */
export interface DirtyKeys {
  /** To be looked at. */
  readonly alone: readonly string[];
  /** To be walked, too. */
  readonly whole: readonly string[];
}

/** What the thread says. */
export type WatchReport =
  /** Every folder is watched from now on, or it is known why not; said again after a failure. */
  | { readonly type: 'ready'; readonly isWatching: boolean; readonly folderCount: number }
  | {
      readonly type: 'taken';
      readonly dirty: DirtyKeys;
      readonly gaps: readonly GapCause[];
      readonly folderCount: number;
    }
  /** What changed lately, a few times a second: a hint, also if it is said twice or not at all. */
  | { readonly type: 'changed'; readonly paths: DirtyKeys }
  | { readonly type: 'gap'; readonly causes: readonly GapCause[] };

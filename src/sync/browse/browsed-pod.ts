// What looking into checkpoints needs of a pod, and how it hands over what it finds.
import type { LoggedEvent } from '../../core/events.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { PodState } from '../../core/state.ts';
import type { ContentReader } from '../files/restore.ts';

/** Content that can be read in order, a little ahead. */
export interface BrowsedContent extends ContentReader {
  /** The bytes of chunks, one after the other. */
  readChunks(ids: Iterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

/** A pod that can be looked into: an opened one, or one at home. */
export interface BrowsedPod {
  readonly state: PodState;
  readonly content: BrowsedContent;
  events(since: number): Promise<LoggedEvent[]>;
}

/** Takes one thing that was found; settles when it takes the next, so that nothing piles up. May throw to stop. */
export type Emit<Item> = (item: Item) => Promise<void> | void;

/** How a reading is watched and stopped. */
export interface BrowseOptions {
  readonly onProgress: ProgressListener;
  /** Stops it, with the signal's reason. */
  readonly signal: AbortSignal;
}

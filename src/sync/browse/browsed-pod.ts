// What looking into checkpoints needs of a pod, and how it hands over what it finds.
import { equalBytes } from '../../core/bytes.ts';
import type { LoggedEvent } from '../../core/events.ts';
import type { ManifestEntry } from '../../core/manifest.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { PodState } from '../../core/state.ts';
import type { ContentReader } from '../files/content-reader.ts';
import type { ChunkProof } from '../files/restore-patch.ts';
import { hashing } from '../hashing.ts';
import type { Pod } from '../pod/pod.ts';
import type { ChunkIndex } from '../repository/chunk-index.ts';
import type { FetchedPacks } from './home-packs.ts';

/** Content that can be read in order, a little ahead. */
export interface BrowsedContent extends ContentReader {
  /** The bytes of chunks, one after the other. */
  readChunks(ids: Iterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

/** A pod that can be looked into: an opened one, or one at home. */
export interface BrowsedPod {
  /** The URL of the home that it is looked into at; absent on its device. */
  readonly place?: string;
  readonly state: PodState;
  readonly content: BrowsedContent;
  readonly proof: ChunkProof;
  /** Told of each file that will be read, before any is: whoever has to fetch them can do so in one go. */
  readonly expect?: (entry: ManifestEntry) => void;
  /** What had to be fetched from elsewhere so far. */
  readonly fetched?: () => FetchedPacks;
  events(since: number): Promise<LoggedEvent[]>;
}

/** An opened pod, to be looked into. */
export function browsePod(pod: Pod): BrowsedPod {
  return {
    get state() {
      return pod.state;
    },
    content: pod.content,
    proof: proofBy(pod.projections.chunks, pod.secrets.chunkIdKey),
    events: (since) => pod.events(since),
  };
}

/** Proves bytes by the ids of chunks that an index knows. */
export function proofBy(index: Pick<ChunkIndex, 'locate'>, chunkIdKey: Uint8Array): ChunkProof {
  return {
    measure: async (id) => index.locate(id)?.plainLength,
    proves: (id, bytes) => equalBytes(hashing.hmac(chunkIdKey, bytes), id),
  };
}

/** Takes one thing that was found; settles when it takes the next, so that nothing piles up. May throw to stop. */
export type Emit<Item> = (item: Item) => Promise<void> | void;

/** How a reading is watched and stopped. */
export interface BrowseOptions {
  readonly onProgress: ProgressListener;
  /** Stops it, with the signal's reason. */
  readonly signal: AbortSignal;
}

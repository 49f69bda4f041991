// Following a pod that is open: what is done with it, and each event of its log as it is written.
import type { LoggedEvent } from '../../core/events.ts';
import type { PodState } from '../../core/state.ts';
import type { BrowseOptions, Emit } from '../../sync/browse/browsed-pod.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import type { WorkNews, Works } from './works.ts';

/** How a pod is followed. */
export interface FollowRequest {
  /** Begin with the event at this position; without it, with the next one that is written. */
  readonly since?: number;
}

/** What happened since the item before. */
export interface FollowItem {
  /** Without a gap. */
  readonly events: readonly LoggedEvent[];
  /** How each work stands that has gone on. */
  readonly works: readonly WorkNews[];
}

/** An item has so many at most. */
const EVENTS_MAX = 500;

/** What is needed of a pod. */
type FollowedLog = Pick<Pod, 'events' | 'onAppended'> & { readonly state: Pick<PodState, 'seq'> };

/** Follows one pod. It ends only when it is stopped. */
export type Follow = (
  request: FollowRequest,
  emit: Emit<FollowItem>,
  options: Pick<BrowseOptions, 'signal'>,
) => Promise<never>;

/**
 * Makes `follow` of an opened pod. Whoever reads slowly misses steps of progress, but no event and no end of a work; nothing
 * piles up for him.
 */
export function following(pod: FollowedLog, works: Works): Follow {
  return async ({ since = pod.state.seq + 1 }, emit, { signal }) => {
    let nextSeq = since;
    const news = new Map<number, WorkNews>();
    let wake = Promise.withResolvers<void>();
    const happened = (): void => wake.resolve();
    const undo = [
      pod.onAppended(happened),
      works.watch((work) => {
        news.set(work.id, work);
        happened();
      }),
    ];
    signal.addEventListener('abort', happened, { once: true });
    try {
      for (;;) {
        // told to stop, it still says what has happened until now: a suspend is the last thing that does
        const isLast = signal.aborted;
        wake = Promise.withResolvers<void>();
        const works = [...news.values()];
        news.clear();
        const isBehind = nextSeq <= pod.state.seq;
        const events = isBehind ? await pod.events(nextSeq, nextSeq + EVENTS_MAX - 1) : [];
        nextSeq += events.length;
        if (events.length > 0 || works.length > 0) await emit({ events, works });
        if (isLast) throw signal.reason;
        if (news.size === 0 && nextSeq > pod.state.seq && !signal.aborted) await wake.promise;
      }
    } finally {
      signal.removeEventListener('abort', happened);
      for (const each of undo) each();
    }
  };
}

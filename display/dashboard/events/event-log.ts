// The events of a pod that a filter lets through: read backwards a page at a time, and joined by new ones as they come.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { EventPage, ExplainedEvent } from '../../../src/session/dashboard/contract.ts';
import { dayBounds } from '../figures.ts';
import { get } from '../link/api.ts';
import { type Failure, failureOf, isAborted } from '../link/failure.ts';
import { onEvents } from '../link/store.ts';
import type { EventFilter } from '../route.ts';

const PAGE_SIZE = 200;
/** Events are told by then, if they are told at all. */
const TOLD_WITHIN_MS = 500;

/** What was read so far. */
export interface EventLog {
  /** Newest first. */
  readonly events: readonly ExplainedEvent[];
  readonly isLoading: boolean;
  /** There are older ones. */
  readonly hasMore: boolean;
  readonly failure: Failure | undefined;
  /** Reads on, into the past. */
  readonly readMore: () => void;
}

interface State {
  readonly key: string;
  readonly events: readonly ExplainedEvent[];
  /** The next page ends before it; undefined at the beginning of the log. */
  readonly before: number | undefined;
  readonly isLoading: boolean;
  readonly failure: Failure | undefined;
}

/**
 * `revision` is another whenever all is to be read again. `seq` is the position of the log as the overview has it: what was
 * not told as it came, of a pod without a supervisor or while the connection was lost, is read then.
 */
export function useEventLog(pod: string, filter: EventFilter, revision: string, seq: number): EventLog {
  const { words, topic, isWarning, day } = filter;
  const toldSeq = useRef(seq);
  const key = JSON.stringify([pod, words, topic, isWarning, day, revision]);
  const [state, setState] = useState<State>(begun(key));
  const control = useRef<AbortController | undefined>(undefined);
  const current = state.key === key ? state : begun(key);
  const load = useCallback(
    async (from: State): Promise<void> => {
      const stop = new AbortController();
      control.current = stop;
      setState({ ...from, isLoading: true, failure: undefined });
      try {
        const page = await get<EventPage>(`pods/${pod}/events?${queryOf(filter, from.before)}`, stop);
        setState((former) => {
          const known = former.key === key ? former.events : [];
          // new ones may have come meanwhile, and are on the page that was read, too
          const oldest = known.at(-1)?.seq ?? Number.POSITIVE_INFINITY;
          const older = page.events.filter((event) => event.seq < oldest && isWanted(event, filter));
          return { ...from, events: [...known, ...older], before: page.before, isLoading: false };
        });
      } catch (thrown) {
        if (stop.signal.aborted || isAborted(thrown)) return;
        setState((former) => ({ ...former, isLoading: false, failure: failureOf(thrown) }));
      }
    },
    [key],
  );
  useEffect(() => {
    const stopListening = onEvents((of, events) => {
      if (of !== pod) return;
      toldSeq.current = Math.max(toldSeq.current, events.at(-1)?.seq ?? 0);
      const wanted = events.filter((event) => isWanted(event, filter)).toReversed();
      if (wanted.length === 0) return;
      setState((former) => {
        if (former.key !== key) return former;
        const newest = former.events[0]?.seq ?? 0;
        return { ...former, events: [...wanted.filter(({ seq }) => seq > newest), ...former.events] };
      });
    });
    toldSeq.current = seq;
    void load(begun(key));
    return () => {
      stopListening();
      control.current?.abort();
    };
  }, [key]);
  useEffect(() => {
    const stop = new AbortController();
    const topUp = async (): Promise<void> => {
      if (seq <= toldSeq.current) return;
      toldSeq.current = seq;
      try {
        const page = await get<EventPage>(`pods/${pod}/events?${queryOf(filter, undefined)}`, stop);
        setState((former) => (former.key === key ? joined(former, page, filter) : former));
      } catch (thrown) {
        if (stop.signal.aborted || isAborted(thrown)) return;
        setState((former) => ({ ...former, failure: failureOf(thrown) }));
      }
    };
    const timer = setTimeout(() => void topUp(), TOLD_WITHIN_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [key, seq]);
  return {
    events: current.events,
    isLoading: current.isLoading,
    hasMore: current.before !== undefined,
    failure: current.failure,
    readMore: () => {
      if (!current.isLoading) void load(current);
    },
  };
}

/** The newest page before what was read so far; in its place, if there is a gap between. */
function joined(former: State, page: EventPage, filter: EventFilter): State {
  const newest = former.events[0]?.seq ?? 0;
  const wanted = page.events.filter((event) => isWanted(event, filter));
  const added = wanted.filter((event) => event.seq > newest);
  const isGap = added.length === wanted.length && page.before !== undefined;
  if (isGap) return { ...former, events: wanted, before: page.before };
  return { ...former, events: [...added, ...former.events] };
}

/** Whether a filter lets an event through. */
export function isWanted({ atMs, words }: ExplainedEvent, filter: EventFilter): boolean {
  const bounds = dayBounds(filter.day);
  return (
    (filter.topic === '' || words.topic === filter.topic) &&
    (!filter.isWarning || words.weight === 'warning') &&
    words.text.toLowerCase().includes(filter.words.toLowerCase()) &&
    (bounds === undefined || (atMs >= bounds.fromMs && atMs < bounds.untilMs))
  );
}

function queryOf({ words, topic, isWarning, day }: EventFilter, before: number | undefined): URLSearchParams {
  const query = new URLSearchParams({ limit: String(PAGE_SIZE) });
  if (before !== undefined) query.set('before', String(before));
  if (words !== '') query.set('words', words);
  if (topic !== '') query.set('topics', topic);
  if (isWarning) query.set('weight', 'warning');
  const bounds = dayBounds(day);
  if (bounds !== undefined) {
    query.set('sinceMs', String(bounds.fromMs));
    query.set('untilMs', String(bounds.untilMs));
  }
  return query;
}

function begun(key: string): State {
  return { key, events: [], before: Number.MAX_SAFE_INTEGER, isLoading: true, failure: undefined };
}

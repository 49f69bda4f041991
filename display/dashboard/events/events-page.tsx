// Every event of a pod's log in words, newest first, with what one looks for picked out.
import type { JSX } from 'preact';
import { useEffect, useId, useMemo, useRef, useState } from 'preact/hooks';
import type { ExplainedEvent, PodOverview } from '../../../src/session/dashboard/contract.ts';
import { dayNumber, dayText, momentText } from '../figures.ts';
import { now } from '../link/store.ts';
import { FailureNote } from '../parts/failure-note.tsx';
import { Icon } from '../parts/icons.tsx';
import { ALL_EVENTS, type EventFilter } from '../route.ts';
import { replaceRoute } from '../router.ts';
import { useEventLog } from './event-log.ts';
import { EVENT_TOPICS, TOPIC_NAMES } from './topics.ts';

/** A person who types has not said all yet. */
const TYPING_MS = 250;

interface EventsPageProps {
  readonly pod: PodOverview;
  readonly filter: EventFilter;
}

/** The address says what is picked out, so that it can be kept and gone back to. */
export function EventsPage({ pod, filter }: EventsPageProps): JSX.Element {
  const log = useEventLog(pod.id, filter, String(pod.access === 'locked'), pod.known?.seq ?? 0);
  const { events, isLoading, hasMore, failure, readMore } = log;
  const end = useRef<HTMLDivElement>(null);
  const isFiltered = JSON.stringify(filter) !== JSON.stringify(ALL_EVENTS);
  useEffect(() => {
    if (end.current === null || isLoading || !hasMore || failure !== undefined) return;
    const sight = new IntersectionObserver(([entry]) => {
      if (entry?.isIntersecting ?? false) readMore();
    });
    sight.observe(end.current);
    return () => sight.disconnect();
  });
  return (
    <>
      <Filter pod={pod.id} filter={filter} />
      {failure === undefined ? null : (
        <FailureNote failure={failure} of="The events could not be read">
          <button type="button" onClick={readMore}>
            Read them again
          </button>
        </FailureNote>
      )}
      <EventDays events={events} />
      {!isLoading && !hasMore && events.length === 0 && failure === undefined ? (
        <div class="empty">
          <p>{isFiltered ? 'No event is like that.' : 'Its log has no events.'}</p>
          {isFiltered ? (
            <button
              type="button"
              onClick={() => replaceRoute({ page: 'events', pod: pod.id, filter: ALL_EVENTS })}
            >
              Show all
            </button>
          ) : null}
        </div>
      ) : null}
      <div ref={end} class="faint list-end">
        {isLoading
          ? 'Reading…'
          : hasMore
            ? ''
            : events.length > 0 && !isFiltered
              ? 'Here the log begins.'
              : ''}
      </div>
    </>
  );
}

function Filter({ pod, filter }: { readonly pod: string; readonly filter: EventFilter }): JSX.Element {
  const ids = { words: useId(), topic: useId(), day: useId() };
  const [words, setWords] = useState(filter.words);
  const change = (changed: Partial<EventFilter>): void =>
    replaceRoute({ page: 'events', pod, filter: { ...filter, words, ...changed } });
  useEffect(() => setWords(filter.words), [filter.words]);
  useEffect(() => {
    if (words === filter.words) return;
    const timer = setTimeout(() => change({ words }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [words, filter]);
  return (
    <search class="filter stuck">
      <label for={ids.words}>
        Words
        <input
          id={ids.words}
          type="search"
          value={words}
          maxLength={200}
          onInput={(event) => setWords(event.currentTarget.value)}
        />
      </label>
      <label for={ids.topic}>
        About
        <select
          id={ids.topic}
          value={filter.topic}
          onChange={(event) => {
            const { value } = event.currentTarget;
            change({ topic: EVENT_TOPICS.find((topic) => topic === value) ?? '' });
          }}
        >
          <option value="">everything</option>
          {EVENT_TOPICS.map((topic) => (
            <option key={topic} value={topic}>
              {TOPIC_NAMES[topic]}
            </option>
          ))}
        </select>
      </label>
      <label for={ids.day}>
        Day
        <input
          id={ids.day}
          type="date"
          value={filter.day}
          onChange={(event) => change({ day: event.currentTarget.value })}
        />
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={filter.isWarning}
          onChange={(event) => change({ isWarning: event.currentTarget.checked })}
        />
        Only warnings
      </label>
    </search>
  );
}

function EventDays({ events }: { readonly events: readonly ExplainedEvent[] }): JSX.Element {
  const days = useMemo(() => groupByDay(events), [events]);
  return (
    <>
      {days.map((day) => (
        <div key={day[0]?.seq} class="event-day">
          <h2>{dayText(day[0]?.atMs ?? 0, now.value)}</h2>
          <ol reversed class="events">
            {day.map((event) => (
              <EventItem key={event.seq} event={event} />
            ))}
          </ol>
        </div>
      ))}
    </>
  );
}

function EventItem({ event: { seq, atMs, event, words } }: { readonly event: ExplainedEvent }): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  return (
    <li class={`event event-${words.weight}`}>
      <time class="faint" dateTime={isoText(atMs)} title={momentText(atMs)}>
        {momentText(atMs).slice(-8)}
      </time>
      <span class="event-topic faint">{TOPIC_NAMES[words.topic]}</span>
      <span class="event-text">
        {words.weight === 'warning' ? (
          <>
            <Icon name="attention" class="mark mark-attention" />
            <span class="hidden">Warning: </span>
          </>
        ) : null}
        <bdi>{words.text}</bdi>
        {isOpen ? <pre>{JSON.stringify(event, null, 2)}</pre> : null}
      </span>
      <button
        type="button"
        class="quiet"
        aria-expanded={isOpen}
        aria-label={`Event ${seq} as the log has it`}
        onClick={() => setOpen(!isOpen)}
      >
        {seq}
      </button>
    </li>
  );
}

/** By the order of the log: a day that a wrong clock put in between is there twice. */
function groupByDay(events: readonly ExplainedEvent[]): readonly (readonly ExplainedEvent[])[] {
  const days: ExplainedEvent[][] = [];
  for (const event of events) {
    const day = days.at(-1);
    const first = day?.[0];
    if (day === undefined || first === undefined || dayNumber(first.atMs) !== dayNumber(event.atMs))
      days.push([event]);
    else day.push(event);
  }
  return days;
}

function isoText(atMs: number): string {
  const date = new Date(atMs);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}

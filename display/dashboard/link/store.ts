// What the page knows at the moment: all that it is told while it is open, for every part of it.
import { computed, type Signal, signal } from '@preact/signals';
import type { ExplainedEvent, Overview, PodOverview, Work } from '../../../src/session/dashboard/contract.ts';
import { type Failure, RequestError } from './failure.ts';

/** How the page and the dashboard's program stand to each other. */
export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'open' }
  /** Nobody will answer here any more. */
  | { readonly state: 'ended'; readonly failure: Failure };

/** How often texts like “4 minutes ago” are looked at again. */
const CLOCK_TICK_MS = 5000;

/** Undefined until it came for the first time; after the connection has ended, what came last. */
export const overview: Signal<Overview | undefined> = signal(undefined);
export const connection: Signal<Connection> = signal({ state: 'connecting' });
/** What runs, has failed, or was done a moment ago, by its id. */
export const works: Signal<ReadonlyMap<string, Work>> = signal(new Map());
/** The moment that texts like “4 minutes ago” go by. */
export const now: Signal<number> = signal(Date.now());
/** What is said to those who do not see the page; a later text replaces an earlier one. */
export const announcement: Signal<string> = signal('');

/** False while nothing can be asked for. */
export const canAsk = computed(() => connection.value.state === 'open');

/** @throws RequestError once the connection has ended: what answers now may be anybody */
export function requireConnection(): void {
  const current = connection.peek();
  if (current.state === 'ended') throw new RequestError(current.failure);
}

/** Is told of new events of a pod. */
export type EventListener = (pod: string, events: readonly ExplainedEvent[]) => void;

const eventListeners = new Set<EventListener>();

/** Listens to events as they come; answers how to stop. */
export function onEvents(listener: EventListener): () => void {
  eventListeners.add(listener);
  return () => void eventListeners.delete(listener);
}

/** Hands events to all who listen. */
export function tellEvents(pod: string, events: readonly ExplainedEvent[]): void {
  for (const listener of eventListeners) listener(pod, events);
}

/** The place with this id, if it is known. */
export function findPod(id: string): PodOverview | undefined {
  return overview.value?.pods.find((pod) => pod.id === id);
}

/** Puts what an answer said of a pod in the place of what was known: the next overview may be a while. */
export function replacePod(pod: PodOverview): void {
  const known = overview.peek();
  if (known === undefined) return;
  overview.value = { ...known, pods: known.pods.map((each) => (each.id === pod.id ? pod : each)) };
}

/** Says something to those who do not see the page. */
export function announce(text: string): void {
  announcement.value = text;
}

/** Keeps {@link now} going while the page can be seen. */
export function startClock(): void {
  const look = (): void => {
    if (document.visibilityState === 'visible') now.value = Date.now();
  };
  setInterval(look, CLOCK_TICK_MS);
  document.addEventListener('visibilitychange', look);
}

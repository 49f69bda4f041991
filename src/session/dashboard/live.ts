// What every open page is told: the overview when it changes, the progress of all that runs, new events with their words.
import type { WebSocket } from 'ws';
import { explainEvent } from '../../core/event-words.ts';
import type { LoggedEvent } from '../../core/events.ts';
import type { ExplainedEvent, LiveMessage, Overview, Work } from './contract.ts';

/** The overview is told so often at most. */
const OVERVIEW_EVERY_MS = 500;
/** Steps of progress are told so often at most; the end of a work at once. */
const PROGRESS_EVERY_MS = 100;
/** A page that lets this much pile up is gone. */
const UNSENT_LIMIT_BYTES = 8 * 1024 * 1024;
/** In one message. */
const EVENTS_MAX = 200;

/** The close code of a page whose dashboard ends. */
export const DASHBOARD_ENDED = 4004;

/** An event with its words. */
export function explained({ seq, atMs, event }: LoggedEvent): ExplainedEvent {
  return { seq, atMs, event, words: explainEvent(event) };
}

/** Tells all pages the same. */
export class LiveChannel {
  readonly #pages = new Set<WebSocket>();
  readonly #works = new Map<string, Work>();
  readonly #waiting = new Map<string, Work>();
  readonly #onPresence: (isWatched: boolean) => void;
  #overview: Overview;
  #overviewTimer: NodeJS.Timeout | undefined;
  #progressTimer: NodeJS.Timeout | undefined;

  /** `onPresence` is told when the first page comes and when the last one has gone. */
  constructor(overview: Overview, onPresence: (isWatched: boolean) => void) {
    this.#overview = overview;
    this.#onPresence = onPresence;
  }

  /** True while a page is open. */
  get isWatched(): boolean {
    return this.#pages.size > 0;
  }

  /** Takes a new page's WebSocket; it hears the overview and what runs at once. */
  add(page: WebSocket): void {
    this.#pages.add(page);
    page.on('close', () => {
      this.#pages.delete(page);
      if (this.#pages.size === 0) this.#onPresence(false);
    });
    page.on('error', () => page.terminate());
    page.on('message', () => page.close(1003, 'pages send nothing here'));
    send(page, { kind: 'overview', overview: this.#overview });
    for (const work of this.#works.values()) send(page, { kind: 'work', work });
    if (this.#pages.size === 1) this.#onPresence(true);
  }

  /** There is a new overview: it is told soon, or one that comes meanwhile. */
  tellOverview(overview: Overview): void {
    this.#overview = overview;
    this.#overviewTimer ??= setTimeout(() => {
      this.#overviewTimer = undefined;
      this.#sendAll({ kind: 'overview', overview: this.#overview });
    }, OVERVIEW_EVERY_MS);
  }

  /** A work has gone on. */
  tellWork(work: Work): void {
    if (work.state !== 'running') {
      this.#works.delete(work.id);
      this.#waiting.delete(work.id);
      this.#sendAll({ kind: 'work', work });
      return;
    }
    const isNew = !this.#works.has(work.id);
    this.#works.set(work.id, work);
    if (isNew) {
      this.#sendAll({ kind: 'work', work });
      return;
    }
    this.#waiting.set(work.id, work);
    this.#progressTimer ??= setTimeout(() => {
      this.#progressTimer = undefined;
      for (const waiting of this.#waiting.values()) this.#sendAll({ kind: 'work', work: waiting });
      this.#waiting.clear();
    }, PROGRESS_EVERY_MS);
  }

  /** Works whose names begin with `prefix` are over, and nobody tells how they ended. */
  endWorks(prefix: string): void {
    for (const work of this.#works.values())
      if (work.id.startsWith(prefix)) this.tellWork({ ...work, state: 'over' });
  }

  /** A pod has new events. */
  tellEvents(pod: string, events: readonly LoggedEvent[]): void {
    if (this.#pages.size === 0) return;
    for (let at = 0; at < events.length; at += EVENTS_MAX)
      this.#sendAll({ kind: 'events', pod, events: events.slice(at, at + EVENTS_MAX).map(explained) });
  }

  /** Ends the channel of every page; resolves when all have heard. */
  async close(): Promise<void> {
    clearTimeout(this.#overviewTimer);
    clearTimeout(this.#progressTimer);
    const closing = [...this.#pages].map((page) => {
      const closed = new Promise<void>((resolve) => {
        page.once('close', () => resolve());
      });
      page.close(DASHBOARD_ENDED, 'the dashboard was ended');
      return closed;
    });
    await Promise.all(closing);
  }

  #sendAll(message: LiveMessage): void {
    for (const page of this.#pages) send(page, message);
  }
}

function send(page: WebSocket, message: LiveMessage): void {
  if (page.bufferedAmount > UNSENT_LIMIT_BYTES) page.terminate();
  else if (page.readyState === page.OPEN) page.send(JSON.stringify(message));
}

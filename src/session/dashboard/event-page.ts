// A page of a pod's log, newest first, with the words of each event; searched backwards a piece at a time.
import { DeskPodError } from '../../core/errors.ts';
import type { Operations } from '../operation/operations.ts';
import type { EventPage, ExplainedEvent } from './contract.ts';
import { explained } from './live.ts';

const DEFAULT_LIMIT = 200;
const LIMIT_MAX = 1000;
/** So many events are read at once. */
const PIECE = 5000;
const WORDS_MAX = 200;

type ReadLog = (range: Operations['log']['parameters']) => Promise<Operations['log']['answer']>;

/** @throws DeskPodError USAGE for a query that is none; what reading the log throws */
export async function readEventPage(query: URLSearchParams, readLog: ReadLog): Promise<EventPage> {
  const limit = positiveIn(query, 'limit', LIMIT_MAX) ?? DEFAULT_LIMIT;
  const isWanted = wantedBy(query);
  const end = (await readLog({ since: Number.MAX_SAFE_INTEGER })).seq;
  let before = Math.min(positiveIn(query, 'before', Number.MAX_SAFE_INTEGER) ?? end + 1, end + 1);
  const found: ExplainedEvent[] = [];
  while (before > 1 && found.length < limit) {
    const since = Math.max(1, before - PIECE);
    const { events } = await readLog({ since, until: before - 1 });
    before = since;
    for (const logged of events.toReversed()) {
      const event = explained(logged);
      if (!isWanted(event)) continue;
      found.push(event);
      if (found.length < limit) continue;
      before = event.seq;
      break;
    }
  }
  return { events: found, before: before > 1 ? before : undefined };
}

function wantedBy(query: URLSearchParams): (event: ExplainedEvent) => boolean {
  const types = listIn(query, 'types');
  const topics = listIn(query, 'topics');
  const weight = query.get('weight');
  const words = (query.get('words') ?? '').slice(0, WORDS_MAX).toLowerCase();
  const sinceMs = positiveIn(query, 'sinceMs', Number.MAX_SAFE_INTEGER) ?? Number.NEGATIVE_INFINITY;
  const untilMs = positiveIn(query, 'untilMs', Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY;
  return ({ atMs, event, words: told }) =>
    (types.size === 0 || types.has(event.type)) &&
    (topics.size === 0 || topics.has(told.topic)) &&
    (weight === null || told.weight === weight) &&
    atMs >= sinceMs &&
    atMs <= untilMs &&
    (words === '' || told.text.toLowerCase().includes(words));
}

function listIn(query: URLSearchParams, name: string): ReadonlySet<string> {
  return new Set((query.get(name) ?? '').split(',').filter((each) => each !== ''));
}

function positiveIn(query: URLSearchParams, name: string, most: number): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const value = Number(text);
  if (/^[1-9]\d*$/.test(text) && Number.isSafeInteger(value)) return Math.min(value, most);
  throw new DeskPodError('USAGE', `expected ${name} to be a number from 1 on`);
}

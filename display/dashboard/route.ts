// Addresses of the app: what stands after the # of the page's own address, and what it means.

import { decodePath, encodePath } from './byte-path.ts';
import { EVENT_TOPICS, type EventTopic } from './events/topics.ts';

/** What can be looked at. `pod` is the id of a place, as the API has it. */
export type Route =
  | { readonly page: 'overview' }
  | { readonly page: 'timeline'; readonly pod: string; readonly checkpoint?: number }
  | { readonly page: 'compare'; readonly pod: string; readonly before: number; readonly after: number }
  | { readonly page: 'files'; readonly pod: string; readonly checkpoint: number; readonly path: Uint8Array }
  | { readonly page: 'why'; readonly pod: string; readonly checkpoint: number; readonly path: Uint8Array }
  | { readonly page: 'charts'; readonly pod: string }
  | { readonly page: 'events'; readonly pod: string; readonly filter: EventFilter }
  | { readonly page: 'unknown' };

/** Which events are shown; empty fields mean all. */
export interface EventFilter {
  readonly words: string;
  readonly topic: EventTopic | '';
  readonly isWarning: boolean;
  /** As a field for dates has it: `2026-11-29`. */
  readonly day: string;
}

/** All events. */
export const ALL_EVENTS: EventFilter = { words: '', topic: '', isWarning: false, day: '' };

/** The address of a route, with its #. */
export function hrefOf(route: Route): string {
  switch (route.page) {
    case 'overview':
    case 'unknown':
      return '#/';
    case 'timeline': {
      const { pod, checkpoint } = route;
      return checkpoint === undefined ? `#/pod/${pod}` : `#/pod/${pod}/checkpoint/${checkpoint}`;
    }
    case 'compare':
      return `#/pod/${route.pod}/compare/${route.before}/${route.after}`;
    case 'files':
    case 'why':
      return `#/pod/${route.pod}/${route.page}/${route.checkpoint}/${encodePath(route.path)}`;
    case 'charts':
      return `#/pod/${route.pod}/charts`;
    case 'events': {
      const { words, topic, isWarning, day } = route.filter;
      const query = new URLSearchParams();
      if (words !== '') query.set('words', words);
      if (topic !== '') query.set('topic', topic);
      if (isWarning) query.set('warnings', 'yes');
      if (day !== '') query.set('day', day);
      return `#/pod/${route.pod}/events${query.size === 0 ? '' : `?${query}`}`;
    }
  }
}

/** What an address means, from its #. */
export function routeOf(hash: string): Route {
  const [place = '', query = ''] = split(hash.replace(/^#/, ''), '?');
  const [root, first, pod, page, ...rest] = place.split('/');
  if (root !== '' || (first ?? '') === '')
    return { page: place === '' || place === '/' ? 'overview' : 'unknown' };
  if (first !== 'pod' || pod === undefined || !/^[0-9a-f]{1,64}$/.test(pod)) return { page: 'unknown' };
  const [one, two] = [numberOf(rest[0]), numberOf(rest[1])];
  switch (page) {
    case undefined:
    case '':
      return { page: 'timeline', pod };
    case 'checkpoint':
      return one === undefined ? { page: 'unknown' } : { page: 'timeline', pod, checkpoint: one };
    case 'compare':
      if (one === undefined || two === undefined) return { page: 'unknown' };
      return { page, pod, before: one, after: two };
    case 'files':
    case 'why':
      if (one === undefined) return { page: 'unknown' };
      return { page, pod, checkpoint: one, path: decodePath(rest.slice(1).join('/')) };
    case 'charts':
      return { page, pod };
    case 'events':
      return { page, pod, filter: filterOf(new URLSearchParams(query)) };
    default:
      return { page: 'unknown' };
  }
}

/** What stays the same while a page only shows something else of the same. */
export function placeOf(route: Route): string {
  switch (route.page) {
    case 'overview':
    case 'unknown':
      return route.page;
    case 'files':
    case 'why':
    case 'compare':
      return hrefOf(route);
    default:
      return `${route.page}/${route.pod}`;
  }
}

function filterOf(query: URLSearchParams): EventFilter {
  const topic = query.get('topic') ?? '';
  return {
    words: query.get('words') ?? '',
    topic: EVENT_TOPICS.find((each) => each === topic) ?? '',
    isWarning: query.get('warnings') === 'yes',
    day: query.get('day') ?? '',
  };
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined;
}

function split(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + mark.length)];
}

// What events are about, in the words of the page.
import type { EventTopic } from '../../../src/core/event-words.ts';

export type { EventTopic };

/** What each topic is called. */
export const TOPIC_NAMES: Readonly<Record<EventTopic, string>> = {
  checkpoint: 'Checkpoints',
  session: 'Session',
  home: 'Homes',
  device: 'Device',
  keys: 'Keys',
  verify: 'Verifying',
  settings: 'Settings',
};

/** All topics, in the order in which they are offered. */
export const EVENT_TOPICS = Object.keys(TOPIC_NAMES) as readonly EventTopic[];

// What is said of a checkpoint: why it was made, where it lies, how much it changed.

import type { CheckpointReason } from '../../../src/core/events.ts';
import type { Timeline, TimelineCheckpoint } from '../../../src/session/dashboard/contract.ts';
import { shortDayText } from '../figures.ts';

/** Why a checkpoint was made. */
export const REASON_TEXTS: Readonly<Record<CheckpointReason, string>> = {
  suspend: 'at a suspend',
  live: 'while the session went on',
  files: 'of the files',
  install: 'for an installation',
  schedule: 'on schedule',
  dock: 'when it met its home',
};

/** Where a checkpoint lies. */
export type Whereabouts = 'here' | 'home' | 'both' | 'nowhere';

/** What each is called. */
export const WHERE_TEXTS: Readonly<Record<Whereabouts, string>> = {
  here: 'only here',
  home: 'only at home',
  both: 'here and at home',
  nowhere: 'nowhere any more',
};

/** Where a checkpoint lies, all homes taken together. */
export function whereaboutsOf({ isHere, homes }: TimelineCheckpoint): Whereabouts {
  if (isHere) return homes.length > 0 ? 'both' : 'here';
  return homes.length > 0 ? 'home' : 'nowhere';
}

/** What a tile shows by its place and its signs, for those who do not see them. */
export function unseenText(checkpoint: TimelineCheckpoint): string {
  const { atMs, reason, hasSession, isDoubted } = checkpoint;
  return [
    shortDayText(atMs),
    REASON_TEXTS[reason],
    WHERE_TEXTS[whereaboutsOf(checkpoint)],
    ...(hasSession ? ['with its session'] : []),
    ...(isDoubted ? ['looks like a loss'] : []),
  ].join(', ');
}

/** The homes that have a checkpoint, and those that do not. */
export function homesOf(
  { homes }: Timeline,
  checkpoint: TimelineCheckpoint,
): { readonly having: readonly string[]; readonly lacking: readonly string[] } {
  const has = new Set(checkpoint.homes);
  return {
    having: homes.filter((_, place) => has.has(place)),
    lacking: homes.filter((_, place) => !has.has(place)),
  };
}

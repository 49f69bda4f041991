// The room that a device keeps free: how much that is, and which checkpoints may go for it.
import { pinnedCheckpoints } from './checkpoint-retention.ts';
import type { HomeState } from './home-state.ts';
import type { PodState } from './state.ts';

const MEBIBYTE = 2 ** 20;
const USUAL_SHARE = 0.05;
const USUAL_LEAST_BYTES = 256 * MEBIBYTE;
const USUAL_MOST_BYTES = 4096 * MEBIBYTE;
/** More of a tiny device would be no reserve any more. */
const TINY_SHARE = 0.1;
/** Once it is thinned, so much more becomes free than must be: or each further checkpoint would lead to a prune. */
const SLACK_SHARE = 0.25;
/** Nobody asks for more of a device than this. */
export const RESERVE_SHARE_MAX = 0.5;

/** How much a device of this size keeps free if nobody says how much. */
export function usualReserve(totalBytes: number): number {
  const share = Math.max(totalBytes * USUAL_SHARE, USUAL_LEAST_BYTES);
  return Math.floor(Math.min(share, totalBytes * TINY_SHARE, USUAL_MOST_BYTES));
}

/**
 * How much of a device of this size is to stay free for a pod: nothing, unless it makes checkpoints by itself or somebody has
 * said how much.
 */
export function reserveOf({ scheduling: { reserveBytes, schedules } }: PodState, totalBytes: number): number {
  if (reserveBytes !== undefined) return reserveBytes;
  return schedules.length === 0 ? 0 : usualReserve(totalBytes);
}

/** How much is to be free after a device was thinned for a reserve. */
export function thinnedTo(reserveBytes: number): number {
  return Math.ceil(reserveBytes * (1 + SLACK_SHARE));
}

/**
 * Numbers of the checkpoints that may go, in the order in which they do: those that a home has, oldest first. Never the
 * newest, and never one that the pod needs itself. `isKeeper` says which homes keep what is forgotten here: a twin does not.
 */
export function expendableCheckpoints(state: PodState, isKeeper: (home: HomeState) => boolean): number[] {
  const pinned = pinnedCheckpoints(state);
  const keptUpTo = Math.max(
    0,
    ...state.homes.filter(isKeeper).map(({ seq, revertedSeq = seq }) => Math.min(seq, revertedSeq)),
  );
  return state.checkpoints
    .slice(0, -1)
    .filter(({ seq, number }) => seq <= keptUpTo && !pinned.has(number))
    .map(({ number }) => number);
}

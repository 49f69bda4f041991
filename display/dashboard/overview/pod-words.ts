// What the overview says of a pod, and what can be asked of it, judged from what is known.

import type { Health } from '../../../src/core/health.ts';
import type { HomeOfPod, PodOverview } from '../../../src/session/dashboard/contract.ts';
import { agoText, countOf, durationText, sizeText } from '../figures.ts';

/** How a pod is in a word or two, and how lively that is shown. */
export interface StateWords {
  readonly text: string;
  readonly tone: 'live' | 'rest' | 'shut' | 'lost';
}

/** What can be asked of a pod now. */
export interface PodChoices {
  readonly canView: boolean;
  readonly canStart: boolean;
  readonly canCheckpoint: boolean;
  readonly canSync: boolean;
  readonly canSuspend: boolean;
  readonly canUnlock: boolean;
  readonly canLock: boolean;
}

/** The word for each judgement of health. */
export const HEALTH_NAMES: Readonly<Record<Health['word'], string>> = {
  good: 'Good',
  attention: 'Needs attention',
  bad: 'In danger',
  unknown: 'Not known',
};

/** `Desktop`, `Folder`, `Twin`. */
export function kindName({ kind, isTwin }: PodOverview): string {
  if (isTwin) return 'Twin';
  return kind === 'tree' ? 'Folder' : 'Desktop';
}

/** The state of a pod. */
export function stateWords({ access, kind, isTwin, known }: PodOverview): StateWords {
  if (access === 'away') return { text: 'Not plugged in', tone: 'shut' };
  if (access === 'locked') return { text: 'Locked', tone: 'shut' };
  if (isTwin) return { text: 'Follows its pod', tone: 'rest' };
  if (known === undefined) return { text: 'Unlocked', tone: 'rest' };
  const { session, isRunning } = known;
  if (isRunning) return { text: kind === 'tree' ? 'Watched' : 'Running', tone: 'live' };
  switch (session.status) {
    case 'suspended':
      return { text: 'Suspended', tone: 'rest' };
    case 'lost':
      return { text: 'Session lost', tone: 'lost' };
    case 'running':
      // as far as its log knows, and yet not here
      return { text: 'Interrupted', tone: 'lost' };
    case 'none':
      return { text: kind === 'tree' ? 'At rest' : 'Not started', tone: 'rest' };
  }
}

/** What can be done with a pod, as far as it can be told before it is tried. */
export function choicesOf({ access, kind, isTwin, known }: PodOverview): PodChoices {
  const isReached = access === 'open' || access === 'unlocked';
  const isOwn = isReached && !isTwin;
  const isDesktop = kind === 'desktop';
  const isRunning = known?.isRunning ?? false;
  return {
    canView: isReached && isDesktop && isRunning,
    canStart: isOwn && isDesktop && !isRunning,
    canCheckpoint: isOwn && (!isDesktop || known?.session.status !== 'suspended'),
    canSync: isOwn && (known?.homes.length ?? 0) > 0,
    canSuspend: access === 'open' && isDesktop && isRunning,
    canUnlock: access === 'locked',
    canLock: access === 'unlocked',
  };
}

/** `23 s of work, 4 MB`: what a home lacks; `nothing`. */
export function lackText(
  { missingWork, missingBytes, missingCheckpoints, syncedAtMs }: HomeOfPod,
  nowMs: number,
): string {
  if (syncedAtMs === undefined)
    return missingBytes === 0 ? 'everything' : `everything, ${sizeText(missingBytes)}`;
  const workMs = missingWork === undefined ? 0 : (missingWork.untilMs ?? nowMs) - missingWork.sinceMs;
  const parts = [
    ...(workMs < 1000 ? [] : [`${durationText(workMs)} of work`]),
    ...(missingBytes === 0 ? [] : [sizeText(missingBytes)]),
  ];
  if (parts.length > 0) return parts.join(', ');
  return missingCheckpoints === 0 ? 'nothing' : countOf(missingCheckpoints, 'checkpoint');
}

/** When and how a pod was last verified, the device and its homes together; undefined if it never was. */
export function verifiedText(known: PodOverview['known'], nowMs: number): string | undefined {
  const latest = [...(known?.verifications ?? [])].sort((one, other) => other.atMs - one.atMs);
  const whole = latest.find(({ depth }) => depth === 'data');
  if (whole !== undefined)
    return `${agoText(whole.atMs, nowMs)}, every byte ${placeText(whole.place)}${damageText(whole.leftCount)}`;
  const [any] = latest;
  if (any === undefined) return undefined;
  return `${agoText(any.atMs, nowMs)}, all in its place ${placeText(any.place)}${damageText(any.leftCount)}`;
}

function placeText(place: string): string {
  return place === 'device' ? 'on the device' : `at ${place}`;
}

function damageText(leftCount: number): string {
  return leftCount === 0 ? '' : `; ${leftCount} damaged`;
}

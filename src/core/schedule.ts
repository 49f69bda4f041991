// Schedules: when a pod makes checkpoints by itself.
import { invalidSchedule, parseCron } from './cron.ts';

/** What a schedule says. */
export interface Schedule {
  /** `every N minutes`, counted from 1970 on, or five fields of cron, in the local time of the host that the pod runs on. */
  readonly when: string;
  /** None is made if nobody has used the session since the last checkpoint. */
  readonly isWhileInUse: boolean;
  /** By how much it may come later, at the most, so that not all pods of a place work at the same moment. */
  readonly jitterMs: number;
}

/** A schedule of a pod's log. */
export interface KeptSchedule extends Schedule {
  /** Counts from 1 over the whole life of the pod. */
  readonly number: number;
  readonly setAtMs: number;
}

const MINUTE_MS = 60_000;
/** A week: longer ones are said by days of the calendar. */
const EVERY_MINUTES_MAX = 7 * 24 * 60;
/** Later than this a schedule is another one. */
export const JITTER_MAX_MS = 12 * 60 * MINUTE_MS;
const USUAL_JITTER_MS = MINUTE_MS;
/** Of the time between two checkpoints. */
const USUAL_JITTER_SHARE = 0.05;

/** The minutes of `every N minutes`; undefined if `when` is an expression of cron. @throws DeskPodError SCHEDULE_INVALID */
export function everyMinutesOf(when: string): number | undefined {
  const match = /^every (\d{1,6}) minutes$/.exec(when);
  if (match === null) return undefined;
  const minutes = Number(match[1]);
  if (minutes >= 1 && minutes <= EVERY_MINUTES_MAX) return minutes;
  throw invalidSchedule(`“${when}”: expected from 1 to ${EVERY_MINUTES_MAX} minutes between checkpoints`);
}

/** True for what the `when` of a schedule can be. */
export function isWhen(when: unknown): boolean {
  if (typeof when !== 'string') return false;
  try {
    if (everyMinutesOf(when) === undefined) parseCron(when);
    return true;
  } catch {
    return false;
  }
}

/** How much later checkpoints may come if nobody says how much. */
export function usualJitterMs(when: string): number {
  const minutes = everyMinutesOf(when);
  return minutes === undefined
    ? USUAL_JITTER_MS
    : Math.min(USUAL_JITTER_MS, Math.floor(minutes * MINUTE_MS * USUAL_JITTER_SHARE));
}

// Days of use: on how many days somebody worked with the pod. While it lies in a drawer nothing is added that could be lost.
import type { LoggedEvent, PodEvent } from './events.ts';

const DAY_MS = 86_400_000;
/** More than anybody is warned by; a clock that is years off makes no more of one session either. */
const KEPT_DAYS = 62;

/** 24 hours that began with a use: no time zone is known, and an evening that ends after midnight is one day. */
export interface UseDay {
  readonly startMs: number;
  /** Position of its last use. */
  readonly seq: number;
}

/** The use that a home lacks. */
export interface MissingUse {
  /** At most 62. */
  readonly days: number;
  /** When the latest day of use began, also if home has it; 0 if there was none. */
  readonly lastStartMs: number;
}

const USES: ReadonlySet<PodEvent['type']> = new Set<PodEvent['type']>([
  'session.started',
  'session.resumed',
  'session.suspended',
  'session.stopped',
  'packages.installed',
  'checkpoint.sealed',
]);

/** The days after one more event; `wasRunning` tells whether a session ran until then: its days count, too. */
export function useDaysAfter(
  days: readonly UseDay[],
  { seq, atMs, event }: LoggedEvent,
  wasRunning: boolean,
): readonly UseDay[] {
  if (!USES.has(event.type)) return days;
  const last = days.at(-1);
  if (last === undefined) return [{ startMs: atMs, seq }];
  const sinceMs = atMs - last.startMs;
  if (sinceMs >= 0 && sinceMs < DAY_MS) return [...days.slice(0, -1), { startMs: last.startMs, seq }];
  const passedDays = wasRunning ? Math.floor(sinceMs / DAY_MS) : 0;
  if (passedDays < 1 || passedDays > KEPT_DAYS) return [...days, { startMs: atMs, seq }].slice(-KEPT_DAYS);
  const added = Array.from({ length: passedDays }, (_, index) => ({
    startMs: last.startMs + (index + 1) * DAY_MS,
    seq,
  }));
  return [...days, ...added].slice(-KEPT_DAYS);
}

/** What a home lacks that has everything up to `homeSeq`. */
export function missingUseAfter(days: readonly UseDay[], homeSeq: number): MissingUse {
  return {
    days: days.filter(({ seq }) => seq > homeSeq).length,
    lastStartMs: days.at(-1)?.startMs ?? 0,
  };
}

/** The same by now: a session that runs has used the days since. */
export function countUseDays({ days, lastStartMs }: MissingUse, isRunning: boolean, nowMs: number): number {
  if (!isRunning || lastStartMs === 0) return days;
  const passedDays = Math.floor((nowMs - lastStartMs) / DAY_MS);
  return days + (passedDays >= 1 && passedDays <= KEPT_DAYS ? passedDays : 0);
}

// When a schedule is due: a pure judgement of its times, of the clock, and of what has been answered already.
import { type LocalOffset, nextTime } from './next-time.ts';
import type { KeptSchedule } from './schedule.ts';

/** What a schedule is judged by. */
export interface DueFacts {
  /** By the clock of this host. */
  readonly nowMs: number;
  readonly offsetAt: LocalOffset;
  /** Whose pod it is: each has a delay of its own. Hexadecimal. */
  readonly podId: string;
  /** Up to here nothing was missed: a checkpoint was sealed then, or the pod stood as one has it. By the clock of the log. */
  readonly servedAtMs: number;
  /** When it was last tried here, if it was. */
  readonly triedAtMs: number | undefined;
  /** Since when this host's clock goes on without having been set back, as far as is known: at most when it began to be asked. */
  readonly baselineMs: number;
}

/** A time of a schedule. */
export interface DueTime {
  /** When the schedule means it. */
  readonly slotMs: number;
  /** When it is to be done. */
  readonly dueMs: number;
}

/** What was missed is not made up for before a start has settled. */
const SETTLE_MS = 30_000;
/** A delay takes at most so much of the time until the next one. */
const JITTER_SHARE = 0.5;

/**
 * The time of a schedule that is not answered yet: the first one after what was. Is it past by much, it was missed, and all
 * that were missed are made up for by one.
 *
 * A time that lies ahead of the clock is not believed: some host's clock was wrong, and its schedules are not to wait for years.
 * @throws DeskPodError SCHEDULE_INVALID
 */
export function dueTime(schedule: KeptSchedule, facts: DueFacts): DueTime {
  const { nowMs, offsetAt, podId, servedAtMs, triedAtMs, baselineMs } = facts;
  const believed = (atMs: number): number => (atMs <= nowMs ? atMs : baselineMs);
  const sinceMs = Math.max(
    ...[schedule.setAtMs, servedAtMs, triedAtMs ?? servedAtMs].map((atMs) => believed(atMs)),
  );
  const slotMs = nextTime(schedule.when, sinceMs, offsetAt);
  const gapMs = nextTime(schedule.when, slotMs, offsetAt) - slotMs;
  const delayMs = Math.floor(
    shareOf(podId, schedule.number) * Math.min(schedule.jitterMs, gapMs * JITTER_SHARE),
  );
  const dueMs = slotMs + delayMs;
  return { slotMs, dueMs: slotMs < baselineMs ? Math.max(dueMs, baselineMs + SETTLE_MS) : dueMs };
}

/** True if nobody has used a session since its last checkpoint; false if that is not known. */
export function isUnused(
  idleMs: number | undefined,
  { nowMs, servedAtMs }: Pick<DueFacts, 'nowMs' | 'servedAtMs'>,
): boolean {
  return idleMs !== undefined && servedAtMs <= nowMs && idleMs > nowMs - servedAtMs;
}

/** From 0 to 1, always the same for a schedule of a pod. Ids of pods are drawn at random. */
function shareOf(podId: string, number: number): number {
  const drawn = Number.parseInt(podId.slice(0, 8), 16) / 2 ** 32;
  const share = (Number.isFinite(drawn) ? drawn : 0) + number * 0.618_033_988_75;
  return share - Math.floor(share);
}

// What a home lacks of a pod: checkpoints, bytes, and the time of work that would be lost with the device.
import type { HomeState } from './home-state.ts';
import type { Checkpoint, PodState } from './state.ts';
import { type MissingUse, missingUseAfter } from './use-days.ts';

/** What a home lacks. */
export interface MissingAtHome {
  /** The last checkpoint that is there, of those that were not forgotten. */
  readonly lastCheckpoint: Pick<Checkpoint, 'number' | 'atMs'> | undefined;
  /** Checkpoints that home does not have yet. */
  readonly missingCheckpoints: number;
  /** Bytes of their packs. */
  readonly missingBytes: number;
  /** Undefined if home has all that is known. */
  readonly missingWork: WorkSpan | undefined;
  /** On how many days it was used since. */
  readonly missingUse: MissingUse;
}

/** A time of work, by the clocks that the log was written with. */
export interface WorkSpan {
  /**
   * The last checkpoint that home has, or the creation of the pod; the start of the session that runs, if no checkpoint came
   * since: while the pod lay in a drawer nobody worked with it.
   */
  readonly sinceMs: number;
  /** The last checkpoint; undefined while the session runs: then it is now. */
  readonly untilMs: number | undefined;
}

/** What a home of the pod lacks. */
export function missingAtHome(state: PodState, home: HomeState): MissingAtHome {
  const { checkpoints, session, createdAtMs, useDays } = state;
  const homeSeq = Math.max(home.seq, home.docked?.seq ?? 0);
  const missing = checkpoints.filter(({ seq }) => seq > homeSeq);
  const there = checkpoints.findLast(({ seq }) => seq <= homeSeq);
  const isRunning = session.status === 'running';
  const untilMs = isRunning ? undefined : missing.at(-1)?.atMs;
  const isMissing = isRunning || missing.length > 0;
  const thereMs = there?.atMs ?? createdAtMs;
  const sinceMs = isRunning && missing.length === 0 ? Math.max(thereMs, session.sinceMs) : thereMs;
  return {
    lastCheckpoint: there === undefined ? undefined : { number: there.number, atMs: there.atMs },
    missingCheckpoints: missing.length,
    missingBytes: missing.reduce((sum, { stats }) => sum + stats.storedBytes, 0),
    missingWork: isMissing ? { sinceMs, untilMs } : undefined,
    missingUse: missingUseAfter(useDays, homeSeq),
  };
}

// What is said of a pod's schedules and reserve, whether somebody keeps them at the moment or not.

import { nextTime } from '../../core/next-time.ts';
import { reserveOf } from '../../core/reserve.ts';
import type { KeptSchedule } from '../../core/schedule.ts';
import { describeSchedule } from '../../core/schedule-words.ts';
import type { Shortage } from '../../core/scheduling.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { measureSpace } from '../../sync/retention/keep-reserve.ts';
import { HOST_CLOCK } from './clock.ts';
import type { RunnerReport, ScheduleFailure } from './schedule-runner.ts';

/** A schedule as it is shown. */
export interface ScheduleReport extends KeptSchedule {
  readonly words: string;
  /** When it is done next; while nobody keeps it, when it would be. */
  readonly nextAtMs: number;
}

/** The room that is kept free. */
export interface ReserveReport {
  /** 0 if none is. */
  readonly reserveBytes: number;
  /** Nobody said how much: it is as much as is usual for the device. */
  readonly isUsual: boolean;
  readonly freeBytes: number;
  /** There while that much is not free, and nothing more can go for it. */
  readonly shortage: Shortage | undefined;
}

/** The schedules of a pod. */
export interface SchedulingReport {
  /** They are kept: the session runs, or the folder is watched. */
  readonly isKept: boolean;
  readonly schedules: readonly ScheduleReport[];
  /** Why the last checkpoint on schedule was not made, if it was not. */
  readonly failure: ScheduleFailure | undefined;
  /** Undefined if the device does not say how much of it is free. */
  readonly reserve: ReserveReport | undefined;
}

/** Tells of the schedules of an opened pod; `runner` is who keeps them, if anybody does. */
export async function reportScheduling(
  pod: Pick<Pod, 'state' | 'folder'>,
  runner: RunnerReport | undefined,
): Promise<SchedulingReport> {
  const { schedules } = pod.state.scheduling;
  const nowMs = HOST_CLOCK.now();
  return {
    isKept: runner !== undefined,
    schedules: schedules.map((schedule) => ({
      ...schedule,
      words: describeSchedule(schedule),
      nextAtMs: runner?.nextAtMs.get(schedule.number) ?? nextTime(schedule.when, nowMs, HOST_CLOCK.offsetAt),
    })),
    failure: withoutTrace(runner?.failure),
    reserve: await reportReserve(pod),
  };
}

async function reportReserve(pod: Pick<Pod, 'state' | 'folder'>): Promise<ReserveReport | undefined> {
  const { scheduling } = pod.state;
  // of a drive that was pulled out the rest is still to be told
  const space = await measureSpace(pod).catch(() => undefined);
  if (space === undefined) return undefined;
  return {
    reserveBytes: reserveOf(pod.state, space.totalBytes),
    isUsual: scheduling.reserveBytes === undefined,
    freeBytes: space.freeBytes,
    shortage: scheduling.shortage,
  };
}

function withoutTrace(failure: ScheduleFailure | undefined): ScheduleFailure | undefined {
  if (failure === undefined) return undefined;
  const { trace: _trace, ...error } = failure.error;
  return { ...failure, error };
}

// What a pod's log says of its schedules, and of the room that its device is to keep free: a fold, and the decisions on it.
import { DeskPodError } from './errors.ts';
import type { LoggedEvent, PodEvent } from './events.ts';
import { isWhen, JITTER_MAX_MS, type KeptSchedule, type Schedule } from './schedule.ts';
import type { ReserveShort } from './schedule-events.ts';

/** The schedules of a pod. */
export interface Scheduling {
  /** By number. */
  readonly schedules: readonly KeptSchedule[];
  /** Number of the one that was set last, removed or not; 0 before the first. */
  readonly lastNumber: number;
  /** Up to here no schedule has missed anything: a checkpoint was sealed then, or the pod stood as one has it. */
  readonly servedAtMs: number;
  /** How much of the device is to stay free; undefined for as much as is usual, 0 for none. */
  readonly reserveBytes: number | undefined;
  /** There while that much is not free, and nothing more can go. */
  readonly shortage: Shortage | undefined;
}

/** Too little room. */
export interface Shortage extends Omit<ReserveShort, 'type' | 'v'> {
  readonly atMs: number;
}

/** Before the first event. */
export const NO_SCHEDULES: Scheduling = {
  schedules: [],
  lastNumber: 0,
  servedAtMs: 0,
  reserveBytes: undefined,
  shortage: undefined,
};

/** What can be asked about schedules. */
export type ScheduleCommand =
  | { readonly type: 'setSchedule'; readonly schedule: Schedule }
  | { readonly type: 'removeSchedule'; readonly number: number }
  | { readonly type: 'setReserve'; readonly reserveBytes: number | undefined }
  | {
      readonly type: 'noteRoom';
      readonly isEnough: boolean;
      readonly room: Omit<ReserveShort, 'type' | 'v'>;
    };

/** The schedules after one more event; the same object if it says nothing of them. */
export function evolveScheduling(scheduling: Scheduling, { atMs, event }: LoggedEvent): Scheduling {
  switch (event.type) {
    case 'checkpoint.sealed':
    case 'session.resumed':
      return { ...scheduling, servedAtMs: atMs };
    case 'schedule.set': {
      const { type: _type, v: _v, ...schedule } = event;
      const others = scheduling.schedules.filter(({ number }) => number !== event.number);
      return {
        ...scheduling,
        schedules: [...others, { ...schedule, setAtMs: atMs }].sort((a, b) => a.number - b.number),
        lastNumber: Math.max(scheduling.lastNumber, event.number),
      };
    }
    case 'schedule.removed':
      return {
        ...scheduling,
        schedules: scheduling.schedules.filter(({ number }) => number !== event.number),
      };
    case 'reserve.set':
      return { ...scheduling, reserveBytes: event.reserveBytes, shortage: undefined };
    case 'reserve.short': {
      const { type: _type, v: _v, ...room } = event;
      return { ...scheduling, shortage: { ...room, atMs } };
    }
    case 'reserve.kept':
      return { ...scheduling, shortage: undefined };
    case 'restore.completed':
      // of the device before
      return { ...scheduling, shortage: undefined };
    default:
      return scheduling;
  }
}

/**
 * The events that a command about schedules leads to. A schedule that is there already is not set again, and a lack of room
 * that lasts is told once.
 * @throws DeskPodError SCHEDULE_NOT_FOUND
 */
export function decideScheduling(scheduling: Scheduling, command: ScheduleCommand): PodEvent[] {
  const { schedules, lastNumber, shortage } = scheduling;
  switch (command.type) {
    case 'setSchedule': {
      const { when, isWhileInUse, jitterMs } = command.schedule;
      const isJitter = Number.isSafeInteger(jitterMs) && jitterMs >= 0 && jitterMs <= JITTER_MAX_MS;
      if (!isWhen(when) || !isJitter)
        throw new RangeError(`expected a schedule, got ${JSON.stringify(command.schedule)}`);
      if (findSame(scheduling, command.schedule) !== undefined) return [];
      return [{ type: 'schedule.set', v: 1, number: lastNumber + 1, when, isWhileInUse, jitterMs }];
    }
    case 'removeSchedule':
      if (!schedules.some(({ number }) => number === command.number)) {
        throw new DeskPodError('SCHEDULE_NOT_FOUND', `the pod has no schedule ${command.number}`, {
          hint: 'List them with `deskpod schedule`.',
          details: { number: command.number },
        });
      }
      return [{ type: 'schedule.removed', v: 1, number: command.number }];
    case 'setReserve': {
      const { reserveBytes } = command;
      return [{ type: 'reserve.set', v: 1, ...(reserveBytes === undefined ? {} : { reserveBytes }) }];
    }
    case 'noteRoom':
      if (command.isEnough === (shortage === undefined)) return [];
      return [{ type: command.isEnough ? 'reserve.kept' : 'reserve.short', v: 1, ...command.room }];
  }
}

/** The schedule that says the same. */
export function findSame({ schedules }: Scheduling, asked: Schedule): KeptSchedule | undefined {
  return schedules.find(
    ({ when, isWhileInUse, jitterMs }) =>
      when === asked.when && isWhileInUse === asked.isWhileInUse && jitterMs === asked.jitterMs,
  );
}

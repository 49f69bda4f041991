// The next time of a schedule, by a clock that is set forwards and back twice a year.
import { dateOf } from './calendar.ts';
import { type CronFields, parseCron } from './cron.ts';
import { everyMinutesOf } from './schedule.ts';

/** How far the local clock is ahead of UTC at a moment, in milliseconds. */
export type LocalOffset = (atMs: number) => number;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** 1970-01-01 was a Thursday. */
const WEEKDAY_OF_EPOCH = 4;
/** A 29th of February on a certain weekday comes after 40 years at the latest. */
const SEARCH_DAYS = 41 * 366;

/**
 * The first time of a schedule after a moment.
 *
 * A local time that the clock jumps over comes as much later; one that it goes through twice comes the first time, but for
 * schedules that go by minutes alone.
 * @throws DeskPodError SCHEDULE_INVALID
 */
export function nextTime(when: string, afterMs: number, offsetAt: LocalOffset): number {
  const minutes = everyMinutesOf(when);
  if (minutes !== undefined) {
    const everyMs = minutes * MINUTE_MS;
    return (Math.floor(afterMs / everyMs) + 1) * everyMs;
  }
  const fields = parseCron(when);
  const today = Math.floor((afterMs + offsetAt(afterMs)) / DAY_MS);
  // a clock that goes back across midnight goes through the end of yesterday again
  for (let day = today - 1; day < today + SEARCH_DAYS; day++) {
    const soonest = firstOn(day, fields, afterMs, offsetAt);
    if (soonest !== undefined)
      return Math.min(soonest, firstOn(day + 1, fields, afterMs, offsetAt) ?? soonest);
  }
  throw new TypeError(`a schedule that never comes: ${when}`);
}

/** The first time after a moment on a local day, counted from 1970. */
function firstOn(
  day: number,
  fields: CronFields,
  afterMs: number,
  offsetAt: LocalOffset,
): number | undefined {
  if (!isMeant(day, fields)) return undefined;
  const around = { before: offsetAt((day - 1) * DAY_MS), after: offsetAt((day + 2) * DAY_MS), offsetAt };
  let first: number | undefined;
  for (const hour of fields.hours) {
    for (const minute of fields.minutes) {
      const localMs = day * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS;
      for (const atMs of momentsOf(localMs, around, fields.isEveryHour))
        if (atMs > afterMs && (first === undefined || atMs < first)) first = atMs;
      // where no clock is set they come in order
      if (first !== undefined && around.before === around.after) return first;
    }
  }
  return first;
}

function isMeant(day: number, { months, daysOfMonth, daysOfWeek, isEitherDay }: CronFields): boolean {
  const { month, day: dayOfMonth } = dateOf(day);
  if (!months.includes(month)) return false;
  const isDate = daysOfMonth.includes(dayOfMonth);
  const isWeekday = daysOfWeek.includes((((day + WEEKDAY_OF_EPOCH) % 7) + 7) % 7);
  return isEitherDay ? isDate || isWeekday : isDate && isWeekday;
}

/** The offsets of the local clock around a day: before it, and after it. */
interface AroundDay {
  readonly before: number;
  readonly after: number;
  readonly offsetAt: LocalOffset;
}

/** When the local clock shows a time: mostly once; if it jumps over that, as much later. */
function momentsOf(
  localMs: number,
  { before, after, offsetAt }: AroundDay,
  isEveryHour: boolean,
): readonly number[] {
  if (before === after) return [localMs - before];
  const shown = [before, after]
    .map((offsetMs) => localMs - offsetMs)
    .filter((atMs) => atMs + offsetAt(atMs) === localMs);
  if (shown.length === 0) return [localMs - before];
  return isEveryHour ? shown : [Math.min(...shown)];
}

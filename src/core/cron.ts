// Cron expressions: five fields of local time, as crontab(5) has them, read into the numbers that each allows.
import { DeskPodError } from './errors.ts';

/** What each field allows, ascending. */
export interface CronFields {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly daysOfMonth: readonly number[];
  readonly months: readonly number[];
  /** 0 is Sunday. */
  readonly daysOfWeek: readonly number[];
  /** As in crontab(5): if both sorts of days are restricted, a day that fits one of them is meant. */
  readonly isEitherDay: boolean;
  /** It goes by minutes alone: where a clock goes through an hour twice, both are meant. */
  readonly isEveryHour: boolean;
}

interface FieldRange {
  readonly what: string;
  readonly least: number;
  readonly most: number;
  /** Names of numbers, from `least` on. */
  readonly names: readonly string[];
}

const MINUTE: FieldRange = { what: 'minute', least: 0, most: 59, names: [] };
const HOUR: FieldRange = { what: 'hour', least: 0, most: 23, names: [] };
const DAY: FieldRange = { what: 'day of the month', least: 1, most: 31, names: [] };
const MONTH: FieldRange = {
  what: 'month',
  least: 1,
  most: 12,
  names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
};
/** 7 is Sunday, too. */
const WEEKDAY: FieldRange = {
  what: 'day of the week',
  least: 0,
  most: 7,
  names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'],
};
const MONTH_DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** What every refusal of a schedule says next. */
const SCHEDULE_HINT =
  'Say “every 15 minutes while in use”, “hourly”, “nightly at 3”, “on weekdays at 18:30”, or five fields of cron: minute, hour, day, month, weekday.';

/**
 * Reads an expression of five fields.
 * @throws DeskPodError SCHEDULE_INVALID for any other, one that is for times within a minute, and one that never comes
 */
export function parseCron(text: string): CronFields {
  const parts = text.trim().toLowerCase().split(/\s+/);
  if (parts.length === 6 || parts.length === 7) {
    throw invalidSchedule(
      `“${text}” has ${parts.length} fields, and would go by seconds: a checkpoint is made each minute at most`,
    );
  }
  if (parts.length !== 5)
    throw invalidSchedule(`“${text}”: expected five fields of cron, got ${parts.length}`);
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = parts;
  const fields: CronFields = {
    minutes: parseField(minute, MINUTE),
    hours: parseField(hour, HOUR),
    daysOfMonth: parseField(day, DAY),
    months: parseField(month, MONTH),
    daysOfWeek: ascending(parseField(weekday, WEEKDAY).map((number) => number % 7)),
    isEitherDay: !day.startsWith('*') && !weekday.startsWith('*'),
    isEveryHour: hour === '*',
  };
  if (!everComes(fields)) throw invalidSchedule(`“${text}” never comes: none of its months has such a day`);
  return fields;
}

/** The error for words or an expression that make no schedule. */
export function invalidSchedule(message: string): DeskPodError {
  return new DeskPodError('SCHEDULE_INVALID', message, { hint: SCHEDULE_HINT });
}

function parseField(text: string, range: FieldRange): readonly number[] {
  const numbers = text.split(',').flatMap((item) => parseItem(item, range));
  return ascending(numbers);
}

function parseItem(item: string, range: FieldRange): number[] {
  const match = /^(\*|[0-9a-z]+(?:-[0-9a-z]+)?)(?:\/(\d{1,3}))?$/.exec(item);
  if (match === null) throw wrongField(item, range);
  const [, span = '', stepText] = match;
  const step = stepText === undefined ? 1 : Number(stepText);
  if (step < 1) throw wrongField(item, range);
  let [first, last] = [range.least, range === WEEKDAY ? 6 : range.most];
  if (span !== '*') {
    const [from = '', to] = span.split('-');
    first = parseNumber(from, item, range);
    if (to !== undefined) last = parseNumber(to, item, range);
    else if (stepText === undefined) last = first;
    if (last < first) throw wrongField(item, range);
  }
  const numbers: number[] = [];
  for (let number = first; number <= last; number += step) numbers.push(number);
  return numbers;
}

function parseNumber(text: string, item: string, range: FieldRange): number {
  const named = range.names.indexOf(text);
  const number = named >= 0 ? named + range.least : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= range.least && number <= range.most) return number;
  throw wrongField(item, range);
}

function wrongField(item: string, { what, least, most }: FieldRange): DeskPodError {
  return invalidSchedule(`“${item}” is no ${what} of cron: expected numbers from ${least} to ${most}`);
}

/** Each weekday falls on each date in some year: only a date that no month has never comes. */
function everComes({ daysOfMonth, months, isEitherDay }: CronFields): boolean {
  const first = daysOfMonth[0] ?? 0;
  return isEitherDay || months.some((month) => first <= (MONTH_DAYS[month - 1] ?? 0));
}

function ascending(numbers: readonly number[]): number[] {
  return [...new Set(numbers)].sort((a, b) => a - b);
}

// Schedules in plain words: what a person says becomes a schedule, and a schedule is told in words that say the same.
import { type CronFields, invalidSchedule, parseCron } from './cron.ts';
import { everyMinutesOf, type Schedule } from './schedule.ts';

/** What the words of a schedule say. */
export type SaidSchedule = Pick<Schedule, 'when' | 'isWhileInUse'>;

/** A time of the day. */
interface DayTime {
  readonly hour: number;
  readonly minute: number;
}

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
const WORKING_DAYS = '1-5';
const WEEKEND = '0,6';
/** When most people sleep. */
const NIGHT: DayTime = { hour: 3, minute: 0 };
const MIDNIGHT: DayTime = { hour: 0, minute: 0 };
const MINUTES_OF: Readonly<Record<string, number>> = { minute: 1, hour: 60, day: 24 * 60 };
const SHORTCUTS: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
};
const IN_USE = ' while in use';
const BY_CRON = 'by cron ';

/**
 * Reads plain words or an expression of cron, either with `while in use` at its end.
 * @throws DeskPodError SCHEDULE_INVALID
 */
export function parseSchedule(text: string): SaidSchedule {
  const words = text.trim().toLowerCase().replaceAll(/\s+/g, ' ');
  const isWhileInUse = words.endsWith(IN_USE);
  return { when: whenOf(isWhileInUse ? words.slice(0, -IN_USE.length) : words), isWhileInUse };
}

/** A schedule in words that {@link parseSchedule} reads as the same. */
export function describeSchedule({ when, isWhileInUse }: SaidSchedule): string {
  return `${describeWhen(when)}${isWhileInUse ? IN_USE : ''}`;
}

function whenOf(words: string): string {
  const shortcut = Object.hasOwn(SHORTCUTS, words) ? SHORTCUTS[words] : undefined;
  const when = shortcut ?? everyOf(words) ?? calendarOf(words);
  if (when !== undefined) return when;
  const cron = words.startsWith(BY_CRON) ? words.slice(BY_CRON.length) : words;
  if (!/^[*\d]/.test(cron)) throw invalidSchedule(`“${words}” is no schedule that deskpod understands`);
  parseCron(cron);
  return cron;
}

/** `every 15 minutes`, `every hour`, `hourly`. */
function everyOf(words: string): string | undefined {
  if (words === 'hourly' || words === 'every hour') return '0 * * * *';
  if (/^every (?:\d+ ?)?(?:seconds?|s|sec)$/.test(words)) {
    throw invalidSchedule(`“${words}” is too often: a checkpoint is made each minute at most`);
  }
  const match = /^every (?:(\d{1,6}) ?)?(minute|min|m|hour|h|day|d)s?$/.exec(words);
  if (match === null) return undefined;
  const [, count, unit = ''] = match;
  // one day is a time of the calendar, several are not
  if (unit.startsWith('d') && Number(count ?? 1) === 1) return cronAt(MIDNIGHT, '*');
  const name = Object.keys(MINUTES_OF).find((each) => each.startsWith(unit.charAt(0))) ?? unit;
  const when = `every ${Number(count ?? 1) * (MINUTES_OF[name] ?? 1)} minutes`;
  everyMinutesOf(when);
  return when;
}

/** `nightly at 3`, `on weekdays at 18:30`, `monthly on day 1 at noon`, `at 9`. */
function calendarOf(words: string): string | undefined {
  const [days = '', said] = splitLast(words, / ?\bat /);
  const time = said === undefined ? undefined : dayTimeOf(said);
  if (/^(nightly|every night)$/.test(days)) return cronAt(time ?? NIGHT, '*');
  if (/^(daily|every day)$/.test(days) || (days === '' && time !== undefined))
    return cronAt(time ?? MIDNIGHT, '*');
  const monthly = /^(?:monthly|every month)(?: on (?:the |day )?(\d{1,2})(?:st|nd|rd|th)?)?$/.exec(days);
  if (monthly !== null) {
    const when = `${fieldsAt(time ?? MIDNIGHT)} ${Number(monthly[1] ?? 1)} * *`;
    parseCron(when);
    return when;
  }
  const weekdays = weekdaysOf(days);
  return weekdays === undefined ? undefined : cronAt(time ?? MIDNIGHT, weekdays);
}

/** The field of cron for `on weekdays`, `every weekend`, `weekly on monday`, `on mondays and thursdays`. */
function weekdaysOf(days: string): string | undefined {
  if (/^(weekly|every week)$/.test(days)) return '0';
  const named = /^(?:(?:weekly|every week) )?(?:on|every) (.+)$/.exec(days)?.[1];
  if (named === undefined) return undefined;
  if (/^(weekdays?|working days?)$/.test(named)) return WORKING_DAYS;
  if (/^weekends?$/.test(named)) return WEEKEND;
  const numbers = named.split(/,? and |, ?/).map((name) => {
    const singular = name.replace(/s$/, '');
    return WEEKDAYS.findIndex((day) => [day.toLowerCase(), day.slice(0, 3).toLowerCase()].includes(singular));
  });
  if (numbers.includes(-1)) return undefined;
  return [...new Set(numbers)].sort((a, b) => a - b).join(',');
}

/** `3`, `03:00`, `3pm`, `18:30`, `noon`, `midnight`. @throws DeskPodError SCHEDULE_INVALID */
function dayTimeOf(text: string): DayTime {
  if (text === 'noon') return { hour: 12, minute: 0 };
  if (text === 'midnight') return MIDNIGHT;
  const match = /^(\d{1,2})(?:[:.](\d{2}))? ?(am|pm)?$/.exec(text);
  const [, hourText, minuteText = '0', half] = match ?? [];
  const said = Number(hourText ?? Number.NaN);
  const minute = Number(minuteText);
  const hour = half === undefined ? said : (said % 12) + (half === 'pm' ? 12 : 0);
  const isHalfWrong = half !== undefined && (said < 1 || said > 12);
  if (!(hour >= 0 && hour <= 23) || minute > 59 || isHalfWrong)
    throw invalidSchedule(`“${text}” is no time of the day: expected one such as 3, 18:30 or noon`);
  return { hour, minute };
}

function cronAt(time: DayTime, weekdays: string): string {
  return `${fieldsAt(time)} * * ${weekdays}`;
}

function fieldsAt({ hour, minute }: DayTime): string {
  return `${minute} ${hour}`;
}

/** The text before the last place where `pattern` matches, and what follows it. */
function splitLast(text: string, pattern: RegExp): [before: string, after?: string] {
  const match = [...text.matchAll(new RegExp(pattern, 'g'))].at(-1);
  if (match === undefined) return [text];
  return [text.slice(0, match.index), text.slice(match.index + match[0].length)];
}

function describeWhen(when: string): string {
  const minutes = everyMinutesOf(when);
  if (minutes !== undefined) return everyWords(minutes);
  if (when === '0 * * * *') return 'hourly';
  const { minutes: ofHour, hours } = parseCron(when);
  const [minute, hour, day, month, weekdays = ''] = when.split(' ');
  const isOnce = ofHour.length === 1 && hours.length === 1;
  if (!isOnce || !/^\d+$/.test(`${minute}${hour}`) || month !== '*') return BY_CRON + when;
  const at = `at ${pad(hours[0])}:${pad(ofHour[0])}`;
  if (day !== '*')
    return weekdays === '*' && /^\d+$/.test(day ?? '')
      ? `monthly on day ${Number(day)} ${at}`
      : BY_CRON + when;
  if (weekdays === '*') return `daily ${at}`;
  if (weekdays === WORKING_DAYS) return `on weekdays ${at}`;
  if (weekdays === WEEKEND) return `on weekends ${at}`;
  return /^[0-6](,[0-6])*$/.test(weekdays) ? `on ${namesOf(parseCron(when))} ${at}` : BY_CRON + when;
}

function everyWords(minutes: number): string {
  for (const unit of ['day', 'hour'] as const) {
    const length = MINUTES_OF[unit] ?? 1;
    // “every day” is a time of the calendar
    if (minutes % length === 0 && minutes > length) return `every ${minutes / length} ${unit}s`;
  }
  return minutes === 1 ? 'every minute' : `every ${minutes} minutes`;
}

function namesOf({ daysOfWeek }: CronFields): string {
  const names = daysOfWeek.map((day) => `${WEEKDAYS[day]}s`);
  const last = names.pop() ?? '';
  return names.length === 0 ? last : `${names.join(', ')} and ${last}`;
}

function pad(number: number | undefined): string {
  return String(number ?? 0).padStart(2, '0');
}

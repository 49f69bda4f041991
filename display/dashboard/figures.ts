// Sizes, times and moments as a person at a glance wants them: round, short, and in the clock of his own computer.

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Within it, clocks of two computers are the same. */
const SAME_MOMENT_MS = 5 * SECOND_MS;
/** The last moment that a Date can hold, less a day for the difference of clocks. */
const LAST_MOMENT_MS = 8_640_000_000_000_000 - DAY_MS;
const SIZE_UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];
/** From here on one decimal says nothing more. */
const ROUND_FROM = 10;

/** `4 MB`, `4.2 MB`, `612 kB`, `1 byte`: two digits that count, in powers of 1000, as drives are sold. */
export function sizeText(sizeBytes: number): string {
  if (sizeBytes === 1) return '1 byte';
  let value = Math.max(0, sizeBytes);
  let unit = 0;
  // what is shown as 1000 is 1 of the next
  while (roundedSize(value, unit) >= 1000 && unit < SIZE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${roundedSize(value, unit)} ${SIZE_UNITS[unit]}`;
}

function roundedSize(value: number, unit: number): number {
  return unit === 0 || value >= ROUND_FROM ? Math.round(value) : Math.round(value * 10) / 10;
}

/** `120 ms`, `23 s`, `4 min`, `2 h 5 min`, `3 days`: how long something took or is. */
export function durationText(durationMs: number): string {
  const lengthMs = Math.max(0, durationMs);
  if (lengthMs < SECOND_MS) return `${Math.round(lengthMs)} ms`;
  if (lengthMs < ROUND_FROM * SECOND_MS) return `${Math.round(lengthMs / 100) / 10} s`;
  const seconds = Math.round(lengthMs / SECOND_MS);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(lengthMs / MINUTE_MS);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 2 * 24 * 60) {
    const rest = minutes % 60;
    return rest === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${rest} min`;
  }
  return `${Math.floor(lengthMs / DAY_MS)} days`;
}

/** `just now`, `23 seconds ago`, `4 minutes ago`, `yesterday`, `3 days ago`, `5 months ago`; what lies ahead by a wrong clock says so. */
export function agoText(atMs: number, nowMs: number): string {
  const ageMs = nowMs - atMs;
  if (Math.abs(ageMs) < SAME_MOMENT_MS) return 'just now';
  if (ageMs < 0) return `${spanText(-ageMs)} ahead of this clock`;
  const days = dayNumber(nowMs) - dayNumber(atMs);
  if (days === 1 && ageMs >= 12 * HOUR_MS) return 'yesterday';
  return `${spanText(ageMs)} ago`;
}

function spanText(lengthMs: number): string {
  const days = Math.floor(lengthMs / DAY_MS);
  if (lengthMs < MINUTE_MS) return counted(Math.floor(lengthMs / SECOND_MS), 'second');
  if (lengthMs < HOUR_MS) return counted(Math.floor(lengthMs / MINUTE_MS), 'minute');
  if (days < 1) return counted(Math.floor(lengthMs / HOUR_MS), 'hour');
  if (days < 14) return counted(days, 'day');
  if (days < 60) return counted(Math.floor(days / 7), 'week');
  if (days < 730) return counted(Math.floor(days / 30.44), 'month');
  return counted(Math.floor(days / 365.25), 'year');
}

function counted(count: number, one: string): string {
  return `${countText(count)} ${count === 1 ? one : `${one}s`}`;
}

/** `1 file`, `2 files`, `12,400 files`. */
export function countOf(count: number, one: string, several = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : several}`;
}

/** `12,400`. */
export function countText(count: number): string {
  return NUMBER.format(count);
}

const NUMBER = new Intl.NumberFormat('en-GB');
const MOMENT = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const LONG_DAY = new Intl.DateTimeFormat('en-GB', {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
  year: 'numeric',
});
const SHORT_DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });

/** `29 Nov 2026, 14:02:11`. A clock that was far off gives the number alone, as all that follow do. */
export function momentText(atMs: number): string {
  return isMoment(atMs) ? MOMENT.format(atMs) : `${atMs} ms`;
}

/** `14:02`. */
export function clockText(atMs: number): string {
  return isMoment(atMs) ? CLOCK.format(atMs) : `${atMs} ms`;
}

/** `29 Nov 2026`. */
export function shortDayText(atMs: number): string {
  return isMoment(atMs) ? SHORT_DAY.format(atMs) : `${atMs} ms`;
}

/** `Today`, `Yesterday`, else `Sunday 29 November 2026`. */
export function dayText(atMs: number, nowMs: number): string {
  if (!isMoment(atMs)) return 'A day that no calendar has';
  const days = dayNumber(nowMs) - dayNumber(atMs);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return LONG_DAY.format(atMs).replace(',', '');
}

/** The day in which a moment lies by the clock of this computer, counted from one in 1970; moments of no calendar are all in one. */
export function dayNumber(atMs: number): number {
  if (!isMoment(atMs)) return Math.sign(atMs) * Number.MAX_SAFE_INTEGER;
  const date = new Date(atMs);
  return Math.floor((date.getTime() - date.getTimezoneOffset() * MINUTE_MS) / DAY_MS);
}

/** `2026-11-29`, as a field for dates has it. */
export function dayName(atMs: number): string {
  const date = new Date(atMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The moments at which a day begins and the next one does; undefined unless it is written as {@link dayName} does. */
export function dayBounds(name: string): { readonly fromMs: number; readonly untilMs: number } | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(name);
  if (match === null) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]) - 1, Number(match[3])];
  const fromMs = new Date(year, month, day).getTime();
  if (dayName(fromMs) !== name) return undefined;
  return { fromMs, untilMs: new Date(year, month, day + 1).getTime() };
}

function isMoment(atMs: number): boolean {
  return Math.abs(atMs) <= LAST_MOMENT_MS;
}

// Calendar slots in UTC: the hour, day, ISO week, month and year that a time falls into. Pure, so without Date.

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** 1970-01-01 was a Thursday; weeks begin on Monday. */
const DAYS_FROM_MONDAY_TO_EPOCH = 3;

/** The lengths of slots, shortest first. */
export const SLOT_LENGTHS = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;

/** How long a slot is. */
export type SlotLength = (typeof SLOT_LENGTHS)[number];

/** One slot of a length. */
export interface Slot {
  /** Ascends with time; equal for times of one slot. */
  readonly key: number;
  /** For people: `2026-05-03 14:00`, `2026-05-03`, `2026-W18`, `2026-05`, `2026`. */
  readonly label: string;
}

/** The slot that a time (milliseconds since 1970, UTC) falls into. */
export function slotOf(length: SlotLength, atMs: number): Slot {
  const days = Math.floor(atMs / DAY_MS);
  const { year, month, day } = dateOf(days);
  const monthLabel = `${pad(year, 4)}-${pad(month, 2)}`;
  switch (length) {
    case 'hourly': {
      const key = Math.floor(atMs / HOUR_MS);
      return { key, label: `${monthLabel}-${pad(day, 2)} ${pad(key - days * 24, 2)}:00` };
    }
    case 'daily':
      return { key: days, label: `${monthLabel}-${pad(day, 2)}` };
    case 'weekly':
      return weekOf(days);
    case 'monthly':
      return { key: year * 12 + month, label: monthLabel };
    case 'yearly':
      return { key: year, label: pad(year, 4) };
  }
}

/** ISO 8601: a week belongs to the year that its Thursday is in. */
function weekOf(days: number): Slot {
  const key = Math.floor((days + DAYS_FROM_MONDAY_TO_EPOCH) / 7);
  const thursday = key * 7;
  const { year } = dateOf(thursday);
  let firstOfYear = thursday - 365;
  while (dateOf(firstOfYear).year < year) firstOfYear++;
  const week = Math.floor((thursday - firstOfYear) / 7) + 1;
  return { key, label: `${pad(year, 4)}-W${pad(week, 2)}` };
}

/** The date of a day counted from 1970-01-01, in the Gregorian calendar. Years are counted from March inside. */
export function dateOf(days: number): { year: number; month: number; day: number } {
  const sinceEra = days + 719_468;
  const era = Math.floor(sinceEra / 146_097);
  const dayOfEra = sinceEra - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}

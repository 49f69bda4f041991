// Schedules in plain words: what they mean, that they can be told again, and what is refused.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isDeskPodError } from '../../src/core/errors.ts';
import { usualJitterMs } from '../../src/core/schedule.ts';
import { describeSchedule, parseSchedule } from '../../src/core/schedule-words.ts';

const MEANINGS: Readonly<Record<string, string>> = {
  'every 15 minutes': 'every 15 minutes',
  'Every  15 Minutes ': 'every 15 minutes',
  'every minute': 'every 1 minutes',
  'every 90m': 'every 90 minutes',
  'every 6 hours': 'every 360 minutes',
  'every 2 days': 'every 2880 minutes',
  hourly: '0 * * * *',
  'every hour': '0 * * * *',
  'every day': '0 0 * * *',
  'nightly at 3': '0 3 * * *',
  nightly: '0 3 * * *',
  'every night at 2:30': '30 2 * * *',
  'daily at 6pm': '0 18 * * *',
  'daily at 12am': '0 0 * * *',
  'at noon': '0 12 * * *',
  'every day at midnight': '0 0 * * *',
  'on weekdays at 18:30': '30 18 * * 1-5',
  'every weekend at 9': '0 9 * * 0,6',
  'on mondays and thursdays at 7.05': '5 7 * * 1,4',
  'on fri, sat and sun at 23:59': '59 23 * * 0,5,6',
  'every monday at 8 am': '0 8 * * 1',
  weekly: '0 0 * * 0',
  'weekly on sunday at 4': '0 4 * * 0',
  'monthly on the 1st at 9': '0 9 1 * *',
  'monthly on day 15': '0 0 15 * *',
  '@daily': '0 0 * * *',
  'by cron 1 2 3 4 *': '1 2 3 4 *',
  '*/20 8-17 * * MON-FRI': '*/20 8-17 * * mon-fri',
};

/** What makes no schedule, and a word of why. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  '': /understands/,
  'now and then': /understands/,
  'every 0 minutes': /from 1 to/,
  'every 20000 minutes': /from 1 to/,
  'every second': /each minute at most/,
  'every 30 seconds': /each minute at most/,
  '* * * * * *': /by seconds/,
  'on blursdays at 3': /understands/,
  'nightly at 25': /no time of the day/,
  'nightly at 3:60': /no time of the day/,
  'nightly at 13pm': /no time of the day/,
  'nightly at 0am': /no time of the day/,
  'nightly at': /understands/,
  'monthly on day 32': /day of the month/,
  '0 0 30 2 *': /never comes/,
  'while in use': /understands/,
};

const someWhen = fc.oneof(
  fc.integer({ min: 1, max: 10_080 }).map((minutes) => `every ${minutes} minutes`),
  fc
    .tuple(
      fc.integer({ min: 0, max: 59 }),
      fc.oneof(fc.integer({ min: 0, max: 23 }).map(String), fc.constantFrom('*', '*/2', '8-17')),
      fc.oneof(fc.constant('*'), fc.integer({ min: 1, max: 31 }).map(String)),
      fc.constantFrom('*', '1', '3,7'),
      fc.constantFrom('*', '1-5', '0,6', '0', '1,3,5', 'mon', '2-4'),
    )
    .map((fields) => fields.join(' ')),
);

describe('a schedule in words', () => {
  it('means what people mean by it', () => {
    for (const [words, when] of Object.entries(MEANINGS)) {
      assert.deepEqual(parseSchedule(words), { when, isWhileInUse: false }, words);
      assert.deepEqual(parseSchedule(`${words} while in use`), { when, isWhileInUse: true }, words);
    }
  });

  it('is told in words that mean the same', () => {
    fc.assert(
      fc.property(someWhen, fc.boolean(), (when, isWhileInUse) => {
        let said: ReturnType<typeof parseSchedule>;
        try {
          said = parseSchedule(`${when}${isWhileInUse ? ' while in use' : ''}`);
        } catch (error) {
          // of the days that are drawn some never come
          return isDeskPodError(error, 'SCHEDULE_INVALID');
        }
        assert.deepEqual(parseSchedule(describeSchedule(said)), said, describeSchedule(said));
        return true;
      }),
    );
    assert.equal(describeSchedule(parseSchedule('30 18 * * 1-5')), 'on weekdays at 18:30');
    assert.equal(describeSchedule(parseSchedule('5 7 * * 1,4')), 'on Mondays and Thursdays at 07:05');
    assert.equal(
      describeSchedule(parseSchedule('every 120 minutes while in use')),
      'every 2 hours while in use',
    );
    assert.equal(describeSchedule(parseSchedule('0 3 1 * *')), 'monthly on day 1 at 03:00');
    assert.equal(describeSchedule(parseSchedule('0 3 1 2 *')), 'by cron 0 3 1 2 *');
  });

  it('is refused if it says nothing that can be kept, with what to say instead', () => {
    for (const [words, reason] of Object.entries(REFUSED)) {
      assert.throws(
        () => parseSchedule(words),
        (error) =>
          isDeskPodError(error, 'SCHEDULE_INVALID') && reason.test(error.message) && error.hint !== undefined,
        words,
      );
    }
  });

  it('of any text is one that can be kept, or refused', () => {
    const words = fc.constantFrom(
      'every',
      '15',
      'minutes',
      'at',
      'on',
      '3',
      'mondays',
      'and',
      '*',
      '*/5',
      '2',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words).map((all) => all.join(' ')),
        ),
        (text) => {
          try {
            const said = parseSchedule(text);
            assert.ok(usualJitterMs(said.when) <= 60_000);
          } catch (error) {
            assert.ok(isDeskPodError(error, 'SCHEDULE_INVALID'), String(error));
          }
        },
      ),
    );
  });
});

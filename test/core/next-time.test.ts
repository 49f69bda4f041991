// The next time of a schedule, compared with looking at each minute, and where clocks are set forwards and back.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseCron } from '../../src/core/cron.ts';
import { nextTime } from '../../src/core/next-time.ts';
import { assertCode } from './parser-suite.ts';
import { clockOf, shownBy } from './support/local-clocks.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const BERLIN = clockOf('Europe/Berlin');

/** A list, range or step of numbers from `least` to `most`, or `*`. */
function someField(least: number, most: number): fc.Arbitrary<string> {
  const number = fc.integer({ min: least, max: most });
  const range = fc.tuple(number, number).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
  const step = fc.integer({ min: 1, max: most });
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant('*') },
    fc.array(number, { minLength: 1, maxLength: 4 }).map((numbers) => numbers.join(',')),
    range,
    fc.tuple(fc.oneof(fc.constant('*'), range), step).map(([span, by]) => `${span}/${by}`),
  );
}

const someCron = fc
  .tuple(someField(0, 59), someField(0, 23), someField(1, 28), someField(1, 12), someField(0, 7))
  .map((fields) => fields.join(' '));
const someTime = fc.integer({ min: Date.UTC(1970, 0, 2), max: Date.UTC(2100, 0, 1) });

/** What Date says of a moment, for comparison. */
function isMeant(cron: string, localMs: number): boolean {
  const { minutes, hours, daysOfMonth, months, daysOfWeek, isEitherDay } = parseCron(cron);
  const local = new Date(localMs);
  const [isDate, isWeekday] = [
    daysOfMonth.includes(local.getUTCDate()),
    daysOfWeek.includes(local.getUTCDay()),
  ];
  return (
    minutes.includes(local.getUTCMinutes()) &&
    hours.includes(local.getUTCHours()) &&
    months.includes(local.getUTCMonth() + 1) &&
    (isEitherDay ? isDate || isWeekday : isDate && isWeekday)
  );
}

function timesOf(when: string, after: string, count: number, offsetAt = BERLIN): string[] {
  const shown: string[] = [];
  let atMs = Date.parse(`${after}Z`);
  for (let nth = 0; nth < count; nth++) {
    atMs = nextTime(when, atMs, offsetAt);
    shown.push(`${new Date(atMs).toISOString().slice(11, 16)}Z ${shownBy(offsetAt, atMs)}`);
  }
  return shown;
}

describe('the next time of a schedule', () => {
  it('is the first minute after a moment that the expression means', () => {
    fc.assert(
      fc.property(someCron, someTime, fc.integer({ min: -56, max: 56 }), (cron, afterMs, quarters) => {
        const offsetMs = quarters * 15 * MINUTE_MS;
        const found = nextTime(cron, afterMs, () => offsetMs);
        assert.ok(found > afterMs && found % MINUTE_MS === 0);
        assert.ok(isMeant(cron, found + offsetMs), `${cron}: ${new Date(found + offsetMs).toISOString()}`);
        const first = (Math.floor(afterMs / MINUTE_MS) + 1) * MINUTE_MS;
        for (let atMs = first; atMs < Math.min(found, first + 2 * DAY_MS); atMs += MINUTE_MS)
          assert.ok(!isMeant(cron, atMs + offsetMs), `${cron}: missed ${new Date(atMs).toISOString()}`);
      }),
      { numRuns: 60 },
    );
  });

  it('comes later than the moment before it, and never twice, however clocks are set', () => {
    const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'America/Sao_Paulo'].map(
      clockOf,
    );
    fc.assert(
      fc.property(someCron, someTime, fc.constantFrom(...zones), (cron, startMs, offsetAt) => {
        let atMs = startMs;
        for (let nth = 0; nth < 5; nth++) {
          const next = nextTime(cron, atMs, offsetAt);
          assert.ok(next > atMs);
          assert.equal(nextTime(cron, next - 1, offsetAt), next);
          atMs = next;
        }
      }),
      { numRuns: 40 },
    );
  });

  it('is as much later where the clock jumps over it', () => {
    // 2026-03-29, 01:00Z: from 02:00 to 03:00
    assert.deepEqual(timesOf('30 2 * * *', '2026-03-28T12:00', 2), [
      '01:30Z 2026-03-29 03:30',
      '00:30Z 2026-03-30 02:30',
    ]);
    assert.deepEqual(timesOf('0 * * * *', '2026-03-28T23:30', 3), [
      '00:00Z 2026-03-29 01:00',
      '01:00Z 2026-03-29 03:00',
      '02:00Z 2026-03-29 04:00',
    ]);
  });

  it('comes once where the clock goes through it twice, unless it goes by minutes alone', () => {
    // 2026-10-25, 01:00Z: from 03:00 back to 02:00
    assert.deepEqual(timesOf('30 2 * * *', '2026-10-24T12:00', 2), [
      '00:30Z 2026-10-25 02:30',
      '01:30Z 2026-10-26 02:30',
    ]);
    assert.deepEqual(timesOf('30 * * * *', '2026-10-25T00:00', 3), [
      '00:30Z 2026-10-25 02:30',
      '01:30Z 2026-10-25 02:30',
      '02:30Z 2026-10-25 03:30',
    ]);
  });

  it('is found across midnights that clocks go through twice', () => {
    const havana = clockOf('America/Havana');
    // 2026-11-01, 05:00Z: from 01:00 back to 00:00
    assert.deepEqual(timesOf('15 0 * * *', '2026-10-31T12:00', 2, havana), [
      '04:15Z 2026-11-01 00:15',
      '05:15Z 2026-11-02 00:15',
    ]);
  });

  it('of every so many minutes does not ask the calendar', () => {
    assert.deepEqual(timesOf('every 45 minutes', '2026-10-25T00:00', 3), [
      '00:45Z 2026-10-25 02:45',
      '01:30Z 2026-10-25 02:30',
      '02:15Z 2026-10-25 03:15',
    ]);
  });

  it('is found however rare it is, and refused if there is none', () => {
    const utc = () => 0;
    assert.equal(nextTime('0 0 29 2 *', Date.UTC(2096, 2, 1), utc), Date.UTC(2104, 1, 29));
    const sunday = new Date(nextTime('0 0 29 2 */7', Date.UTC(2072, 2, 1), utc));
    assert.deepEqual([sunday.getUTCMonth(), sunday.getUTCDate(), sunday.getUTCDay()], [1, 29, 0]);
    for (const never of ['0 0 30 2 *', '0 0 31 2,4,6,9,11 *', '0 0 31 4 */7'])
      assertCode(() => nextTime(never, 0, utc), 'SCHEDULE_INVALID');
    // either of both days is enough
    assert.equal(nextTime('0 0 30 2 mon', Date.UTC(2026, 0, 31), utc), Date.UTC(2026, 1, 2));
  });

  it('is not looked for by an expression that is none, or goes by seconds', () => {
    const wrong = ['', '* * * *', '60 * * * *', '* 24 * * *', '* * 0 * *', '* * * 13 *', '* * * * 8'];
    const others = [
      '*/0 * * * *',
      '5-1 * * * *',
      '* * * * mon-sun',
      'a * * * *',
      '1,,2 * * * *',
      '- * * * *',
    ];
    for (const cron of [...wrong, ...others, '* * * * * *', '*/30 * * * * *'])
      assertCode(() => nextTime(cron, 0, () => 0), 'SCHEDULE_INVALID');
  });
});

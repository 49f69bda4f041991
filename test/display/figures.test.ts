// Sizes, times and moments as the pages write them.
import assert from 'node:assert/strict';
import {
  agoText,
  clockText,
  countOf,
  dayBounds,
  dayName,
  dayNumber,
  dayText,
  durationText,
  momentText,
  sizeText,
} from '../../display/dashboard/figures.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** By the clock of whatever time zone the tests run in. */
const NOW = new Date(2026, 10, 29, 14, 2, 11).getTime();

describe('the figures of the pages', () => {
  it('write sizes with two digits that count, and never a thousand of a unit', () => {
    const texts = [
      0, 1, 999, 1000, 4_040_000, 4_250_000, 12_345_678, 999_499, 999_500, 999_949_999, 5e15, -3,
    ].map(sizeText);
    assert.deepEqual(texts, [
      ...[
        '0 bytes',
        '1 byte',
        '999 bytes',
        '1 kB',
        '4 MB',
        '4.3 MB',
        '12 MB',
        '999 kB',
        '1 MB',
        '1 GB',
        '5 PB',
        '0 bytes',
      ],
    ]);
  });

  it('write how long something takes, and never sixty of anything', () => {
    const cases: [number, string][] = [
      [0, '0 ms'],
      [850.4, '850 ms'],
      [2340, '2.3 s'],
      [23_400, '23 s'],
      [59_400, '59 s'],
      [59_900, '1 min'],
      [59 * MINUTE_MS + 31_000, '1 h'],
      [2 * HOUR_MS + 5 * MINUTE_MS, '2 h 5 min'],
      [3 * DAY_MS + HOUR_MS, '3 days'],
      [-5, '0 ms'],
    ];
    assert.deepEqual(
      cases.map(([ms]) => durationText(ms)),
      cases.map(([, text]) => text),
    );
  });

  it('write how long ago something was', () => {
    const cases: [number, string][] = [
      [0, 'just now'],
      [23 * SECOND_MS, '23 seconds ago'],
      [61 * SECOND_MS, '1 minute ago'],
      [4 * MINUTE_MS + 50_000, '4 minutes ago'],
      [HOUR_MS, '1 hour ago'],
      [20 * HOUR_MS, 'yesterday'],
      [3 * DAY_MS, '3 days ago'],
      [20 * DAY_MS, '2 weeks ago'],
      [100 * DAY_MS, '3 months ago'],
      [800 * DAY_MS, '2 years ago'],
      [-2 * HOUR_MS, '2 hours ahead of this clock'],
    ];
    assert.deepEqual(
      cases.map(([ageMs]) => agoText(NOW - ageMs, NOW)),
      cases.map(([, text]) => text),
    );
  });

  it('name days by the calendar, not by 24 hours', () => {
    assert.equal(dayText(new Date(2026, 10, 29, 0, 0, 1).getTime(), NOW), 'Today');
    assert.equal(dayText(new Date(2026, 10, 28, 23, 59).getTime(), NOW), 'Yesterday');
    assert.equal(dayText(new Date(2026, 10, 27, 12).getTime(), NOW), 'Friday 27 November 2026');
    assert.equal(clockText(NOW), '14:02');
    assert.equal(momentText(NOW), '29 Nov 2026, 14:02:11');
  });

  it('bear the times of clocks that are far off', () => {
    for (const atMs of [1e17, -1e17, 0]) {
      assert.ok(momentText(atMs).length > 0);
      assert.ok(dayText(atMs, NOW).length > 0);
      assert.ok(agoText(atMs, NOW).length > 0);
    }
    assert.equal(momentText(1e17), '100000000000000000 ms');
    assert.notEqual(dayNumber(1e17), dayNumber(-1e17));
  });

  it('find the bounds of a day that was written, and of no other text', () => {
    const name = dayName(NOW);
    assert.equal(name, '2026-11-29');
    const bounds = dayBounds(name);
    assert.ok(bounds !== undefined && bounds.fromMs <= NOW && NOW < bounds.untilMs);
    assert.equal(dayName(bounds.fromMs), name);
    assert.equal(dayName(bounds.untilMs), '2026-11-30');
    for (const wrong of ['', '2026-02-30', '29.11.2026', '2026-11-29T00', '99999-01-01'])
      assert.equal(dayBounds(wrong), undefined, wrong);
  });

  it('count in the plural where it is one', () => {
    assert.deepEqual([countOf(1, 'file'), countOf(12_400, 'file')], ['1 file', '12,400 files']);
    assert.equal(countOf(0, 'branch', 'branches'), '0 branches');
  });
});

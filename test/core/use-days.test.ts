// Days of use: what counts as one, and what a home lacks of them.
import assert from 'node:assert/strict';
import type { PodEvent } from '../../src/core/events.ts';
import { countUseDays, missingUseAfter, type UseDay, useDaysAfter } from '../../src/core/use-days.ts';
import { EVENTS } from './support/sample-events.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The days after events at these times; a session runs from each start to its suspend. */
function daysOf(...events: readonly (readonly [type: PodEvent['type'], atMs: number])[]): readonly UseDay[] {
  let days: readonly UseDay[] = [];
  let isRunning = false;
  for (const [index, [type, atMs]] of events.entries()) {
    days = useDaysAfter(days, { seq: index + 1, atMs, event: EVENTS[type] }, isRunning);
    if (type === 'session.started') isRunning = true;
    if (type === 'session.suspended' || type === 'session.lost') isRunning = false;
  }
  return days;
}

describe('days of use', () => {
  it('are one for an evening that ends after midnight, and two for two evenings', () => {
    assert.equal(daysOf(['session.started', 22 * HOUR_MS], ['session.suspended', 26 * HOUR_MS]).length, 1);
    assert.equal(daysOf(['session.started', 0], ['session.started', DAY_MS + 1]).length, 2);
  });

  it('pass over the time in a drawer, and count a session that runs through days', () => {
    const drawer = daysOf(['session.started', 0], ['session.suspended', 1], ['session.resumed', 30 * DAY_MS]);
    assert.equal(drawer.length, 2);
    assert.equal(daysOf(['session.started', 0], ['session.suspended', 3.5 * DAY_MS]).length, 4);
  });

  it('are not made many by a clock that was years off, nor by a loss that was found late', () => {
    const off = daysOf(
      ['session.started', 0],
      ['session.suspended', 4000 * DAY_MS],
      ['session.resumed', DAY_MS],
    );
    assert.equal(off.length, 3);
    assert.equal(daysOf(['session.started', 0], ['session.lost', 9 * DAY_MS]).length, 1);
  });

  it('are no more than are kept', () => {
    const daily = Array.from({ length: 100 }, (_, day) => ['checkpoint.sealed', day * DAY_MS] as const);
    assert.equal(daysOf(...daily).length, 62);
  });

  it('are not made by what homes and verifications do', () => {
    assert.deepEqual(daysOf(['home.acknowledged', 0], ['verify.completed', 1], ['home.docked', 2]), []);
  });

  it('are at home up to what home has; a day that went on since is missing', () => {
    const days = daysOf(
      ['checkpoint.sealed', 0],
      ['checkpoint.sealed', DAY_MS],
      ['checkpoint.sealed', DAY_MS + 1],
    );
    assert.equal(missingUseAfter(days, 3).days, 0);
    assert.equal(missingUseAfter(days, 2).days, 1);
    assert.equal(missingUseAfter(days, 0).days, 2);
  });

  it('grow while a session runs, and not by a clock that went ahead of all', () => {
    const missing = { days: 1, lastStartMs: DAY_MS };
    assert.equal(countUseDays(missing, false, 9 * DAY_MS), 1);
    assert.equal(countUseDays(missing, true, 3 * DAY_MS), 3);
    assert.equal(countUseDays(missing, true, 4000 * DAY_MS), 1);
  });
});

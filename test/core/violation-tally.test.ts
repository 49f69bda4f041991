// What the barrier has refused, for the log: nothing is left out of the counts, and no storm fills the log.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { BarrierEvent } from '../../src/core/barrier-events.ts';
import { type ModuleRecord, OPERATIONS } from '../../src/core/kmod-interface.ts';
import { ViolationTally } from '../../src/core/violation-tally.ts';

const REFUSED: ModuleRecord = {
  ...{ sequence: 1, atMs: 1000, session: 1, lostCount: 0, kind: 'refused-in', operation: 'signal' },
  ...{ actorUid: 0, actorPid: 812, actorName: 'kill', targetPid: 4711, targetName: 'Xvnc' },
};
const HOUR_MS = 3_600_000;

const record = fc.record({
  kind: fc.constantFrom<ModuleRecord['kind']>(
    'refused-in',
    'refused-out',
    'fork',
    'alarm',
    'claimed',
    'unknown',
  ),
  operation: fc.constantFrom(...OPERATIONS, 'unknown' as const),
  atMs: fc.nat({ max: 1e6 }),
  lostCount: fc.nat({ max: 50 }),
  actorName: fc.string({ maxLength: 15 }),
});

describe('a tally of what was refused', () => {
  it('tells of the first attempt at once, of those that follow together, and then waits longer and longer', () => {
    const tally = new ViolationTally();
    tally.add([REFUSED]);
    assert.ok(tally.isDue(0));
    assert.deepEqual(tally.take(0), [
      {
        ...{ type: 'barrier.violation', v: 1, direction: 'in', operation: 'signal', count: 1, lostCount: 0 },
        ...{ firstAtMs: 1000, lastAtMs: 1000, actor: 'kill', actorPid: 812, actorUid: 0, target: 'Xvnc' },
      },
    ]);
    tally.add([
      { ...REFUSED, atMs: 2000 },
      { ...REFUSED, atMs: 3000, actorName: 'gdb', lostCount: 4 },
    ]);
    assert.equal(tally.isDue(9999), false);
    assert.ok(tally.isDue(10_000));
    const [later] = tally.take(10_000);
    assert.ok(later?.type === 'barrier.violation');
    assert.deepEqual(
      [later.count, later.lostCount, later.firstAtMs, later.lastAtMs, later.actor],
      [2, 4, 2000, 3000, 'kill'],
    );
    tally.add([REFUSED]);
    assert.equal(tally.isDue(29_999), false);
    assert.ok(tally.isDue(30_000));
  });

  it('tells at once again when nothing has come for a whole wait', () => {
    const tally = new ViolationTally();
    tally.add([REFUSED]);
    tally.take(0);
    assert.equal(tally.isDue(10_000), false);
    tally.add([REFUSED]);
    assert.ok(tally.isDue(10_500));
    tally.take(10_500);
    tally.add([REFUSED]);
    assert.ok(tally.isDue(20_500));
  });

  it('tells of gaps, and nothing of forks, claims and what a later module tells', () => {
    const tally = new ViolationTally();
    tally.add([
      { ...REFUSED, kind: 'fork' },
      { ...REFUSED, kind: 'claimed' },
      { ...REFUSED, kind: 'unknown' },
    ]);
    assert.equal(tally.isDue(0), false);
    assert.deepEqual(tally.take(0), []);
    tally.add([
      { ...REFUSED, kind: 'alarm' },
      { ...REFUSED, kind: 'alarm', atMs: 3000 },
    ]);
    assert.deepEqual(tally.take(0), [
      { type: 'barrier.gap', v: 1, count: 2, firstAtMs: 1000, lastAtMs: 3000 },
    ]);
  });

  it('counts each attempt once, whenever it is asked, and if not all can be told at once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(record, { maxLength: 40 }), fc.boolean()), { maxLength: 20 }),
        (drawn) => {
          const rounds = drawn.map(([round]) => round);
          const tally = new ViolationTally();
          const told: BarrierEvent[] = [];
          const all = rounds.flat().map((each) => ({ ...REFUSED, ...each }));
          for (const [index, round] of rounds.entries()) {
            tally.add(round.map((each) => ({ ...REFUSED, ...each })));
            if (!tally.isDue(index * 5000)) continue;
            const taken = tally.take(index * 5000);
            if (drawn[index]?.[1] === true) tally.giveBack(taken);
            else told.push(...taken);
          }
          told.push(...tally.take(rounds.length * 5000));
          const sum = (of: (event: BarrierEvent) => number) =>
            told.reduce((total, event) => total + of(event), 0);
          const refused = all.filter(({ kind }) => kind === 'refused-in' || kind === 'refused-out');
          assert.equal(
            sum((event) => (event.type === 'barrier.violation' ? event.count : 0)),
            refused.length,
          );
          assert.equal(
            sum((event) => (event.type === 'barrier.gap' ? event.count : 0)),
            all.filter(({ kind }) => kind === 'alarm').length,
          );
          // of those that were lost after the last refusal, the next one will tell
          const last = all.findLastIndex(({ kind }) => kind === 'refused-in' || kind === 'refused-out');
          assert.equal(
            sum((event) => (event.type === 'barrier.violation' ? event.lostCount : 0)),
            all.slice(0, last + 1).reduce((total, { lostCount }) => total + lostCount, 0),
          );
        },
      ),
    );
  });

  it('fills no log, however long and wild a storm is', () => {
    const tally = new ViolationTally();
    let eventCount = 0;
    const everything = OPERATIONS.flatMap((operation) => [
      { ...REFUSED, operation },
      { ...REFUSED, operation, kind: 'refused-out' as const },
      { ...REFUSED, kind: 'alarm' as const },
    ]);
    for (let nowMs = 0; nowMs < 24 * HOUR_MS; nowMs += 10_000) {
      tally.add(everything);
      if (tally.isDue(nowMs)) eventCount += tally.take(nowMs).length;
    }
    assert.ok(eventCount <= (24 + 10) * (2 * OPERATIONS.length + 1), `${eventCount}`);
  });
});

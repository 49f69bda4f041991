// What the barrier refuses comes into the log in turn, together with what came while its turn was waited for.
import assert from 'node:assert/strict';
import type { Command } from '../../src/core/decide.ts';
import { DeskPodError } from '../../src/core/errors.ts';
import type { ModuleRecord } from '../../src/core/kmod-interface.ts';
import { ViolationTally } from '../../src/core/violation-tally.ts';
import type { Desktop } from '../../src/session/pod/desktop.ts';
import { Turns } from '../../src/session/supervisor/turns.ts';
import { ViolationNotes } from '../../src/session/supervisor/violation-notes.ts';

const REFUSED: ModuleRecord = {
  ...{ sequence: 1, atMs: 1000, session: 1, lostCount: 0, kind: 'refused-in', operation: 'signal' },
  ...{ actorUid: 0, actorPid: 812, actorName: 'kill', targetPid: 4711, targetName: 'Xvnc' },
};

describe('what the barrier refuses', () => {
  let violations: ViolationTally;
  let turns: Turns;
  let notes: ViolationNotes;
  let counts: number[];
  let isFull: boolean;
  beforeEach(() => {
    violations = new ViolationTally();
    turns = new Turns();
    counts = [];
    isFull = false;
    const append = async (command: Command) => {
      if (isFull) throw new DeskPodError('SPACE_EXHAUSTED', 'there is no room');
      assert.ok(command.type === 'noteBarrier');
      for (const event of command.events) counts.push(event.count);
      return [];
    };
    notes = new ViolationNotes({ violations, pod: { append } } as unknown as Desktop, turns);
  });

  it('is noted once its turn comes, with all that came until then', async () => {
    const work = Promise.withResolvers<void>();
    const working = turns.take('sync', () => work.promise);
    for (let round = 0; round < 3; round += 1) {
      violations.add([REFUSED]);
      notes.look();
    }
    work.resolve();
    await working;
    await turns.take('after', async () => undefined);
    assert.deepEqual(counts, [3]);
  });

  it('is noted the next time if there was no room for it', async () => {
    isFull = true;
    violations.add([REFUSED, REFUSED]);
    await notes.noteRest();
    violations.add([REFUSED]);
    isFull = false;
    await notes.noteRest();
    assert.deepEqual(counts, [3]);
  });

  it('keeps nobody from looking after the session if it cannot be read', async () => {
    const unreadable = {
      get violations(): never {
        throw new DeskPodError('TIER_UNAVAILABLE', 'the module does not answer');
      },
    } as unknown as Desktop;
    new ViolationNotes(unreadable, turns).look();
    await turns.take('after', async () => undefined);
  });

  it('is noted at the end of the session if no turn came any more', async () => {
    violations.add([REFUSED, REFUSED]);
    turns.end();
    notes.look();
    await notes.noteRest();
    assert.deepEqual(counts, [2]);
    await notes.noteRest();
    assert.deepEqual(counts, [2]);
  });
});

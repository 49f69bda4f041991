// What may go to keep room on a device: never what is only there, never the newest, never what the pod needs.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { pinnedCheckpoints } from '../../src/core/checkpoint-retention.ts';
import { decide } from '../../src/core/decide.ts';
import type { HomeState } from '../../src/core/home-state.ts';
import {
  expendableCheckpoints,
  RESERVE_SHARE_MAX,
  reserveOf,
  thinnedTo,
  usualReserve,
} from '../../src/core/reserve.ts';
import { type Checkpoint, INITIAL_STATE, type PodState } from '../../src/core/state.ts';
import { EVENTS } from './support/sample-events.ts';

const MEBIBYTE = 2 ** 20;
const GIBIBYTE = 2 ** 30;
const { type: _type, v: _v, images, ...SEALED } = EVENTS['checkpoint.sealed'];

/** What lies at one home: everything up to a position, less what it was found to have lost; a twin keeps nothing of that. */
const someHome = fc.record({
  url: fc.constantFrom('/home', 'user@host:/home', 'twin:///drive'),
  seq: fc.nat(60),
  revertedSeq: fc.option(fc.nat(60), { nil: undefined }),
});

const someState: fc.Arbitrary<PodState> = fc
  .record({
    sealed: fc.array(fc.record({ hasImages: fc.boolean(), isForgotten: fc.boolean() }), { maxLength: 20 }),
    homes: fc.array(someHome, { maxLength: 3 }),
    reference: fc.nat(20),
    suspended: fc.option(fc.nat(20), { nil: undefined }),
    doubtedAgainst: fc.array(fc.nat(20), { maxLength: 2 }),
  })
  .map(({ sealed, homes, reference, suspended, doubtedAgainst }) => ({
    ...INITIAL_STATE,
    podId: 'a'.repeat(32),
    reference,
    session:
      suspended === undefined
        ? { status: 'none' as const }
        : { status: 'suspended' as const, checkpoint: suspended },
    doubted: doubtedAgainst.map((against) => ({ number: 99, against })),
    homes: homes.map(({ revertedSeq, ...home }) => ({
      ...{ recordHash: '', atMs: 0, ...home },
      ...(revertedSeq === undefined ? {} : { revertedSeq }),
    })),
    checkpoints: sealed.flatMap(({ hasImages, isForgotten }, index): Checkpoint[] =>
      isForgotten
        ? []
        : [{ ...SEALED, ...(hasImages ? { images } : {}), number: index + 1, seq: 2 * index + 1, atMs: 0 }],
    ),
  }));

const isKeeper = ({ url }: HomeState): boolean => !url.startsWith('twin:');

describe('what goes for the reserve of a device', () => {
  it('is at a home that keeps it, oldest first, and is neither the newest nor needed', () => {
    fc.assert(
      fc.property(someState, (state) => {
        const numbers = expendableCheckpoints(state, isKeeper);
        assert.deepEqual(
          numbers,
          [...numbers].sort((a, b) => a - b),
        );
        const pinned = pinnedCheckpoints(state);
        for (const number of numbers) {
          const seq = state.checkpoints.find((each) => each.number === number)?.seq ?? Number.NaN;
          const keepers = state.homes.filter(
            (home) => isKeeper(home) && home.seq >= seq && (home.revertedSeq ?? home.seq) >= seq,
          );
          assert.ok(keepers.length > 0, `checkpoint ${number} is nowhere else`);
          assert.notEqual(number, state.checkpoints.at(-1)?.number);
          assert.ok(!pinned.has(number));
        }
        // whoever decides on a prune agrees, also that some of it goes at a time
        for (const count of [1, 2, numbers.length]) {
          const forgotten = numbers.slice(0, count);
          decide(state, { type: 'forgetCheckpoints', numbers: forgotten, policy: 'room' });
        }
      }),
    );
  });

  it('is nothing without a home, and all but the newest with one that has everything', () => {
    const checkpoints = [1, 2, 3].map((number) => ({ ...SEALED, number, seq: number, atMs: 0 }));
    const state = { ...INITIAL_STATE, podId: 'a'.repeat(32), reference: 3, checkpoints };
    assert.deepEqual(expendableCheckpoints(state, isKeeper), []);
    const home = { url: '/home', seq: 9, recordHash: '', atMs: 0 };
    assert.deepEqual(expendableCheckpoints({ ...state, homes: [home] }, isKeeper), [1, 2]);
    assert.deepEqual(
      expendableCheckpoints({ ...state, homes: [{ ...home, revertedSeq: 1 }] }, isKeeper),
      [1],
    );
    assert.deepEqual(
      expendableCheckpoints({ ...state, homes: [{ ...home, url: 'twin:///x' }] }, isKeeper),
      [],
    );
  });
});

describe('the reserve of a device', () => {
  it('is a twentieth of it, within bounds, and never more than a tenth', () => {
    assert.equal(usualReserve(64 * GIBIBYTE), Math.floor(3.2 * GIBIBYTE));
    assert.equal(usualReserve(4 * GIBIBYTE), 256 * MEBIBYTE);
    assert.equal(usualReserve(1024 * GIBIBYTE), 4 * GIBIBYTE);
    assert.equal(usualReserve(800 * MEBIBYTE), 80 * MEBIBYTE);
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), (mebibytes) => {
        const reserve = usualReserve(mebibytes * MEBIBYTE);
        assert.ok(reserve <= (mebibytes * MEBIBYTE) / 10 && reserve <= 4 * GIBIBYTE);
        assert.ok(thinnedTo(reserve) >= reserve);
        assert.ok(thinnedTo(reserve) <= mebibytes * MEBIBYTE * RESERVE_SHARE_MAX);
      }),
    );
  });

  it('is kept for pods that make checkpoints by themselves, and for those that were told to', () => {
    const { scheduling } = INITIAL_STATE;
    const scheduled = { ...scheduling, schedules: [{ ...EVENTS['schedule.set'], setAtMs: 0 }] };
    const size = 64 * GIBIBYTE;
    assert.equal(reserveOf(INITIAL_STATE, size), 0);
    assert.equal(reserveOf({ ...INITIAL_STATE, scheduling: scheduled }, size), usualReserve(size));
    for (const reserveBytes of [0, 5])
      assert.equal(
        reserveOf({ ...INITIAL_STATE, scheduling: { ...scheduled, reserveBytes } }, size),
        reserveBytes,
      );
  });
});

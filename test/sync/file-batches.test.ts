// Files on their way to the crew: who is given which part of them, and when.
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { STRETCH_BYTES } from '../../src/core/chunker.ts';
import { STAMP_BYTES } from '../../src/sync/posix/statx.ts';
import { type DecidedFiles, FileBatches } from '../../src/sync/repository/file-batches.ts';
import { FILE_BATCH_BYTES } from '../../src/sync/workers/bench.ts';
import type { Hand } from '../../src/sync/workers/crew.ts';
import { decodeFileRuns, type FileRun } from '../../src/sync/workers/file-runs.ts';
import type { FileSource } from '../../src/sync/workers/messages.ts';

/** A file of two whole stretches and a bit. */
const LONG: FileSource = {
  place: Buffer.from('/long'),
  stamp: new Uint8Array(STAMP_BYTES),
  sizeBytes: 2 * STRETCH_BYTES + 10,
};

interface Given {
  readonly hand: number;
  readonly run: FileRun;
  /** Has it done. */
  finish(): void;
}

/** Two hands that do what they are given when the test says so. */
class TwoHands {
  readonly given: Given[] = [];
  readonly #busy = [0, 0];
  readonly batches: FileBatches;

  constructor(stretches: number) {
    const busy = this.#busy;
    const hands: readonly Hand[] = [0, 1].map((number) => ({
      get busy() {
        return busy[number] ?? 0;
      },
      ask: () => assert.fail('the batches ask no hand themselves'),
    }));
    this.batches = new FileBatches({
      stretches,
      hand: () => hands.toSorted((a, b) => a.busy - b.busy)[0] ?? assert.fail(),
      work: (hand, runs) => this.#work(hands.indexOf(hand), runs),
      isOpen: () => true,
      isAtWork: () => this.#busy.some((count) => count > 0),
      nextNumber: () => ++this.#number,
    });
  }

  #number = 0;

  #work(hand: number, runs: Uint8Array): Promise<DecidedFiles> {
    const [run] = [...decodeFileRuns(runs)];
    assert.ok(run !== undefined);
    this.#busy[hand] = (this.#busy[hand] ?? 0) + 1;
    return new Promise((resolve) => {
      this.given.push({
        hand,
        run,
        finish: () => {
          this.#busy[hand] = (this.#busy[hand] ?? 0) - 1;
          const answer = {
            type: 'cutFiles',
            number: 0,
            ids: new Uint8Array(32),
            counts: Uint32Array.of(1),
          } as const;
          resolve({ answer: { ...answer, lengths: Uint32Array.of(run.length) }, isNew: Uint8Array.of(1) });
          this.batches.pump();
        },
      });
    });
  }

  /** Has everything done in the order in which it was given. */
  async finishAll(): Promise<void> {
    for (let done = 0; done < this.given.length; done++) {
      this.given[done]?.finish();
      await setImmediate();
    }
  }
}

describe('a long file on its way to the crew', () => {
  it('is begun by two hands at two places, each with a little ahead of it', async () => {
    const two = new TwoHands(2);
    const reading = two.batches.read(LONG);
    await setImmediate();
    assert.deepEqual(
      two.given.map(({ hand, run: { offset } }) => [hand, offset]),
      [
        [0, 0],
        [0, FILE_BATCH_BYTES],
        [1, STRETCH_BYTES],
        [1, STRETCH_BYTES + FILE_BATCH_BYTES],
      ],
    );
    await two.finishAll();
    const chunks = await reading;
    assert.equal(
      chunks?.reduce((sum, { answer }) => sum + (answer.lengths[0] ?? 0), 0),
      LONG.sizeBytes,
    );
  });

  it('is read from its start to its end where a head would have to move', async () => {
    const two = new TwoHands(1);
    const reading = two.batches.read(LONG);
    await setImmediate();
    await two.finishAll();
    await reading;
    const offsets = two.given.map(({ run: { offset } }) => offset);
    assert.deepEqual(
      offsets,
      offsets.toSorted((a, b) => a - b),
    );
    assert.equal(offsets.length, 65);
  });

  it('is begun by two hands also if both had work when it came', async () => {
    const two = new TwoHands(2);
    const before = two.batches.read(LONG);
    const reading = two.batches.read({ ...LONG, place: Buffer.from('/other') });
    await setImmediate();
    await two.finishAll();
    await Promise.all([before, reading]);
    const others = two.given.filter(({ run: { place } }) => Buffer.from(place).equals(Buffer.from('/other')));
    const handOf = (start: number) => others.find(({ run: { offset } }) => offset === start)?.hand;
    assert.notEqual(handOf(0), handOf(STRETCH_BYTES));
  });

  for (const stretches of [1, 2, 5]) {
    it(`gives its chunks in their order, and each stretch to one hand, ${stretches} at a time`, async () => {
      const two = new TwoHands(stretches);
      const reading = two.batches.read(LONG);
      await setImmediate();
      await two.finishAll();
      const chunks = (await reading) ?? [];
      assert.deepEqual(
        chunks.map(({ answer }) => answer.lengths[0]),
        [...Array.from({ length: 64 }, () => FILE_BATCH_BYTES), 10],
      );
      const handsOf = new Map<number, Set<number>>();
      for (const { hand, run } of two.given)
        handsOf.set(run.string, (handsOf.get(run.string) ?? new Set()).add(hand));
      assert.deepEqual(
        [...handsOf.values()].map(({ size }) => size),
        [1, 1, 1],
      );
      for (const { run } of two.given)
        assert.equal(run.isLast, (run.offset + run.length) % STRETCH_BYTES === 0 || run.length === 10);
    });
  }
});

// What looks like a loss, and what does not, by numbers alone.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  type DoubtCause,
  describeDoubt,
  judgeLoss,
  type LossFacts,
  mayBeLoss,
} from '../../src/core/checkpoint-doubt.ts';

const NOTHING: LossFacts = {
  formerFiles: 0,
  formerCount: 0,
  presentFiles: 1,
  goneCount: 0,
  replacedCount: 0,
  noiseCount: 0,
  hiddenCount: 0,
  unmountedCount: 0,
};

/** Of a pod without anything that programs make again, unless said otherwise. */
function judged(facts: Partial<LossFacts>): DoubtCause[] {
  return judgeLoss({ ...NOTHING, formerFiles: facts.formerCount ?? 0, ...facts });
}

/** Facts that can be: what is gone or replaced was there before, and noise took the place of something readable. */
const facts: fc.Arbitrary<LossFacts> = fc
  .tuple(fc.nat(3000), fc.nat(5000), fc.nat(5000), fc.nat(5000), fc.nat(5000), fc.nat(5000))
  .map(([formerCount, more, gone, replaced, noise, added]) => {
    const formerFiles = formerCount + more;
    const goneCount = gone % (formerCount + 1);
    const replacedCount = replaced % (formerCount + 1);
    const noiseCount = noise % (replacedCount + 1);
    const presentFiles = formerFiles - goneCount + added;
    return { ...NOTHING, formerFiles, formerCount, goneCount, replacedCount, noiseCount, presentFiles };
  });

describe('a checkpoint', () => {
  it('is doubtful if more than half of the files are gone, and not for half of them', () => {
    assert.deepEqual(judged({ formerCount: 100, presentFiles: 49, goneCount: 51 }), ['gone']);
    assert.deepEqual(judged({ formerCount: 100, presentFiles: 50, goneCount: 50 }), []);
  });

  it('of a small pod is not, unless nothing is left', () => {
    assert.deepEqual(judged({ formerCount: 5, presentFiles: 2, goneCount: 3 }), []);
    assert.deepEqual(judged({ formerCount: 11, presentFiles: 2, goneCount: 9 }), []);
    assert.deepEqual(judged({ formerCount: 5, presentFiles: 0, goneCount: 5 }), ['empty']);
    assert.deepEqual(judged({ formerCount: 1, presentFiles: 0, goneCount: 1 }), ['empty']);
    assert.deepEqual(judged({ formerCount: 0, presentFiles: 0 }), []);
  });

  it('is doubtful if most of what was replaced became noise', () => {
    const facts = { formerCount: 1000, presentFiles: 1000, replacedCount: 60, noiseCount: 40 };
    assert.deepEqual(judged(facts), ['noise']);
    assert.deepEqual(judged({ ...facts, replacedCount: 80 }), []);
    assert.deepEqual(judged({ ...facts, replacedCount: 19, noiseCount: 19 }), []);
  });

  it('is doubtful if most files of a small pod became noise', () => {
    const facts = { formerCount: 8, presentFiles: 8, replacedCount: 8 };
    assert.deepEqual(judged({ ...facts, noiseCount: 5 }), ['noise']);
    assert.deepEqual(judged({ ...facts, noiseCount: 4 }), []);
    assert.deepEqual(judged({ ...facts, formerCount: 12, noiseCount: 5 }), []);
  });

  it('is doubtful for a single file that a mount hides or held', () => {
    assert.deepEqual(judged({ formerCount: 900, goneCount: 1, hiddenCount: 1 }), ['hidden']);
    assert.deepEqual(judged({ formerCount: 900, goneCount: 1, unmountedCount: 1 }), ['unmounted']);
  });

  it('is never doubtful where the numbers of the capture had ruled it out', () => {
    fc.assert(
      fc.property(facts, fc.nat(), fc.nat(), fc.nat(), (found, other, apart, fresh) => {
        const { formerFiles, formerCount, goneCount, replacedCount } = found;
        // names that are gone and names that were replaced may be the same or others
        const leastDiffering = Math.max(goneCount, replacedCount);
        const differing = leastDiffering + (other % (formerFiles - leastDiffering + 1));
        // those of them that are counted: at least what is gone or replaced, and what there are no others for
        const least = Math.max(leastDiffering, differing - (formerFiles - formerCount));
        const differingCount = least + (apart % (Math.min(differing, formerCount) - least + 1));
        const unchangedFiles = formerFiles - differing;
        const files = Math.max(found.presentFiles, unchangedFiles);
        const countedFiles = formerCount - differingCount + (fresh % (files - unchangedFiles + 1));
        if (mayBeLoss(formerFiles, { files, countedFiles, unchangedFiles })) return;
        assert.deepEqual(judgeLoss(found), []);
      }),
      { numRuns: 2000 },
    );
  });

  it('is compared with the one before if that many may be lost, and not for a day’s edits of a large pod', () => {
    const mayBeLost = (formerFiles: number, unchangedFiles: number, countedFiles = formerFiles) =>
      mayBeLoss(formerFiles, { files: formerFiles, countedFiles, unchangedFiles });
    assert.equal(mayBeLost(35_000, 35_000 - 350), true);
    assert.equal(mayBeLost(35_000, 35_000 - 349), false);
    assert.equal(mayBeLost(3, 1), true);
    assert.equal(mayBeLost(3, 2), false);
    // with so few that are not made again, most of those may be gone
    assert.equal(mayBeLost(35_000, 35_000 - 70, 139), true);
    assert.equal(mayBeLost(35_000, 35_000 - 70, 140), false);
    assert.equal(mayBeLost(35_000, 35_000 - 69, 100), false);
  });

  it('stays doubtful if even more is gone', () => {
    fc.assert(
      fc.property(facts, fc.nat(100), (found, more) => {
        const goneCount = Math.min(found.formerCount, found.goneCount + more);
        const presentFiles = Math.max(0, found.presentFiles - (goneCount - found.goneCount));
        const before = judgeLoss(found);
        const after = judgeLoss({ ...found, goneCount, presentFiles });
        for (const cause of before)
          assert.ok(after.includes(cause), `${cause} was answered by a further loss`);
      }),
    );
  });

  it('says what is doubtful about it in a clause', () => {
    const doubt = { against: 7, formerCount: 500, goneCount: 412, noiseCount: 30, examples: [] };
    assert.equal(
      describeDoubt({ ...doubt, causes: ['gone', 'noise'] }),
      'compared with checkpoint 7, 412 of 500 files are gone or were emptied, and 30 of 500 files became noise, as encryption leaves it',
    );
    assert.equal(
      describeDoubt({ ...doubt, causes: ['empty', 'gone'] }),
      'compared with checkpoint 7, no file is left of the 500',
    );
  });
});

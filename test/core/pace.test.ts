// How fast a transfer goes and how long it takes, as it is shown.
import assert from 'node:assert/strict';
import { Pace } from '../../src/core/pace.ts';

/** Notes 100 bytes a millisecond from `fromMs` to `toMs`, ten times a second, beginning with `doneBytes`. */
function run(pace: Pace, fromMs: number, toMs: number, doneBytes: number, bytesPerMs: number): number {
  for (let atMs = fromMs; atMs <= toMs; atMs += 100)
    pace.note(atMs, doneBytes + (atMs - fromMs) * bytesPerMs);
  return doneBytes + (toMs - fromMs) * bytesPerMs;
}

describe('the pace of a transfer', () => {
  it('is unknown at first', () => {
    const pace = new Pace();
    assert.equal(pace.bytesPerSecond, undefined);
    run(pace, 0, 400, 0, 100);
    assert.equal(pace.bytesPerSecond, undefined);
    assert.equal(pace.msLeft(1), undefined);
  });

  it('is what goes over in a second, and tells how long the rest takes', () => {
    const pace = new Pace();
    const doneBytes = run(pace, 0, 5000, 0, 100);
    assert.equal(pace.bytesPerSecond, 100_000);
    assert.equal(pace.msLeft(1_000_000 - doneBytes), 5000);
    assert.equal(pace.msLeft(-1), 0);
  });

  it('forgets what an interrupted transfer had already', () => {
    const pace = new Pace();
    pace.note(0, 0);
    run(pace, 100, 20_000, 1_000_000_000, 100);
    assert.equal(pace.bytesPerSecond, 100_000);
  });

  it('falls when nothing comes any more', () => {
    const pace = new Pace();
    const doneBytes = run(pace, 0, 5000, 0, 100);
    pace.note(15_000, doneBytes);
    assert.ok((pace.bytesPerSecond ?? 0) < 40_000);
    pace.note(40_000, doneBytes);
    pace.note(41_000, doneBytes);
    assert.equal(pace.bytesPerSecond, 0);
    assert.equal(pace.msLeft(1), undefined);
  });

  it('keeps little, however long it goes on', () => {
    const pace = new Pace();
    for (let atMs = 0; atMs < 3_600_000; atMs += 20) pace.note(atMs, atMs * 7);
    assert.ok(Math.abs((pace.bytesPerSecond ?? 0) - 7000) < 1);
  });
});

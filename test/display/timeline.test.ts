// The timeline's rows, its band of days, and the charts: what is laid out before anything is drawn.
import assert from 'node:assert/strict';
import { gather } from '../../display/dashboard/charts/buckets.ts';
import { roundTicks } from '../../display/dashboard/charts/ticks.ts';
import { RowPlaces } from '../../display/dashboard/parts/row-window.ts';
import { steadyTimes } from '../../display/dashboard/steady-times.ts';
import { bandBars } from '../../display/dashboard/timeline/band-bars.ts';
import { layOutTiles, nextPlace } from '../../display/dashboard/timeline/tile-rows.ts';
import type { TimelineCheckpoint } from '../../src/core/timeline.ts';

const DAY_MS = 86_400_000;
const NOON = new Date(2026, 10, 29, 12).getTime();

function checkpoint(number: number, atMs: number): TimelineCheckpoint {
  return {
    ...{ number, atMs, reason: 'schedule', isHere: true, homes: number % 2 === 0 ? [0] : [] },
    ...{ hasSession: false, isDoubted: false, fileCount: number, fileBytes: number * 1000, imageBytes: 0 },
    ...{ storedBytes: 100, pauseMs: 0 },
  };
}

/** Newest first: `counts[i]` checkpoints i days ago. */
function daysOf(counts: readonly number[]): TimelineCheckpoint[] {
  let number = counts.reduce((sum, count) => sum + count, 0);
  return counts.flatMap((count, day) =>
    Array.from({ length: count }, (_, index) => checkpoint(number--, NOON - day * DAY_MS - index * 1000)),
  );
}

describe('the layout of a timeline', () => {
  it('gives each day a heading and its checkpoints rows of as many as fit', () => {
    const { rows, days, rowOf } = layOutTiles(daysOf([5, 1, 4]), 3);
    assert.deepEqual(
      rows.map((row) => (row.kind === 'day' ? `day of ${row.day.count}` : `${row.first}-${row.last}`)),
      ['day of 5', '0-3', '3-5', 'day of 1', '5-6', 'day of 4', '6-9', '9-10'],
    );
    assert.deepEqual([rowOf(0), rowOf(4), rowOf(5), rowOf(9)], [1, 2, 4, 7]);
    assert.deepEqual(
      days.map(({ storedBytes, onlyHereCount }) => [storedBytes, onlyHereCount]),
      [
        [500, 2],
        [100, 1],
        [400, 2],
      ],
    );
  });

  it('leads the arrow keys over headings, and keeps the column where there is one', () => {
    const tiles = layOutTiles(daysOf([5, 1, 4]), 3);
    const step = (from: number, key: string) => nextPlace(tiles, from, key, 10);
    assert.deepEqual([step(2, 'ArrowRight'), step(0, 'ArrowLeft'), step(9, 'ArrowRight')], [3, 0, 9]);
    assert.deepEqual([step(1, 'ArrowDown'), step(2, 'ArrowDown'), step(4, 'ArrowDown')], [4, 4, 5]);
    assert.deepEqual([step(5, 'ArrowUp'), step(0, 'ArrowUp'), step(9, 'ArrowDown')], [3, 0, 9]);
    assert.deepEqual([step(4, 'Home'), step(4, 'End'), step(4, 'x')], [0, 9, undefined]);
    assert.equal(step(0, 'PageDown'), 9);
  });

  it('shows no more of ten thousand rows than can be seen', () => {
    const places = new RowPlaces(10_000, (index) => (index % 10 === 0 ? 40 : 60));
    const { first, last, beforePx, afterPx } = places.windowOf(300_000, 300_800, 100);
    assert.ok(last - first < 25, `${last - first} rows`);
    assert.ok(places.topOf(first) <= 299_900 && places.topOf(last) >= 300_900);
    assert.equal(beforePx + afterPx + places.topOf(last) - places.topOf(first), places.heightPx);
    assert.deepEqual([places.rowAt(-5), places.rowAt(1e9)], [0, 9999]);
    assert.equal(new RowPlaces(0, () => 1).windowOf(0, 100, 10).last, 0);
  });

  it('joins days in the band where bars would overlap, and loses none', () => {
    const { days } = layOutTiles(daysOf(Array.from({ length: 900 }, () => 2)), 4);
    const bars = bandBars(days, 600, NOON);
    assert.ok(bars.length <= 150, `${bars.length} bars`);
    assert.equal(bars[0]?.place, 0);
    assert.equal(bars.at(-1)?.until, 900);
    bars.forEach((bar, index) => {
      const next = bars[index + 1];
      assert.ok(bar.xPx >= 0 && bar.xPx + bar.widthPx <= 600.001);
      assert.ok(next === undefined || (next.place === bar.until && next.xPx + next.widthPx <= bar.xPx));
    });
    assert.equal(Math.max(...bars.map(({ share }) => share)), 1);
    assert.deepEqual(bandBars([], 600, NOON), []);
  });

  it('gathers checkpoints for charts, and counts each once', () => {
    const checkpoints = daysOf(Array.from({ length: 400 }, (_, day) => (day % 3) + 1)).toReversed();
    const buckets = gather(checkpoints, 120, NOON);
    assert.ok(buckets.length <= 121 && buckets.length > 40, `${buckets.length} spans`);
    assert.equal(
      buckets.reduce((sum, { count }) => sum + count, 0),
      checkpoints.length,
    );
    assert.equal(buckets.at(-1)?.totalBytes, checkpoints.length * 100);
    assert.equal(buckets.at(-1)?.fileCount, checkpoints.length);
    for (const [index, bucket] of buckets.entries())
      assert.ok((buckets[index - 1]?.untilMs ?? 0) <= bucket.fromMs);
    assert.deepEqual(gather([], 120, NOON), []);
    assert.equal(gather([checkpoint(1, NOON)], 120, NOON).length, 1);
  });

  it('lets no clock of 1970 or of 2100 stretch a chart', () => {
    const wrong = [NOON, NOON + 1000, 0, NOON + 2000, 4e12, NOON + 3000];
    const steady = steadyTimes(wrong, NOON + 10_000);
    for (const [index, time] of steady.entries()) {
      assert.ok(time >= NOON && time <= NOON + 3000, `${time}`);
      assert.ok(index === 0 || time >= (steady[index - 1] ?? 0));
    }
  });

  it('draws its lines at round figures that reach the top', () => {
    assert.deepEqual(roundTicks(0.95, 4), [0, 0.5, 1]);
    assert.deepEqual(roundTicks(100, 4), [0, 50, 100]);
    assert.deepEqual(roundTicks(7_300_000, 4), [0, 2e6, 4e6, 6e6, 8e6]);
    assert.deepEqual(roundTicks(0, 4), [0]);
  });
});

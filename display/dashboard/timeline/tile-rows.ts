// Checkpoints as rows of a page: a row for each day's heading, and its checkpoints in rows of as many as fit side by side.
import type { TimelineCheckpoint } from '../../../src/session/dashboard/contract.ts';
import { dayNumber } from '../figures.ts';

/** A day that has checkpoints. */
export interface Day {
  /** Of its newest checkpoint. */
  readonly atMs: number;
  readonly count: number;
  /** What its checkpoints added. */
  readonly storedBytes: number;
  /** How many of them are at no home. */
  readonly onlyHereCount: number;
  /** Place of its heading among the rows. */
  readonly row: number;
  /** Place of its newest checkpoint among all, newest first. */
  readonly first: number;
}

/** A heading, or tiles from `first` to before `last`, by their places among all, newest first. */
export type TileRow =
  | { readonly kind: 'day'; readonly day: Day }
  | { readonly kind: 'tiles'; readonly first: number; readonly last: number };

/** All rows, newest first. */
export interface TileRows {
  readonly rows: readonly TileRow[];
  readonly days: readonly Day[];
  /** The row that a checkpoint is in, by its place. */
  rowOf(place: number): number;
}

/** `checkpoints` are newest first. By the order of the log: a day that a wrong clock put in between is there twice. */
export function layOutTiles(checkpoints: readonly TimelineCheckpoint[], columns: number): TileRows {
  const rows: TileRow[] = [];
  const days: Day[] = [];
  const rowOfPlace = new Uint32Array(checkpoints.length);
  for (let first = 0; first < checkpoints.length; ) {
    const newest = checkpoints[first];
    if (newest === undefined) break;
    const number = dayNumber(newest.atMs);
    let last = first;
    let storedBytes = 0;
    let onlyHereCount = 0;
    for (; last < checkpoints.length; last++) {
      const checkpoint = checkpoints[last];
      if (checkpoint === undefined || dayNumber(checkpoint.atMs) !== number) break;
      storedBytes += checkpoint.storedBytes;
      if (checkpoint.homes.length === 0) onlyHereCount += 1;
    }
    const day = {
      atMs: newest.atMs,
      count: last - first,
      storedBytes,
      onlyHereCount,
      row: rows.length,
      first,
    };
    days.push(day);
    rows.push({ kind: 'day', day });
    for (let start = first; start < last; start += columns) {
      const end = Math.min(start + columns, last);
      rowOfPlace.fill(rows.length, start, end);
      rows.push({ kind: 'tiles', first: start, last: end });
    }
    first = last;
  }
  return { rows, days, rowOf: (place) => rowOfPlace[place] ?? 0 };
}

/** The place of the tile that an arrow key leads to; up and down keep the column as far as there is one. */
export function nextPlace(
  { rows, rowOf }: TileRows,
  place: number,
  key: string,
  count: number,
): number | undefined {
  switch (key) {
    case 'ArrowRight':
      return Math.min(place + 1, count - 1);
    case 'ArrowLeft':
      return Math.max(place - 1, 0);
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    case 'ArrowDown':
    case 'ArrowUp':
    case 'PageDown':
    case 'PageUp': {
      const isDown = key.endsWith('Down');
      const from = rowOf(place);
      const here = rows[from];
      if (here?.kind !== 'tiles') return place;
      let stepsLeft = key.startsWith('Page') ? 4 : 1;
      let found = place;
      for (let row = from; stepsLeft > 0; ) {
        row += isDown ? 1 : -1;
        const candidate = rows[row];
        if (candidate === undefined) break;
        if (candidate.kind === 'day') continue;
        found = Math.min(candidate.first + (place - here.first), candidate.last - 1);
        stepsLeft -= 1;
      }
      return found;
    }
    default:
      return undefined;
  }
}

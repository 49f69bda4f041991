// Which rows of a long list can be seen: only those are in the page, and room is kept for all others.

/** Rows from `first` to before `last`, with the room to be kept before and after them, in pixels. */
export interface RowWindow {
  readonly first: number;
  readonly last: number;
  readonly beforePx: number;
  readonly afterPx: number;
}

/** The places of rows of any heights. */
export class RowPlaces {
  /** Where each row begins, and where the last one ends. */
  readonly #tops: Float64Array;

  constructor(count: number, heightOf: (index: number) => number) {
    this.#tops = new Float64Array(count + 1);
    for (let index = 0; index < count; index++)
      this.#tops[index + 1] = (this.#tops[index] ?? 0) + heightOf(index);
  }

  get count(): number {
    return this.#tops.length - 1;
  }

  get heightPx(): number {
    return this.topOf(this.count);
  }

  /** Where a row begins; of {@link count}, where the last one ends. */
  topOf(index: number): number {
    return this.#tops[index] ?? 0;
  }

  /** The row at a height; the first or last one beyond them. */
  rowAt(px: number): number {
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.topOf(middle) <= px) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }

  /** The rows between two heights, and `spare` pixels more at both ends. */
  windowOf(fromPx: number, untilPx: number, spare: number): RowWindow {
    if (this.count === 0) return { first: 0, last: 0, beforePx: 0, afterPx: 0 };
    const first = this.rowAt(fromPx - spare);
    const last = this.rowAt(untilPx + spare) + 1;
    return { first, last, beforePx: this.topOf(first), afterPx: this.heightPx - this.topOf(last) };
  }
}

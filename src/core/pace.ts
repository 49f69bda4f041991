// How fast work goes, and how long the rest takes.

/** The pace is that of the last seconds: what an interrupted transfer had already would count as speed otherwise. */
const WINDOW_MS = 15_000;
const SAMPLE_EVERY_MS = 250;
/** Nothing is said of less than this. */
const MIN_SPAN_MS = 500;

/** The pace of one step, from what is done at moments of any one clock. */
export class Pace {
  #samples: { readonly atMs: number; readonly doneBytes: number }[] = [];

  /** Takes note of what is done now. */
  note(atMs: number, doneBytes: number): void {
    const last = this.#samples.at(-1);
    // the newest is replaced until it is far enough from the one before, so that the pace goes up to now
    const before = this.#samples.at(-2);
    if (last !== undefined && before !== undefined && last.atMs - before.atMs < SAMPLE_EVERY_MS)
      this.#samples.pop();
    this.#samples.push({ atMs, doneBytes });
    while ((this.#samples[1]?.atMs ?? atMs) <= atMs - WINDOW_MS) this.#samples.shift();
  }

  /** Bytes in a second; undefined as long as too little was seen. */
  get bytesPerSecond(): number | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.atMs - first.atMs < MIN_SPAN_MS) return undefined;
    return Math.max(0, ((last.doneBytes - first.doneBytes) / (last.atMs - first.atMs)) * 1000);
  }

  /** How long `restBytes` take at this pace; undefined if nobody knows. */
  msLeft(restBytes: number): number | undefined {
    const rate = this.bytesPerSecond;
    return rate === undefined || rate === 0 ? undefined : (Math.max(0, restBytes) / rate) * 1000;
  }
}

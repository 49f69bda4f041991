// Which bytes of a batch belong to which string, as numbers in a row.

/** One run of a byte string within the bytes of a batch. */
export interface StringRun {
  /** Runs of one string carry the same number and go to the same worker, in order. */
  readonly string: number;
  readonly start: number;
  readonly end: number;
  readonly isLast: boolean;
}

const FIELDS = 4;

/** The runs of one batch as they travel. */
export function encodeRuns(runs: readonly StringRun[]): Uint32Array {
  const encoded = new Uint32Array(runs.length * FIELDS);
  for (const [i, { string, start, end, isLast }] of runs.entries()) {
    encoded.set([string, start, end, isLast ? 1 : 0], i * FIELDS);
  }
  return encoded;
}

/** What {@link encodeRuns} encoded. */
export function* decodeRuns(encoded: Uint32Array): Generator<StringRun> {
  for (let at = 0; at < encoded.length; at += FIELDS) {
    const [string = 0, start = 0, end = 0, isLast = 0] = encoded.subarray(at, at + FIELDS);
    yield { string, start, end, isLast: isLast === 1 };
  }
}

// Progress of long work, as one value that every room reports in the same words.

/** How far a step has come. Rates and the time left are worked out by whoever shows it. */
export interface Progress {
  /** What is being done, for people: `sending to home`. */
  readonly step: string;
  readonly doneBytes?: number;
  readonly totalBytes?: number;
  readonly doneFiles?: number;
  readonly totalFiles?: number;
}

/** Is told of progress; it must return quickly and never throw. */
export type ProgressListener = (progress: Progress) => void;

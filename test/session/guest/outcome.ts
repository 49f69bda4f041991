// What a guest tells of its tests, on its second serial line: a line of JSON for each, then one for the end.

/** How one test ended. */
export interface Outcome {
  /** The titles of its suite and its own. */
  readonly title: string;
  readonly durationMs: number;
  /** The error with its stack and causes; absent if the test passed. */
  readonly failure?: string;
}

/** The last line. */
export interface End {
  readonly testCount: number;
}

/** The name by which guest and host mean the same test. */
export function titleOf(titlePath: readonly string[]): string {
  return titlePath.slice(-2).join(': ');
}

// Whether tests are as thorough as they can be.

/** What takes many minutes is tested with DESKPOD_TEST_EXHAUSTIVE only. */
export const IS_EXHAUSTIVE = process.env.DESKPOD_TEST_EXHAUSTIVE !== undefined;

/** As `it`, of what takes long. */
export function itIfThorough(title: string, test: Mocha.AsyncFunc | Mocha.Func): void {
  if (IS_EXHAUSTIVE) it(title, test);
}

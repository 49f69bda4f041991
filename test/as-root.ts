// Tests that need root: without it they are left out, and it is said which.

const isRoot = process.getuid?.() === 0;

/** Root reads and writes whatever it likes, unless a program is run through this. */
export const WITHOUT_OVERRIDE: readonly string[] = isRoot
  ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search']
  : [];

/** Like `it`, with root only. */
export function itAsRoot(title: string, test: Mocha.AsyncFunc | Mocha.Func): void {
  if (isRoot) it(title, test);
  else leaveOut(title);
}

/** Like `describe`, with root only. */
export function describeAsRoot(title: string, suite: (this: Mocha.Suite) => void): void {
  if (isRoot) describe(title, suite);
  else leaveOut(title);
}

function leaveOut(title: string): void {
  console.log(`left out, as it needs root: ${title}`);
}

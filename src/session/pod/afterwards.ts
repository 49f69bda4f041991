// Work with steps that must follow it whatever happens, where no failure hides another.

/**
 * Does `work`, then every step in order, also after a failure.
 *
 * @throws the first failure; those after it are told on stderr, which a supervisor keeps in its log
 */
export async function afterwards<Result>(
  work: () => Promise<Result>,
  ...steps: readonly (() => Promise<unknown>)[]
): Promise<Result> {
  const failures: unknown[] = [];
  let result: { readonly value: Result } | undefined;
  try {
    result = { value: await work() };
  } catch (error) {
    failures.push(error);
  }
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  const [first, ...others] = failures;
  for (const other of others) process.stderr.write(`also failed: ${String(other)}\n`);
  if (first !== undefined || result === undefined) throw first;
  return result.value;
}

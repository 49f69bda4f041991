// Waiting no longer than a given time for something that is not under the host's control.

/**
 * Waits for `work`, `timeoutMs` at most. The work itself is not stopped.
 * @returns false if it took longer; whatever it throws later goes unheard then.
 * @throws what `work` throws in time.
 */
export async function endsWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  try {
    return await Promise.race([work.then(() => true), expired]);
  } finally {
    clearTimeout(timer);
  }
}

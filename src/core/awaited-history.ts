// What a restore left for later: packs that older checkpoints need, until a look at the whole device finds them there.
import type { VerifyCompleted } from './events.ts';

/** Packs that were not on the device yet when a restore ended. */
export interface AwaitedHistory {
  readonly packCount: number;
  readonly sizeBytes: number;
}

/** What is still awaited after a verify. */
export function awaitedAfter(
  awaited: AwaitedHistory | undefined,
  { place, isWhole, damagedCount, healedCount }: VerifyCompleted,
): AwaitedHistory | undefined {
  return place === 'device' && isWhole && damagedCount === healedCount ? undefined : awaited;
}

// Retention of the heads that a home has received: by home's own time, and by nothing that a device says.
import { applyRetention, type KeepReason, type Pin, type RetentionPolicy } from './retention.ts';

/** A head that a home has received, with its inventory. */
export interface ReceivedHead {
  /** Position of the log that it stands at. */
  readonly seq: number;
  /** When home's file system says that it came. */
  readonly receivedAtMs: number;
  /** True if everything that it needs is at home. */
  readonly isWhole: boolean;
  /** True if it is the one that home's head file holds. */
  readonly isPresent: boolean;
}

/** What a prune of a home goes by. */
export interface HeadRetention {
  readonly policy: RetentionPolicy;
  /** What came less than this ago stays. */
  readonly graceMs: number;
  /** The time at home. */
  readonly nowMs: number;
}

/**
 * Why each of `heads` is kept, in their order; there is no reason if a prune would forget it. They come in the order of
 * their positions. Kept in any case are the newest, the present one, those beyond it, and those within the grace period.
 *
 * @throws DeskPodError USAGE for a policy that keeps nothing
 */
export function judgeHeads(
  heads: readonly ReceivedHead[],
  { policy, graceMs, nowMs }: HeadRetention,
): (readonly KeepReason[])[] {
  const presentSeq = heads.find(({ isPresent }) => isPresent)?.seq ?? 0;
  const pinsOf = ({ seq, receivedAtMs, isPresent }: ReceivedHead): Pin[] => [
    ...(isPresent ? ['head' as const] : []),
    ...(seq > presentSeq ? ['arriving' as const] : []),
    // a time in the future may be of this very moment
    ...(receivedAtMs > nowMs - graceMs ? ['grace' as const] : []),
  ];
  return applyRetention(
    heads.map((head) => ({ atMs: head.receivedAtMs, pins: pinsOf(head), isWhole: head.isWhole })),
    policy,
    nowMs,
  );
}

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
  /** The branch that it is of; undefined for home's own history. */
  readonly branch: string | undefined;
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
 * their positions. The policy goes over home's own history, and over each branch on its own. Kept in any case are the
 * newest of each, the present one and those beyond it, and those within the grace period.
 *
 * @throws DeskPodError USAGE for a policy that keeps nothing
 */
export function judgeHeads(heads: readonly ReceivedHead[], plan: HeadRetention): (readonly KeepReason[])[] {
  const verdicts: (readonly KeepReason[])[] = heads.map(() => []);
  for (const branch of new Set(heads.map((head) => head.branch))) {
    const places = [...heads.keys()].filter((place) => heads[place]?.branch === branch);
    const judged = judgeLine(
      places.flatMap((place) => heads[place] ?? []),
      plan,
    );
    for (const [nth, place] of places.entries()) verdicts[place] = judged[nth] ?? [];
  }
  return verdicts;
}

/** Of one history. The present head of a branch is its newest, as nothing else says which it is. */
function judgeLine(
  heads: readonly ReceivedHead[],
  { policy, graceMs, nowMs }: HeadRetention,
): (readonly KeepReason[])[] {
  const isBranch = heads.some(({ branch }) => branch !== undefined);
  const presentSeq = (isBranch ? heads.at(-1) : heads.find(({ isPresent }) => isPresent))?.seq ?? 0;
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

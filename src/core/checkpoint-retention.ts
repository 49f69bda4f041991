// Retention of a pod's checkpoints: the policy, and what the pod itself still needs.
import { applyRetention, type KeepReason, type Pin, type RetentionPolicy } from './retention.ts';
import type { Checkpoint, PodState } from './state.ts';

/** A checkpoint and why it is kept; there is no reason if a prune would forget it. */
export interface JudgedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly reasons: readonly KeepReason[];
}

/**
 * Every checkpoint with what `policy` makes of it. Kept in any case are the newest, the one whose processes a suspended
 * pod resumes, the newest that has processes at all, and the one that the files come from. Doubtful ones stand for no
 * others.
 *
 * @throws DeskPodError USAGE for a policy that keeps nothing
 */
export function judgeCheckpoints(
  state: PodState,
  policy: RetentionPolicy,
  nowMs: number,
): JudgedCheckpoint[] {
  const pinned = pinnedCheckpoints(state);
  const doubted = new Set(state.doubted.map(({ number }) => number));
  const verdicts = applyRetention(
    state.checkpoints.map(({ atMs, number }) => ({
      atMs,
      pins: pinned.get(number) ?? [],
      isDoubted: doubted.has(number),
    })),
    policy,
    nowMs,
  );
  return state.checkpoints.map((checkpoint, index) => ({ checkpoint, reasons: verdicts[index] ?? [] }));
}

/** The checkpoints that the pod needs whatever a policy says, by number, besides the newest. */
export function pinnedCheckpoints({
  session,
  checkpoints,
  reference,
  doubted,
}: PodState): Map<number, Pin[]> {
  const pinned = new Map<number, Pin[]>();
  const pin = (number: number | undefined, reason: Pin): void => {
    if (number !== undefined) pinned.set(number, [...(pinned.get(number) ?? []), reason]);
  };
  if (session.status === 'suspended') pin(session.checkpoint, 'suspended');
  pin(checkpoints.findLast(({ images }) => images !== undefined)?.number, 'images');
  const needed = new Set(doubted.map(({ against }) => against));
  if (reference !== checkpoints.at(-1)?.number) needed.add(reference);
  for (const { number } of checkpoints) if (needed.has(number)) pin(number, 'reference');
  return pinned;
}

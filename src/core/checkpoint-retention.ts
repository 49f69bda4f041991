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
 * pod resumes, and the newest that has processes at all.
 *
 * @throws DeskPodError USAGE for a policy that keeps nothing
 */
export function judgeCheckpoints(
  state: PodState,
  policy: RetentionPolicy,
  nowMs: number,
): JudgedCheckpoint[] {
  const pinned = pinnedCheckpoints(state);
  const verdicts = applyRetention(
    state.checkpoints.map(({ atMs, number }) => ({ atMs, pins: pinned.get(number) ?? [] })),
    policy,
    nowMs,
  );
  return state.checkpoints.map((checkpoint, index) => ({ checkpoint, reasons: verdicts[index] ?? [] }));
}

/** The checkpoints that the pod needs whatever a policy says, by number, besides the newest. */
export function pinnedCheckpoints({ session, checkpoints }: PodState): Map<number, Pin[]> {
  const pinned = new Map<number, Pin[]>();
  if (session.status === 'suspended') pinned.set(session.checkpoint, ['suspended']);
  const withImages = checkpoints.findLast(({ images }) => images !== undefined)?.number;
  if (withImages !== undefined) pinned.set(withImages, [...(pinned.get(withImages) ?? []), 'images']);
  return pinned;
}

// The checkpoints of a pod, and what a prune would keep of them.
import { judgeCheckpoints } from '../../core/checkpoint-retention.ts';
import type { RetentionPolicy } from '../../core/retention.ts';
import type { Checkpoint, PodState } from '../../core/state.ts';
import type { KeptCheckpoint } from './prune-report.ts';

/**
 * Every checkpoint, oldest first; with a policy, also what it would keep and why.
 *
 * @throws DeskPodError USAGE for a policy that keeps nothing
 */
export function listCheckpoints(
  state: PodState,
  policy?: RetentionPolicy,
): { readonly checkpoints: readonly Checkpoint[]; readonly kept?: readonly KeptCheckpoint[] } {
  const { checkpoints } = state;
  if (policy === undefined) return { checkpoints };
  const kept = judgeCheckpoints(state, policy, Date.now()).map(
    ({ checkpoint: { number, atMs }, reasons }) => ({
      number,
      atMs,
      reasons,
    }),
  );
  return { checkpoints, kept };
}

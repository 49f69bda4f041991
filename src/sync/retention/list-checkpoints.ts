// The checkpoints of a pod, and what a prune would keep of them.
import { judgeCheckpoints } from '../../core/checkpoint-retention.ts';
import type { RetentionPolicy } from '../../core/retention.ts';
import type { Checkpoint, DoubtedCheckpoint, PodState } from '../../core/state.ts';
import type { HomePodAccess } from '../browse/home-pod.ts';
import { openRsyncHome } from '../home/rsync-home.ts';
import { foldRecords } from '../pod/pod.ts';
import { choosePod } from '../pod/rebuild.ts';
import { surveyPod } from '../pod/survey.ts';
import type { KeptCheckpoint } from './prune-report.ts';

/** The checkpoints of a pod. */
export interface CheckpointList {
  /** Oldest first. */
  readonly checkpoints: readonly Checkpoint[];
  /** Those that looked like a loss when they were sealed, and that nobody has accepted since. */
  readonly doubted: readonly DoubtedCheckpoint[];
  /** With a policy: what it would keep. */
  readonly kept?: readonly KeptCheckpoint[];
}

/**
 * Every checkpoint; with a policy, also what it would keep and why.
 *
 * @throws DeskPodError USAGE for a policy that keeps nothing
 */
export function listCheckpoints(state: PodState, policy?: RetentionPolicy): CheckpointList {
  const { checkpoints, doubted } = state;
  if (policy === undefined) return { checkpoints, doubted };
  const kept = judgeCheckpoints(state, policy, Date.now()).map(
    ({ checkpoint: { number, atMs }, reasons }) => ({
      number,
      atMs,
      reasons,
    }),
  );
  return { checkpoints, doubted, kept };
}

/**
 * The checkpoints of a pod at home, or of a branch of it there.
 *
 * @throws DeskPodError HOME_*, POD_NOT_FOUND, BRANCH_NOT_FOUND, PASSPHRASE_WRONG, KEYRING_NO_IDENTITY,
 * CHECKPOINT_NOT_FOUND if there is none, OBJECT_*
 */
export async function checkpointsAtHome(
  { url, podId, credential, branch }: HomePodAccess,
  policy?: RetentionPolicy,
): Promise<CheckpointList> {
  const home = openRsyncHome(url);
  const request = { home, podId: await choosePod(home, podId), credential };
  const { records } = await surveyPod(branch === undefined ? request : { ...request, branch });
  return listCheckpoints(foldRecords(records), policy);
}

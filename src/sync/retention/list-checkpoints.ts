// The checkpoints of a pod, and what a prune would keep of them.
import { judgeCheckpoints } from '../../core/checkpoint-retention.ts';
import type { RetentionPolicy } from '../../core/retention.ts';
import type { Checkpoint, PodState } from '../../core/state.ts';
import type { HomePodAccess } from '../browse/home-pod.ts';
import { openRsyncHome } from '../home/rsync-home.ts';
import { foldRecords } from '../pod/pod.ts';
import { choosePod } from '../pod/rebuild.ts';
import { surveyPod } from '../pod/survey.ts';
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

/**
 * The checkpoints of a pod at home, or of a branch of it there.
 *
 * @throws DeskPodError HOME_*, POD_NOT_FOUND, BRANCH_NOT_FOUND, PASSPHRASE_WRONG, KEYRING_NO_IDENTITY,
 * CHECKPOINT_NOT_FOUND if there is none, OBJECT_*
 */
export async function checkpointsAtHome(
  { url, podId, credential, branch }: HomePodAccess,
  policy?: RetentionPolicy,
): Promise<ReturnType<typeof listCheckpoints>> {
  const home = openRsyncHome(url);
  const request = { home, podId: await choosePod(home, podId), credential };
  const { records } = await surveyPod(branch === undefined ? request : { ...request, branch });
  return listCheckpoints(foldRecords(records), policy);
}

// The checkpoints of a pod: what each holds, where it lies, and what a prune would keep of them.
import { judgeCheckpoints } from '../../core/checkpoint-retention.ts';
import type { CheckpointStats } from '../../core/events.ts';
import type { RetentionPolicy } from '../../core/retention.ts';
import type { Checkpoint, DoubtedCheckpoint, PodState } from '../../core/state.ts';
import type { HomePodAccess } from '../browse/home-pod.ts';
import { openRsyncHome } from '../home/rsync-home.ts';
import { foldRecords } from '../pod/pod.ts';
import { choosePod } from '../pod/rebuild.ts';
import { surveyPod } from '../pod/survey.ts';
import type { KeptCheckpoint } from './prune-report.ts';

/** A checkpoint as the timeline shows it. Whether it has a picture of the screen is known only by asking for that. */
export interface ListedCheckpoint extends Checkpoint {
  /** How much more files hold than in the checkpoint before it in the list, less being negative; absent for the first. */
  readonly growth?: Pick<CheckpointStats, 'fileCount' | 'fileBytes'>;
  /** URLs of the homes of today that have it, as far as the log knows: what is forgotten here they may have besides. */
  readonly homes: readonly string[];
}

/** The checkpoints of a pod. */
export interface CheckpointList {
  /** Where all of them lie: `device`, or the URL of the home that was asked. */
  readonly place: string;
  /** Oldest first. */
  readonly checkpoints: readonly ListedCheckpoint[];
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
export function listCheckpoints(
  state: PodState,
  policy?: RetentionPolicy,
  place: string = 'device',
): CheckpointList {
  const { doubted } = state;
  const checkpoints = state.checkpoints.map((checkpoint, index) => ({
    ...checkpoint,
    ...growthSince(state.checkpoints[index - 1], checkpoint),
    homes: homesOf(state, checkpoint, place),
  }));
  if (policy === undefined) return { place, checkpoints, doubted };
  const kept = judgeCheckpoints(state, policy, Date.now()).map(
    ({ checkpoint: { number, atMs }, reasons }) => ({
      number,
      atMs,
      reasons,
    }),
  );
  return { place, checkpoints, doubted, kept };
}

function growthSince(
  former: Checkpoint | undefined,
  { stats }: Checkpoint,
): Pick<ListedCheckpoint, 'growth'> {
  if (former === undefined) return {};
  const { fileCount, fileBytes } = former.stats;
  return { growth: { fileCount: stats.fileCount - fileCount, fileBytes: stats.fileBytes - fileBytes } };
}

/** What a home has acknowledged it keeps, but for what it was found to have lost. */
function homesOf({ homes }: PodState, { seq }: Checkpoint, place: string): string[] {
  const having = homes.filter((home) => seq <= Math.min(home.seq, home.revertedSeq ?? home.seq));
  const urls = having.map(({ url }) => url);
  return place === 'device' || urls.includes(place) ? urls : [place, ...urls];
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
  return listCheckpoints(foldRecords(records), policy, url);
}

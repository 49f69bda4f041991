// Why a file is here: what brought it, which checkpoints hold it, and where they lie.
import type { LoggedEvent } from '../../core/events.ts';
import { comparePaths } from '../../core/path-order.ts';
import { type Provenance, traceCheckpoints } from '../../core/provenance.ts';
import type { VerificationState } from '../../core/state.ts';
import { type PathReport, parsePath, pathNotFound, reportPath } from './browse-path.ts';
import type { BrowsedPod, BrowseOptions } from './browsed-pod.ts';
import { type CheckpointLabel, chooseCheckpoint, labelOf } from './checkpoint-choice.ts';
import type { EntryReport } from './entry-report.ts';
import { followPaths } from './find-paths.ts';

/** Which file. */
export interface WhyRequest {
  readonly at: PathReport;
}

/** A checkpoint that holds the file, and where that lies. */
export interface Holder extends CheckpointLabel, Provenance {}

/** One content that the file has had, for as long as it had it. */
export interface ExplainedVersion {
  /** As the newest of these checkpoints has it. */
  readonly entry: EntryReport;
  /** The checkpoint that had this content first, of those that are kept. */
  readonly origin: Holder;
  /** The checkpoints that hold it, oldest first. */
  readonly holders: readonly Holder[];
}

/** A forgetting of checkpoints. */
export interface ForgetReport {
  readonly seq: number;
  readonly atMs: number;
  /** In words, as the log keeps it. */
  readonly policy: string;
}

/** What is known of a file. */
export interface Explanation extends PathReport {
  /** The device of the pod today. */
  readonly deviceId: string;
  readonly epoch: number;
  /** Where this was looked up: `device`, or the URL of a home. */
  readonly place: string;
  /** The last time that checkpoints were forgotten: those sealed before it that are still here were kept by its policy. */
  readonly lastForget?: ForgetReport;
  /** When the packs of each place were last verified as a whole, as far as the log knows. */
  readonly verifications: readonly VerificationState[];
  readonly versions: readonly ExplainedVersion[];
}

/**
 * Explains a file (or anything else with a path) from the log and the manifests.
 * @throws DeskPodError PATH_NOT_FOUND if no checkpoint has it; CHECKPOINT_NOT_FOUND if there is no checkpoint at all;
 * MANIFEST_DAMAGED, and what reading chunks throws
 */
export async function explainFile(
  pod: BrowsedPod,
  { at }: WhyRequest,
  options: BrowseOptions,
): Promise<Explanation> {
  const { checkpoints, deviceId, epoch } = pod.state;
  const latest = chooseCheckpoint(pod.state, 'latest');
  const path = parsePath(at);
  const isWanted = (candidate: Uint8Array): boolean => comparePaths(candidate, path) === 0;
  const [trail] = await followPaths(pod, checkpoints, isWanted, options);
  if (trail === undefined) throw pathNotFound(path, latest.number);
  const events = await pod.events(1);
  const traces = traceCheckpoints(events);
  const versions = trail.versions.map(({ firstCheckpoint, lastCheckpoint, entry }) => {
    const holders = checkpoints
      .filter(({ number }) => number >= firstCheckpoint && number <= lastCheckpoint)
      .flatMap((checkpoint) => {
        const trace = traces.get(checkpoint.number);
        return trace === undefined ? [] : [{ ...labelOf(checkpoint), ...trace }];
      });
    const [origin] = holders;
    if (origin === undefined)
      throw new TypeError(`checkpoint ${firstCheckpoint} is in the state, not in the log`);
    return { entry, origin, holders };
  });
  const { place = 'device' } = pod;
  const { verifications } = pod.state;
  return { ...reportPath(path), deviceId, epoch, place, ...findForget(events), verifications, versions };
}

function findForget(events: readonly LoggedEvent[]): Pick<Explanation, 'lastForget'> {
  const last = events.findLast(({ event }) => event.type === 'checkpoints.forgotten');
  if (last?.event.type !== 'checkpoints.forgotten') return {};
  return { lastForget: { seq: last.seq, atMs: last.atMs, policy: last.event.policy } };
}

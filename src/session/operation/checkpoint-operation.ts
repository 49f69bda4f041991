// The one operation that is done again and again, by itself: a backup then loads nothing that only others need.
import type { ProgressListener } from '../../core/progress.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import type { CheckpointReport, DoubtAnswer } from '../../sync/pod/seal-checkpoint.ts';
import { sealWithRoom } from '../schedule/seal-with-room.ts';
import type { Operations } from './operations.ts';

/** An opened pod that can be checkpointed. */
export interface Checkpointable {
  readonly pod: Pod;
  checkpoint(
    onProgress: ProgressListener,
    ifDoubtful?: DoubtAnswer,
    reason?: 'dock',
  ): Promise<CheckpointReport>;
  /** Folders of a tree pod that are left out of checkpoints. */
  notCrossed?(): readonly Uint8Array[];
  /** What is remembered of the repository is worth nothing any more. */
  distrust?(): void;
}

/** Seals an opened pod as it is, with the room that is to be kept free. `signal` stops the making of room. */
export function checkpointOpened(
  opened: Checkpointable,
  parameters: Operations['checkpoint']['parameters'],
  onProgress: ProgressListener,
  signal?: AbortSignal,
): Promise<CheckpointReport> {
  return sealWithRoom(opened.pod, { onProgress, signal, onThinning: () => opened.distrust?.() }, () =>
    opened.checkpoint(onProgress, answerOf(parameters), parameters.isForDock === true ? 'dock' : undefined),
  );
}

/** What is done about a checkpoint that looks like a loss, as it was asked for. */
function answerOf({ acceptsChanges }: Operations['checkpoint']['parameters']): DoubtAnswer {
  return acceptsChanges === true ? 'accept' : 'stop';
}

// Which checkpoint a user means, and how he is told of one.
import { findCheckpoint } from '../../core/decide.ts';
import { DeskPodError } from '../../core/errors.ts';
import type { CheckpointReason } from '../../core/events.ts';
import { type Checkpoint, latestCheckpoint, type PodState } from '../../core/state.ts';

/** A checkpoint's number, or the newest one. */
export type CheckpointName = number | 'latest';

/** What reports say of a checkpoint. */
export interface CheckpointLabel {
  readonly number: number;
  readonly atMs: number;
  readonly reason: CheckpointReason;
}

/** @throws DeskPodError CHECKPOINT_NOT_FOUND */
export function chooseCheckpoint(state: PodState, name: CheckpointName): Checkpoint {
  if (name !== 'latest') return findCheckpoint(state, name);
  const latest = latestCheckpoint(state);
  if (latest !== undefined) return latest;
  throw new DeskPodError('CHECKPOINT_NOT_FOUND', 'the pod has no checkpoint yet', {
    hint: 'Make one with `deskpod checkpoint`.',
  });
}

/** The label of a checkpoint. */
export function labelOf({ number, atMs, reason }: Checkpoint): CheckpointLabel {
  return { number, atMs, reason };
}

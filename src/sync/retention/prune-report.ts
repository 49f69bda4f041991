// What a prune is asked, and what it answers.
import type { MaxUnused } from '../../core/pack-plan.ts';
import type { KeepReason, RetentionPolicy } from '../../core/retention.ts';

/** What is asked of a prune. */
export interface PruneRequest {
  readonly policy: RetentionPolicy;
  /** How much waste may stay in the packs. */
  readonly maxUnused: MaxUnused;
  /** Say what would be done, and do nothing. */
  readonly isDryRun: boolean;
}

/** A checkpoint and why it is kept; without a reason it is forgotten. */
export interface KeptCheckpoint {
  readonly number: number;
  readonly atMs: number;
  readonly reasons: readonly KeepReason[];
}

/** What a prune did, or of a dry run would do. */
export interface PruneReport {
  readonly isDryRun: boolean;
  /** In words. */
  readonly policy: string;
  /** Every one that there was, oldest first. */
  readonly checkpoints: readonly KeptCheckpoint[];
  /** Numbers of those that were forgotten. */
  readonly forgotten: readonly number[];
  /** Packs without anything needed. */
  readonly droppedPacks: number;
  /** Packs of which the needed part was copied. */
  readonly repackedPacks: number;
  /** Packs that hold the copies; unknown to a dry run. */
  readonly addedPacks: number;
  /** By how much the repository is smaller; about, for a dry run. */
  readonly freedBytes: number;
  /** Waste that stays in packs, as the limit allows it. */
  readonly leftUnusedBytes: number;
  /** Packs that are damaged or missing, and were left as they are. */
  readonly damagedPacks: readonly string[];
  /** What was asked for meanwhile, so that it ended early: not all that could be freed is. */
  readonly stoppedFor?: string;
}

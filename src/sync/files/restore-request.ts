// What a restore is asked for, and what it says in the end.
import type { EntryPicker } from '../../core/entry-picker.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { VerdictCounts } from './restore-existing.ts';
import type { ChunkProof } from './restore-patch.ts';
import type { NotRestored } from './restore-target.ts';
import type { StandingFiles } from './standing-files.ts';

/** How a tree is restored. */
export interface RestoreOptions {
  /** Entries replace what has their names in the target; everything else there stays. */
  readonly overwrite?: boolean;
  /** Makes only what it picks; everything, if left out. */
  readonly picker?: EntryPicker;
  /**
   * What stands in the target already stays as far as it is the same, and no folder with something in it is replaced.
   * `isThorough` compares also the content of files whose size and time are the same.
   */
  readonly existing?: { readonly proof: ChunkProof; readonly isThorough: boolean };
  /** Files beside the target that are not written where they are the same: they get a name in the target, too. */
  readonly standing?: StandingFiles;
  /** What the progress is measured against, as the capture counted it. */
  readonly totals?: { readonly files: number; readonly bytes: number };
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/** What a restore made. */
export interface RestoreResult {
  readonly files: number;
  readonly directories: number;
  readonly entries: number;
  readonly bytes: number;
  /** Bytes of content that were written; `bytes` counts those of files that were left or stood already, too. */
  readonly writtenBytes: number;
  /** What became of the entries, if `existing` was asked for. */
  readonly verdicts?: VerdictCounts;
  readonly notRestored: NotRestored;
}

// Lists what a checkpoint holds at a path.
import { comparePaths, isDirectlyIn } from '../../core/path-order.ts';
import { type PathReport, parsePath, pathNotFound } from './browse-path.ts';
import type { BrowsedPod, BrowseOptions, Emit } from './browsed-pod.ts';
import { type CheckpointLabel, type CheckpointName, chooseCheckpoint, labelOf } from './checkpoint-choice.ts';
import { type EntryReport, reportEntry } from './entry-report.ts';
import { entriesAt, readManifest } from './manifest-stream.ts';

/** What is to be listed. */
export interface ListRequest {
  readonly checkpoint: CheckpointName;
  readonly at: PathReport;
  /** Everything below, not only what lies directly in the folder. */
  readonly isRecursive: boolean;
}

/** What was listed. */
export interface Listing {
  readonly checkpoint: CheckpointLabel;
  readonly entryCount: number;
}

/**
 * Emits the entries in a folder of a checkpoint, or the one entry that the path is, in path order.
 * @throws DeskPodError CHECKPOINT_NOT_FOUND, PATH_NOT_FOUND, USAGE, MANIFEST_DAMAGED, and what reading chunks throws
 */
export async function listEntries(
  { state, content }: BrowsedPod,
  { checkpoint: name, at, isRecursive }: ListRequest,
  emit: Emit<EntryReport>,
  { signal }: BrowseOptions,
): Promise<Listing> {
  const checkpoint = chooseCheckpoint(state, name);
  const path = parsePath(at);
  let isFound = path.length === 0;
  let entryCount = 0;
  for await (const entries of entriesAt(readManifest(content, checkpoint.files), path)) {
    signal.throwIfAborted();
    for (const entry of entries) {
      const isPlace = comparePaths(entry.path, path) === 0;
      if (isPlace) isFound = true;
      // a folder is not in itself
      if (isPlace && entry.kind === 'directory') continue;
      if (!isPlace && !isRecursive && !isDirectlyIn(entry.path, path)) continue;
      entryCount++;
      await emit(reportEntry(entry));
    }
  }
  if (!isFound) throw pathNotFound(path, checkpoint.number);
  return { checkpoint: labelOf(checkpoint), entryCount };
}

// What changed from one checkpoint to another.
import {
  type Change,
  type ChangedField,
  diffManifests,
  type EncodedStream,
} from '../../core/manifest-diff.ts';
import { isSameRoot, type Root } from '../../core/root.ts';
import type { Checkpoint } from '../../core/state.ts';
import { hashing } from '../hashing.ts';
import { type PathReport, parsePath, pathNotFound, reportPath } from './browse-path.ts';
import type { BrowsedPod, BrowseOptions, Emit } from './browsed-pod.ts';
import { type CheckpointLabel, type CheckpointName, chooseCheckpoint, labelOf } from './checkpoint-choice.ts';
import { type EntryReport, reportEntry } from './entry-report.ts';
import { entriesAt, readEncodedManifest } from './manifest-stream.ts';

/** What is to be compared. */
export interface DiffRequest {
  readonly before: CheckpointName;
  readonly after: CheckpointName;
  /** Only there and below; the empty path is everything. */
  readonly at: PathReport;
}

/** One path that differs. `before` and `after` are its entries, as far as there are any. */
export interface ChangeReport extends PathReport {
  readonly kind: Change['kind'];
  readonly isContentChanged: boolean;
  readonly fields: readonly ChangedField[];
  readonly before?: EntryReport;
  readonly after?: EntryReport;
}

/** What was compared, and how much differs. */
export interface Difference {
  readonly before: CheckpointLabel;
  readonly after: CheckpointLabel;
  readonly added: number;
  readonly removed: number;
  readonly retyped: number;
  readonly contentChanged: number;
  /** Only metadata. */
  readonly metadataChanged: number;
  /** Length of the files that are new or have other content. */
  readonly newBytes: number;
  /** Length of the files that are gone or had other content. */
  readonly formerBytes: number;
  /** Whether process images are the same; undefined if neither checkpoint has any. */
  readonly isImagesChanged?: boolean;
  /** Another base lies under the layer. */
  readonly isBaseChanged: boolean;
}

/**
 * Emits what differs, in path order. Checkpoints whose files have one root are equal without being read.
 * @throws DeskPodError CHECKPOINT_NOT_FOUND; PATH_NOT_FOUND for a path that neither has; MANIFEST_DAMAGED and what
 * reading chunks throws
 */
export async function diffCheckpoints(
  { state, content }: BrowsedPod,
  request: DiffRequest,
  emit: Emit<ChangeReport>,
  { signal }: BrowseOptions,
): Promise<Difference> {
  const before = chooseCheckpoint(state, request.before);
  const after = chooseCheckpoint(state, request.after);
  const path = parsePath(request.at);
  const counts = { added: 0, removed: 0, retyped: 0, contentChanged: 0, metadataChanged: 0 };
  let newBytes = 0;
  let formerBytes = 0;
  let isFound = path.length === 0 || isSameRoot(before.files, after.files);
  const stream = (files: Root): EncodedStream =>
    noting(entriesAt(readEncodedManifest(content, files), path), () => {
      isFound = true;
    });
  if (!isSameRoot(before.files, after.files)) {
    for await (const change of diffManifests(stream(before.files), stream(after.files), hashing.sha256)) {
      signal.throwIfAborted();
      const report = reportChange(change);
      counts[countOf(report)]++;
      if (report.isContentChanged) {
        newBytes += report.after?.sizeBytes ?? 0;
        formerBytes += report.before?.sizeBytes ?? 0;
      }
      await emit(report);
    }
  }
  if (!isFound) throw pathNotFound(path, after.number);
  const sizes = { newBytes, formerBytes };
  return {
    before: labelOf(before),
    after: labelOf(after),
    ...counts,
    ...sizes,
    ...compareRest(before, after),
  };
}

function compareRest(
  before: Checkpoint,
  after: Checkpoint,
): Pick<Difference, 'isBaseChanged' | 'isImagesChanged'> {
  const { images: old } = before;
  const { images: young } = after;
  const isBaseChanged = before.base !== after.base;
  if (old === undefined && young === undefined) return { isBaseChanged };
  return {
    isBaseChanged,
    isImagesChanged: old === undefined || young === undefined || !isSameRoot(old, young),
  };
}

function reportChange(change: Change): ChangeReport {
  const { kind } = change;
  const before = 'before' in change ? change.before : undefined;
  const after = 'after' in change ? change.after : undefined;
  return {
    ...reportPath((after ?? before)?.path ?? new Uint8Array(0)),
    kind,
    isContentChanged: kind === 'changed' ? change.isContentChanged : true,
    fields: kind === 'changed' ? change.fields : [],
    ...(before === undefined ? {} : { before: reportEntry(before) }),
    ...(after === undefined ? {} : { after: reportEntry(after) }),
  };
}

function countOf({
  kind,
  isContentChanged,
}: ChangeReport): 'added' | 'removed' | 'retyped' | 'contentChanged' | 'metadataChanged' {
  if (kind !== 'changed') return kind;
  return isContentChanged ? 'contentChanged' : 'metadataChanged';
}

async function* noting(entries: EncodedStream, onFirst: () => void): EncodedStream {
  for await (const batch of entries) {
    onFirst();
    yield batch;
  }
}

// What can be read of an opened pod piece by piece: the same in this process and over a supervisor's socket.
import type { BrowsedPod, BrowseOptions, Emit } from '../../sync/browse/browsed-pod.ts';
import { type CatRequest, catFile } from '../../sync/browse/cat-file.ts';
import {
  type CheckpointPicture,
  type PictureRequest,
  readPicture,
} from '../../sync/browse/checkpoint-picture.ts';
import {
  type ChangeReport,
  type Difference,
  type DiffRequest,
  diffCheckpoints,
} from '../../sync/browse/diff-checkpoints.ts';
import type { EntryReport } from '../../sync/browse/entry-report.ts';
import { type Explanation, explainFile, type WhyRequest } from '../../sync/browse/explain-file.ts';
import {
  type FindRequest,
  type FindSummary,
  type FoundPath,
  findPaths,
} from '../../sync/browse/find-paths.ts';
import { type Listing, type ListRequest, listEntries } from '../../sync/browse/list-entries.ts';
import {
  type PlannedEntry,
  type RestoredPaths,
  type RestorePathsRequest,
  restorePaths,
} from '../../sync/browse/restore-paths.ts';

/** What each takes, what it hands over piece by piece, and what it answers at the end. */
export interface StreamOperations {
  ls: { parameters: ListRequest; item: EntryReport; answer: Listing };
  cat: { parameters: CatRequest; item: Uint8Array; answer: EntryReport };
  find: { parameters: FindRequest; item: FoundPath; answer: FindSummary };
  diff: { parameters: DiffRequest; item: ChangeReport; answer: Difference };
  why: { parameters: WhyRequest; item: never; answer: Explanation };
  picture: { parameters: PictureRequest; item: never; answer: CheckpointPicture };
  /** Writes outside of the pod; its items are those of a dry run. */
  'restore-paths': { parameters: RestorePathsRequest; item: PlannedEntry; answer: RestoredPaths };
}

/** The name of a stream operation. */
export type StreamName = keyof StreamOperations;

/** One stream operation, bound to a pod. It only reads the pod: it waits for no other operation, and no other waits for it. */
export type StreamHandler<Name extends StreamName> = (
  parameters: StreamOperations[Name]['parameters'],
  emit: Emit<StreamOperations[Name]['item']>,
  options: BrowseOptions,
) => Promise<StreamOperations[Name]['answer']>;

/** The stream operations of an opened pod. */
export function streamOperations(pod: BrowsedPod): { readonly [Name in StreamName]: StreamHandler<Name> } {
  return {
    ls: (parameters, emit, options) => listEntries(pod, parameters, emit, options),
    cat: (parameters, emit, options) => catFile(pod, parameters, emit, options),
    find: (parameters, emit, options) => findPaths(pod, parameters, emit, options),
    diff: (parameters, emit, options) => diffCheckpoints(pod, parameters, emit, options),
    why: (parameters, _emit, options) => explainFile(pod, parameters, options),
    picture: (parameters, _emit, options) => readPicture(pod, parameters, options),
    'restore-paths': (parameters, emit, options) => restorePaths(pod, parameters, emit, options),
  };
}

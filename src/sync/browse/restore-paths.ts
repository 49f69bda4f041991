// Restores files of a checkpoint into a folder: all, or those that patterns mean.
import { lstatSync, readdirSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { EntryPicker, type PickedEntry, type PickPlan, PickSurvey } from '../../core/entry-picker.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { ManifestEntry } from '../../core/manifest.ts';
import { isWithin } from '../../core/path-order.ts';
import type { PathPatterns } from '../../core/path-selection.ts';
import type { Checkpoint } from '../../core/state.ts';
import { restoreTree } from '../files/restore.ts';
import { ExistingFiles, type Verdict, type VerdictCounts } from '../files/restore-existing.ts';
import { type NotRestored, RestoreTarget } from '../files/restore-target.ts';
import { isSystemError } from '../repository/durable-file.ts';
import { type PathReport, reportPath } from './browse-path.ts';
import type { BrowsedPod, BrowseOptions, Emit } from './browsed-pod.ts';
import { type CheckpointLabel, type CheckpointName, chooseCheckpoint, labelOf } from './checkpoint-choice.ts';
import type { FetchedPacks } from './home-packs.ts';
import { readManifest } from './manifest-stream.ts';
import { verifyRestored } from './verify-restored.ts';

/** What a restore needs to know before it begins. */
export type RestorePlan = Pick<PickPlan, 'files' | 'bytes' | 'orphans'>;

/** What is to be restored, and where to. */
export interface RestorePathsRequest extends PathPatterns {
  readonly checkpoint: CheckpointName;
  /** A folder, as an absolute path; it is made if it is missing. */
  readonly into: string;
  /** The folder may hold something already: what differs is replaced, everything else stays. */
  readonly mayOverwrite: boolean;
  /** Only say what would be done. */
  readonly isDryRun: boolean;
  /** Compare the content also of files that seem to be the same, and read everything back afterwards. */
  readonly isVerified: boolean;
}

/** What a dry run finds for one entry. */
export interface PlannedEntry extends PathReport {
  readonly kind: ManifestEntry['kind'];
  /** `replace`: another thing is there, or a file of another size or time. `describe`: only metadata is set. */
  readonly verdict: 'make' | 'replace' | 'describe' | 'leave' | 'blocked';
  /** Why it is blocked: a restore would end there. */
  readonly reason?: string;
}

/** What was restored, or would be. */
export interface RestoredPaths {
  readonly checkpoint: CheckpointLabel;
  readonly isDryRun: boolean;
  readonly files: number;
  readonly entries: number;
  /** Length of the files. */
  readonly bytes: number;
  /** Of them, what was written; what was there and the same was not. */
  readonly writtenBytes: number;
  readonly verdicts: VerdictCounts;
  /** Of a dry run: entries at which a restore would end. */
  readonly blocked: number;
  /** Files whose bytes were read back and proven; absent without `isVerified`. */
  readonly verifiedFiles?: number;
  /** Packs that had to be fetched for it, from a home on another host. */
  readonly fetched?: FetchedPacks;
  readonly notRestored: NotRestored;
}

/**
 * Restores the files of a checkpoint that the patterns mean. Folders that lead to them are made where they are missing;
 * nothing else is touched. Run again after an interruption, it writes only what is missing.
 * @throws DeskPodError CHECKPOINT_NOT_FOUND, USAGE for broken patterns, PATH_NOT_FOUND for an include that means nothing,
 * TARGET_NOT_EMPTY, TARGET_WRITE_FAILED (also if what was read back is not what was written), SPACE_EXHAUSTED,
 * MANIFEST_DAMAGED, and what reading chunks throws
 */
export async function restorePaths(
  pod: BrowsedPod,
  request: RestorePathsRequest,
  emit: Emit<PlannedEntry>,
  options: BrowseOptions,
): Promise<RestoredPaths> {
  if (!isAbsolute(request.into)) throw new TypeError(`expected an absolute path, got ${request.into}`);
  const checkpoint = chooseCheckpoint(pod.state, request.checkpoint);
  requireTarget(request);
  const head = { checkpoint: labelOf(checkpoint), isDryRun: request.isDryRun };
  if (request.isDryRun) {
    const plan = await surveyManifest(pod, checkpoint, request, options);
    return { ...head, ...(await rehearse(pod, checkpoint, plan, request, emit, options)) };
  }
  const plan = meansAll(pod, request)
    ? planOfAll(checkpoint)
    : await surveyManifest(pod, checkpoint, request, options);
  const restored = await restoreTree(checkpoint.files, pod.content, request.into, {
    overwrite: request.mayOverwrite,
    picker: new EntryPicker(request, plan),
    existing: { proof: pod.proof, isThorough: request.isVerified },
    totals: { files: plan.files, bytes: plan.bytes },
    ...options,
  });
  const { entries, files, bytes, writtenBytes, notRestored, verdicts = NO_VERDICTS } = restored;
  const report = { ...head, files, entries, bytes, writtenBytes, verdicts, blocked: 0, notRestored };
  if (!request.isVerified) return { ...report, ...fetchedBy(pod) };
  const picked = pickedEntries(pod, checkpoint, request, plan);
  const verifiedFiles = await verifyRestored(picked, request.into, pod.proof, plan, options);
  return { ...report, verifiedFiles, ...fetchedBy(pod) };
}

function fetchedBy({ fetched }: BrowsedPod): Pick<RestoredPaths, 'fetched'> {
  return fetched === undefined ? {} : { fetched: fetched() };
}

const NO_VERDICTS: VerdictCounts = { made: 0, replaced: 0, described: 0, left: 0 };

/** True if a first walk over the manifest would find out nothing that its checkpoint does not say. */
function meansAll({ expect }: BrowsedPod, { includes, excludes }: PathPatterns): boolean {
  return expect === undefined && includes.length === 0 && excludes.length === 0;
}

function planOfAll({ stats }: Checkpoint): RestorePlan {
  return { files: stats.fileCount, bytes: stats.fileBytes, orphans: new Set() };
}

/** The first walk over the manifest, which says what the second will need. */
async function surveyManifest(
  { content, expect }: BrowsedPod,
  { files, number }: Checkpoint,
  patterns: PathPatterns,
  { signal, onProgress }: BrowseOptions,
): Promise<PickPlan> {
  onProgress({ step: `looking into checkpoint ${number}` });
  const survey = new PickSurvey(patterns);
  for await (const entries of readManifest(content, files)) {
    signal.throwIfAborted();
    for (const entry of entries) if (survey.see(entry)) expect?.(entry);
  }
  const plan = survey.plan();
  const [pattern] = plan.unmatched;
  if (pattern === undefined) return plan;
  throw new DeskPodError('PATH_NOT_FOUND', `"${pattern}" means nothing in checkpoint ${number}`, {
    hint: 'See what is there with `deskpod ls`, or look for it in all checkpoints with `deskpod find PATTERN`.',
    details: { pattern, checkpoint: number },
  });
}

async function* pickedEntries(
  { content }: BrowsedPod,
  { files }: Checkpoint,
  patterns: PathPatterns,
  plan: RestorePlan,
): AsyncGenerator<PickedEntry> {
  const picker = new EntryPicker(patterns, plan);
  for await (const entries of readManifest(content, files))
    for (const entry of entries) yield* picker.pick(entry);
}

/** Says of each entry what a restore would do, by the same judgement. */
async function rehearse(
  pod: BrowsedPod,
  checkpoint: Checkpoint,
  plan: PickPlan,
  request: RestorePathsRequest,
  emit: Emit<PlannedEntry>,
  { signal }: BrowseOptions,
): Promise<Omit<RestoredPaths, 'checkpoint' | 'isDryRun'>> {
  const target = new RestoreTarget(request.into, true, true);
  const existing = new ExistingFiles(target, false);
  const firsts = new Map<number, Uint8Array>();
  /** A folder that is not there yet: below it nothing is, whatever a link in its place leads to. */
  let missing: Uint8Array | undefined;
  let blocked = 0;
  let writtenBytes = 0;
  for await (const { entry, isPassage } of pickedEntries(pod, checkpoint, request, plan)) {
    signal.throwIfAborted();
    const { path, kind, hardlinkGroup, sizeBytes } = entry;
    if (missing !== undefined && !isWithin(path, missing)) missing = undefined;
    const first = firsts.get(hardlinkGroup);
    const judged =
      missing === undefined ? judge(existing, entry, isPassage, first) : { verdict: 'make' as const };
    if (hardlinkGroup !== 0 && first === undefined) firsts.set(hardlinkGroup, path);
    const { verdict } = judged;
    if (verdict === 'blocked') blocked++;
    else if (!isPassage || verdict !== 'leave') existing.count(verdict);
    if (first === undefined && (verdict === 'make' || verdict === 'replace')) writtenBytes += sizeBytes;
    if (kind === 'directory' && verdict !== 'leave' && verdict !== 'describe') missing ??= path;
    if (!isPassage || verdict !== 'leave') await emit({ ...reportPath(path), kind, ...judged });
  }
  const { files, entries, bytes } = plan;
  const { counts: verdicts } = existing;
  return { files, entries, bytes, writtenBytes, verdicts, blocked, notRestored: target.notRestored };
}

function judge(
  existing: ExistingFiles,
  entry: ManifestEntry,
  isPassage: boolean,
  first: Uint8Array | undefined,
): Pick<PlannedEntry, 'reason'> & { readonly verdict: Exclude<Verdict, 'patch'> | 'blocked' } {
  try {
    const verdict = first === undefined ? existing.judge(entry, isPassage) : existing.judgeLink(first, entry);
    return { verdict: verdict === 'patch' ? 'replace' : verdict };
  } catch (error) {
    if (!isDeskPodError(error, 'TARGET_NOT_EMPTY')) throw error;
    return { verdict: 'blocked', reason: error.message };
  }
}

/** As a restore does: an empty folder or none, unless it may overwrite. */
function requireTarget({ into, mayOverwrite }: RestorePathsRequest): void {
  const stats = lstatSync(into, { throwIfNoEntry: false });
  if (stats === undefined || mayOverwrite) return;
  try {
    if (readdirSync(into).length === 0) return;
  } catch (error) {
    if (!isSystemError(error, 'ENOTDIR')) throw error;
  }
  throw new DeskPodError('TARGET_NOT_EMPTY', `${into}: expected an empty folder, or none`, {
    hint: 'Choose another folder, or give --overwrite to replace what differs.',
    details: { path: into },
  });
}

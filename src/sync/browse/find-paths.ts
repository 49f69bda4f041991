// Looks for paths in one checkpoint, or in all: which of them hold a path, and where its content changed.
import { toHex } from '../../core/bytes.ts';
import { ContentIdentities } from '../../core/content-identity.ts';
import { DeskPodError } from '../../core/errors.ts';
import type { ManifestEntry } from '../../core/manifest.ts';
import { comparePaths } from '../../core/path-order.ts';
import { PathPattern } from '../../core/path-pattern.ts';
import { isSameRoot } from '../../core/root.ts';
import type { Checkpoint } from '../../core/state.ts';
import { pathBytes } from '../files/byte-path.ts';
import { hashing } from '../hashing.ts';
import { type PathReport, reportPath } from './browse-path.ts';
import type { BrowsedPod, BrowseOptions, Emit } from './browsed-pod.ts';
import { type CheckpointName, chooseCheckpoint } from './checkpoint-choice.ts';
import { type EntryReport, reportEntry } from './entry-report.ts';
import { readManifest } from './manifest-stream.ts';

/** What is to be found, and where. */
export interface FindRequest {
  readonly pattern: string;
  readonly checkpoint: CheckpointName | 'all';
}

/** Consecutive checkpoints, of those that were looked at, in which a path has one content. */
export interface Version {
  readonly firstCheckpoint: number;
  readonly lastCheckpoint: number;
  /** The entry as the last of them has it. */
  readonly entry: EntryReport;
}

/** A path that was found, with its versions from the oldest on. */
export interface FoundPath extends PathReport {
  readonly versions: readonly Version[];
}

/** How much was found. */
export interface FindSummary {
  readonly pathCount: number;
  /** The checkpoints that were looked at, oldest first. */
  readonly checkpoints: readonly number[];
}

/** More paths than a person reads; they have to be held until the last checkpoint has been read. */
const PATHS_MAX = 100_000;

/** A path while checkpoints are being read. */
interface Trail {
  readonly path: Buffer;
  readonly versions: { firstCheckpoint: number; lastCheckpoint: number; entry: EntryReport }[];
  identity: string;
}

/**
 * Emits each path that the pattern means, in path order. A checkpoint whose files have the root of the one before it is
 * not read again.
 * @throws DeskPodError USAGE for a broken pattern or one that means more than 100,000 paths over all checkpoints;
 * CHECKPOINT_NOT_FOUND, MANIFEST_DAMAGED, and what reading chunks throws
 */
export async function findPaths(
  pod: BrowsedPod,
  request: FindRequest,
  emit: Emit<FoundPath>,
  options: BrowseOptions,
): Promise<FindSummary> {
  const pattern = new PathPattern(request.pattern);
  if (request.checkpoint !== 'all') {
    const checkpoint = chooseCheckpoint(pod.state, request.checkpoint);
    const pathCount = await findIn(pod, checkpoint, pattern, emit, options);
    return { pathCount, checkpoints: [checkpoint.number] };
  }
  const { checkpoints } = pod.state;
  const trails = await followPaths(
    pod,
    checkpoints,
    (path, isFolder) => pattern.matches(path, isFolder),
    options,
  );
  for (const { path, versions } of trails) await emit({ ...reportPath(path), versions });
  return { pathCount: trails.length, checkpoints: checkpoints.map(({ number }) => number) };
}

async function findIn(
  { content }: BrowsedPod,
  { files, number }: Checkpoint,
  pattern: PathPattern,
  emit: Emit<FoundPath>,
  { signal }: BrowseOptions,
): Promise<number> {
  let pathCount = 0;
  for await (const entries of readManifest(content, files)) {
    signal.throwIfAborted();
    for (const entry of entries) {
      if (!pattern.matches(entry.path, entry.kind === 'directory')) continue;
      pathCount++;
      const version = { firstCheckpoint: number, lastCheckpoint: number, entry: reportEntry(entry) };
      await emit({ ...reportPath(entry.path), versions: [version] });
    }
  }
  return pathCount;
}

/** Reads checkpoint after checkpoint, and notes where the wanted paths are and where their content changes. */
export async function followPaths(
  { content }: BrowsedPod,
  checkpoints: readonly Checkpoint[],
  isWanted: (path: Uint8Array, isFolder: boolean) => boolean,
  { onProgress, signal }: BrowseOptions,
): Promise<readonly Pick<Trail, 'path' | 'versions'>[]> {
  const trails = new Map<string, Trail>();
  let former: Checkpoint | undefined;
  for (const checkpoint of checkpoints) {
    onProgress({ step: 'looking into all checkpoints' });
    if (former !== undefined && isSameRoot(former.files, checkpoint.files)) {
      for (const { versions } of trails.values()) {
        const last = versions.at(-1);
        if (last?.lastCheckpoint === former.number) last.lastCheckpoint = checkpoint.number;
      }
    } else {
      const contents = new ContentIdentities(hashing.sha256);
      for await (const entries of readManifest(content, checkpoint.files)) {
        signal.throwIfAborted();
        for (const entry of entries) {
          contents.see(entry);
          if (isWanted(entry.path, entry.kind === 'directory'))
            note(trails, entry, identityOf(entry, contents), checkpoint.number, former?.number);
        }
      }
    }
    former = checkpoint;
  }
  return [...trails.values()].sort((a, b) => comparePaths(a.path, b.path));
}

function note(
  trails: Map<string, Trail>,
  entry: ManifestEntry,
  identity: string,
  number: number,
  formerNumber: number | undefined,
): void {
  const path = pathBytes(entry.path);
  const key = path.toString('latin1');
  const trail = trails.get(key) ?? { path: Buffer.from(path), versions: [], identity };
  if (trail.versions.length === 0) {
    if (trails.size >= PATHS_MAX) throw tooMany();
    trails.set(key, trail);
  }
  const last = trail.versions.at(-1);
  const report = reportEntry(entry);
  if (last !== undefined && last.lastCheckpoint === formerNumber && trail.identity === identity) {
    last.lastCheckpoint = number;
    last.entry = report;
  } else trail.versions.push({ firstCheckpoint: number, lastCheckpoint: number, entry: report });
  trail.identity = identity;
}

/** What makes two entries the same content: kind, bytes, target, device; not mode or time. */
function identityOf(entry: ManifestEntry, contents: ContentIdentities): string {
  const { kind, target, rdevMajor, rdevMinor } = entry;
  if (kind === 'file') return `file ${toHex(contents.of(entry))}`;
  return `${kind} ${rdevMajor} ${rdevMinor} ${pathBytes(target).toString('latin1')}`;
}

function tooMany(): DeskPodError {
  return new DeskPodError('USAGE', `the pattern means more than ${PATHS_MAX} paths over all checkpoints`, {
    hint: 'Write it more narrowly, or look into one checkpoint with --checkpoint N.',
    details: { maxPaths: PATHS_MAX },
  });
}

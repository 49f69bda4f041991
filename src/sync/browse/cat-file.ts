// The bytes of one file of a checkpoint.
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { ManifestEntry } from '../../core/manifest.ts';
import { comparePaths } from '../../core/path-order.ts';
import type { Checkpoint } from '../../core/state.ts';
import { displayPath } from '../files/byte-path.ts';
import { type PathReport, parsePath, pathNotFound, reportPath } from './browse-path.ts';
import type { BrowsedPod, BrowseOptions, Emit } from './browsed-pod.ts';
import { type CheckpointName, chooseCheckpoint } from './checkpoint-choice.ts';
import { type EntryReport, reportEntry } from './entry-report.ts';
import { entriesAt, readManifest } from './manifest-stream.ts';

/** Which file. */
export interface CatRequest {
  readonly checkpoint: CheckpointName;
  readonly at: PathReport;
}

/**
 * Emits a file's bytes in order, each piece proven by its chunk's id before it is emitted.
 * @returns the file's entry
 * @throws DeskPodError CHECKPOINT_NOT_FOUND, PATH_NOT_FOUND; PATH_NOT_A_FILE for anything but a file; MANIFEST_DAMAGED
 * and what reading chunks throws, after what came before the damage
 */
export async function catFile(
  pod: BrowsedPod,
  { checkpoint: name, at }: CatRequest,
  emit: Emit<Uint8Array>,
  { signal }: BrowseOptions,
): Promise<EntryReport> {
  const checkpoint = chooseCheckpoint(pod.state, name);
  const path = parsePath(at);
  const entry = await findEntry(pod, checkpoint, path);
  if (entry.kind !== 'file') throw notAFile(entry, checkpoint.number);
  const holder = await findContent(pod, checkpoint, entry);
  let sizeBytes = 0;
  for await (const chunk of chunksOf(holder, pod)) {
    signal.throwIfAborted();
    sizeBytes += chunk.length;
    await emit(chunk);
  }
  if (sizeBytes === entry.sizeBytes) return reportEntry(entry);
  throw new DeskPodError(
    'MANIFEST_DAMAGED',
    `${displayPath(path)}: expected chunks of ${entry.sizeBytes} bytes in all, got ${sizeBytes}`,
    { details: { ...reportPath(path), expectedBytes: entry.sizeBytes, gotBytes: sizeBytes } },
  );
}

/** The chunks of a file; what is wrong with one is told with the file's name. */
async function* chunksOf(
  { path, chunkIds }: ManifestEntry,
  { content }: BrowsedPod,
): AsyncGenerator<Uint8Array> {
  try {
    yield* content.readChunks(chunkIds);
  } catch (cause) {
    if (!isDeskPodError(cause)) throw cause;
    const { code, message, hint, details } = cause;
    throw new DeskPodError(code, `${displayPath(path)}: ${message}`, {
      ...(hint === undefined ? {} : { hint }),
      details: { ...details, ...reportPath(path) },
      cause,
    });
  }
}

/** @throws DeskPodError PATH_NOT_FOUND */
async function findEntry(
  { content }: BrowsedPod,
  { files, number }: Checkpoint,
  path: Uint8Array,
): Promise<ManifestEntry> {
  if (path.length > 0) {
    for await (const [entry] of entriesAt(readManifest(content, files), path)) {
      if (entry !== undefined && comparePaths(entry.path, path) === 0) return entry;
    }
  } else {
    for await (const [entry] of readManifest(content, files))
      if (entry?.path.length === 0) return entry;
      else break;
  }
  throw pathNotFound(path, number);
}

/** The entry that carries the chunk ids: of names that share an inode, the first. */
async function findContent(
  { content }: BrowsedPod,
  { files }: Checkpoint,
  entry: ManifestEntry,
): Promise<ManifestEntry> {
  const { hardlinkGroup, chunkIds } = entry;
  if (hardlinkGroup === 0 || chunkIds.length > 0) return entry;
  for await (const entries of readManifest(content, files)) {
    const first = entries.find((candidate) => candidate.hardlinkGroup === hardlinkGroup);
    if (first !== undefined) return { ...entry, chunkIds: first.chunkIds };
  }
  return entry;
}

function notAFile(entry: ManifestEntry, checkpoint: number): DeskPodError {
  const path = displayPath(entry.path);
  const shown = path === '' ? 'the top of the checkpoint' : path;
  const isLink = entry.kind === 'symlink';
  return new DeskPodError(
    'PATH_NOT_A_FILE',
    `${shown}: expected a file in checkpoint ${checkpoint}, got a ${entry.kind}${isLink ? ` to ${displayPath(entry.target)}` : ''}`,
    {
      hint: isLink
        ? 'Links are not followed; name the file that it leads to.'
        : 'See what it is with `deskpod ls`.',
      details: { ...reportPath(entry.path), checkpoint, kind: entry.kind },
    },
  );
}

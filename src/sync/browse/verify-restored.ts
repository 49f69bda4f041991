// Reads restored files back and proves every byte by the chunk ids of the manifest.
import { lstatSync } from 'node:fs';
import type { PickedEntry, PickPlan } from '../../core/entry-picker.ts';
import { DeskPodError } from '../../core/errors.ts';
import { displayPath, joinPath, pathBytes } from '../files/byte-path.ts';
import { type ChunkProof, hasContent } from '../files/restore-patch.ts';
import type { BrowseOptions } from './browsed-pod.ts';

const EXAMPLES = 10;

/**
 * Compares files below `into` with the entries that they were made from. The system may answer from its cache: this
 * proves what was written, not the drive.
 * @returns how many files were proven
 * @throws DeskPodError TARGET_WRITE_FAILED, naming the first files that differ
 */
export async function verifyRestored(
  picked: AsyncIterable<PickedEntry>,
  into: string,
  proof: ChunkProof,
  { bytes: totalBytes, files: totalFiles }: Pick<PickPlan, 'bytes' | 'files'>,
  { onProgress, signal }: BrowseOptions,
): Promise<number> {
  const firsts = new Map<number, Uint8Array>();
  const differing: string[] = [];
  let differingCount = 0;
  let doneFiles = 0;
  let doneBytes = 0;
  for await (const { entry } of picked) {
    signal.throwIfAborted();
    if (entry.kind !== 'file') continue;
    const place = joinPath(pathBytes(into), entry.path);
    const first = firsts.get(entry.hardlinkGroup);
    if (entry.hardlinkGroup !== 0 && first === undefined) firsts.set(entry.hardlinkGroup, entry.path);
    const isSame =
      first === undefined
        ? await hasContent(place, entry, proof)
        : isOneInode(place, joinPath(pathBytes(into), first));
    if (!isSame && ++differingCount <= EXAMPLES) differing.push(displayPath(entry.path));
    doneFiles++;
    doneBytes += first === undefined ? entry.sizeBytes : 0;
    onProgress({ step: 'reading back', doneFiles, totalFiles, doneBytes, totalBytes });
  }
  if (differingCount === 0) return doneFiles;
  throw new DeskPodError(
    'TARGET_WRITE_FAILED',
    `${differing[0]}: expected the bytes of the checkpoint, read others back (${differingCount} of ${doneFiles} files)`,
    {
      hint: 'Something else writes there, or the drive is failing: restore again with --overwrite --verify.',
      details: { paths: differing, differingCount, fileCount: doneFiles },
    },
  );
}

function isOneInode(place: Buffer, other: Buffer): boolean {
  const [stats, first] = [place, other].map((path) => lstatSync(path, { throwIfNoEntry: false }));
  return stats !== undefined && stats.ino === first?.ino && stats.dev === first.dev;
}

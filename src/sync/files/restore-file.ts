// Restore of one file's content: chunks to bytes, zeros to holes where the file had holes.
import { ftruncateSync } from 'node:fs';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { ManifestEntry } from '../../core/manifest.ts';
import { writeAllSync, writeAroundHoles } from '../posix/sparse.ts';
import { displayPath } from './byte-path.ts';
import type { ContentReader } from './content-reader.ts';
import { writeFailure } from './restore-target.ts';

/** Chunks of one file that are under way at once; neighbours are read together. */
const AHEAD_MAX = 16;

/**
 * Writes the chunks of an entry to an open, empty file. `onWritten` is told the length of each and may throw to stop. When
 * it returns or throws, nobody writes to the file any more.
 * @throws DeskPodError SPACE_EXHAUSTED, TARGET_WRITE_FAILED, MANIFEST_DAMAGED if the chunks are not as long as the
 * file; what `reader` throws, with the name of the file
 */
export async function writeChunks(
  fd: number,
  entry: ManifestEntry,
  reader: ContentReader,
  onWritten: (sizeBytes: number) => void,
): Promise<void> {
  const placing: Promise<void>[] = [];
  try {
    let position = 0;
    for (const [index, id] of entry.chunkIds.entries()) {
      const here = { position, isBeyondEnd: true };
      const maxBytes = entry.sizeBytes - position;
      const placed = reader.place?.(id, { fd, position, isSparse: entry.isSparse, maxBytes });
      if (placed === undefined) {
        const sizeBytes = await writeChunkAt(fd, entry, index, reader, here);
        position += sizeBytes;
        onWritten(sizeBytes);
        continue;
      }
      const { sizeBytes, isPlaced } = placed;
      position += sizeBytes;
      const place = async (): Promise<void> => {
        // what could not be done elsewhere is done here, where what is wrong has a name
        if (!(await isPlaced)) await writeChunkAt(fd, entry, index, reader, here);
        onWritten(sizeBytes);
      };
      const one = place();
      one.catch(ignoreUntilAwaited);
      placing.push(one);
      if (placing.length > AHEAD_MAX) await placing.shift();
    }
    if (position !== entry.sizeBytes) throw wrongLength(entry, position);
    await Promise.all(placing);
  } finally {
    await Promise.allSettled(placing);
  }
  if (!entry.isSparse) return;
  try {
    ftruncateSync(fd, entry.sizeBytes);
  } catch (error) {
    throw writeFailure(entry.path, error);
  }
}

/**
 * Writes one chunk of an entry at a position, around its holes only where nothing lies yet. Returns its length.
 * @throws DeskPodError as {@link writeChunks}
 */
export async function writeChunkAt(
  fd: number,
  entry: ManifestEntry,
  index: number,
  reader: ContentReader,
  place: { readonly position: number; readonly isBeyondEnd: boolean },
): Promise<number> {
  const chunk = await fetch(entry, index, reader);
  const { position, isBeyondEnd } = place;
  if (position + chunk.length > entry.sizeBytes) throw wrongLength(entry, position + chunk.length);
  try {
    if (entry.isSparse && isBeyondEnd) writeAroundHoles(fd, chunk, position);
    else writeAllSync(fd, chunk, position);
  } catch (error) {
    throw writeFailure(entry.path, error);
  }
  return chunk.length;
}

const NO_BYTES = new Uint8Array(0);

async function fetch(entry: ManifestEntry, index: number, reader: ContentReader): Promise<Uint8Array> {
  const id = entry.chunkIds[index];
  if (id === undefined) return NO_BYTES;
  try {
    return await reader.readChunk(id);
  } catch (error) {
    if (!isDeskPodError(error)) throw error;
    const path = displayPath(entry.path);
    throw new DeskPodError(error.code, `${path}: ${error.message}`, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      details: { ...error.details, path },
      cause: error,
    });
  }
}

/** The error for a file whose chunks are not as long as it is. */
export function wrongLength(entry: ManifestEntry, gotBytes: number): DeskPodError {
  const path = displayPath(entry.path);
  return new DeskPodError(
    'MANIFEST_DAMAGED',
    `${path}: expected chunks of ${entry.sizeBytes} bytes in all, got at least ${gotBytes}`,
    { details: { path, expectedBytes: entry.sizeBytes, gotBytes } },
  );
}

function ignoreUntilAwaited(): void {
  // the file awaits its chunks together, and gets the first failure
}

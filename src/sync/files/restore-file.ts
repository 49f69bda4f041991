// Restore of one file's content: chunks to bytes, zeros to holes where the file had holes.
import { ftruncateSync, write, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { ManifestEntry } from '../../core/manifest.ts';
import { displayPath } from './byte-path.ts';
import type { ContentReader } from './restore.ts';
import { writeFailure } from './restore-target.ts';

/** Up to here one synchronous call is faster than handing the bytes to a thread. */
const AT_ONCE_BYTES = 256 * 1024;
/** Holes come in blocks of the file system; smaller runs of zeros are worth no hole. */
const BLOCK_BYTES = 4096;
const ZERO_BLOCK = Buffer.alloc(BLOCK_BYTES);

/** Chunks of one file that are fetched before their turn; neighbours are fetched together. */
const AHEAD_MAX = 16;

const writeAsync = promisify(write);

/**
 * Writes the chunks of an entry to an open, empty file, fetching the next ones while one is written. `onWritten` is told
 * the length of each and may throw to stop.
 * @throws DeskPodError SPACE_EXHAUSTED, TARGET_WRITE_FAILED, MANIFEST_DAMAGED if the chunks are not as long as the
 * file; what `reader` throws, with the name of the file
 */
export async function writeChunks(
  fd: number,
  entry: ManifestEntry,
  reader: ContentReader,
  onWritten: (sizeBytes: number) => void,
): Promise<void> {
  let position = 0;
  const ahead: Promise<Uint8Array>[] = [];
  for (let i = 0; i < entry.chunkIds.length; i++) {
    while (ahead.length < AHEAD_MAX && i + ahead.length < entry.chunkIds.length) {
      const fetching = fetch(entry, i + ahead.length, reader);
      // if writing fails first, this one's failure is nobody's any more
      fetching.catch(ignoreOutrunChunk);
      ahead.push(fetching);
    }
    const chunk = (await ahead.shift()) ?? NO_BYTES;
    if (position + chunk.length > entry.sizeBytes) throw wrongLength(entry, position + chunk.length);
    try {
      if (entry.isSparse) await writeAroundHoles(fd, chunk, position);
      else await writeAll(fd, chunk, position);
    } catch (error) {
      throw writeFailure(entry.path, error);
    }
    position += chunk.length;
    onWritten(chunk.length);
  }
  if (position !== entry.sizeBytes) throw wrongLength(entry, position);
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
    if (entry.isSparse && isBeyondEnd) await writeAroundHoles(fd, chunk, position);
    else await writeAll(fd, chunk, position);
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

async function writeAll(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const rest = bytes.length - done;
    done +=
      rest <= AT_ONCE_BYTES
        ? writeSync(fd, bytes, done, rest, position + done)
        : (await writeAsync(fd, bytes, done, rest, position + done)).bytesWritten;
  }
}

/** Writes the runs of blocks that are not all zeros; blocks are counted from the start of the file. */
async function writeAroundHoles(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let runStart = 0;
  for (let at = 0; at < buffer.length; ) {
    const end = Math.min(at + BLOCK_BYTES - ((position + at) % BLOCK_BYTES), buffer.length);
    const isZero = ZERO_BLOCK.subarray(0, end - at).equals(buffer.subarray(at, end));
    if (isZero) {
      await writeAll(fd, buffer.subarray(runStart, at), position + runStart);
      runStart = end;
    }
    at = end;
  }
  await writeAll(fd, buffer.subarray(runStart), position + runStart);
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

function ignoreOutrunChunk(): void {
  // whoever goes on awaits the same promise and gets its failure
}

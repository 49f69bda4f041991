// Brings a file that is there to the content of the manifest: only chunks that differ are fetched and written.
import { closeSync, constants, fstatSync, ftruncateSync, openSync, read } from 'node:fs';
import { promisify } from 'node:util';
import type { ManifestEntry } from '../../core/manifest.ts';
import type { ContentReader } from './content-reader.ts';
import { writeChunkAt, wrongLength } from './restore-file.ts';
import { writeFailure } from './restore-target.ts';

/** Tells whether bytes are those of a chunk, without the chunk. */
export interface ChunkProof {
  /** The length of a chunk in bytes; undefined if nobody knows where it is. */
  measure(id: Uint8Array): Promise<number | undefined>;
  /** True if the chunk's id proves these bytes. */
  proves(id: Uint8Array, bytes: Uint8Array): boolean;
}

/** What a patch did. */
export interface Patch {
  readonly writtenBytes: number;
  /** False if the file had this content before. */
  readonly isChanged: boolean;
}

const readAsync = promisify(read);

/**
 * Compares the chunks of an entry with an open file and writes those that differ. `onDone` is told the length of each
 * and may throw to stop. A patch that was interrupted is repeated: the file has another time until it is described.
 * @throws DeskPodError as `writeChunks`
 */
export async function patchFile(
  fd: number,
  entry: ManifestEntry,
  reader: ContentReader,
  proof: ChunkProof,
  onDone: (sizeBytes: number) => void,
): Promise<Patch> {
  const formerBytes = fstatSync(fd).size;
  let position = 0;
  let writtenBytes = 0;
  for (const [index, id] of entry.chunkIds.entries()) {
    const length = await measureWithin(proof, id, entry.sizeBytes - position);
    if (length === undefined || !(await isThere(fd, position, length, id, proof))) {
      // beyond the former end there is nothing that a hole could let through
      const isBeyondEnd = position >= formerBytes;
      const written = await writeChunkAt(fd, entry, index, reader, { position, isBeyondEnd });
      position += written;
      writtenBytes += written;
      onDone(written);
    } else {
      position += length;
      onDone(length);
    }
  }
  if (position !== entry.sizeBytes) throw wrongLength(entry, position);
  try {
    if (formerBytes !== entry.sizeBytes) ftruncateSync(fd, entry.sizeBytes);
  } catch (error) {
    throw writeFailure(entry.path, error);
  }
  return { writtenBytes, isChanged: writtenBytes > 0 || formerBytes !== entry.sizeBytes };
}

async function measureWithin(
  proof: ChunkProof,
  id: Uint8Array,
  maxBytes: number,
): Promise<number | undefined> {
  const length = await proof.measure(id);
  return length === undefined || length > maxBytes ? undefined : length;
}

/** True if the file has the bytes of a chunk at a position. */
async function isThere(
  fd: number,
  position: number,
  length: number,
  id: Uint8Array,
  proof: ChunkProof,
): Promise<boolean> {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await readAsync(fd, bytes, done, length - done, position + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return proof.proves(id, bytes);
}

/**
 * True if a file is at a place, and its bytes are those of an entry. Only its bytes are waited for: of many small files all
 * else takes longer if others do it. Throws what reading it throws.
 */
export async function hasContent(place: Buffer, entry: ManifestEntry, proof: ChunkProof): Promise<boolean> {
  let fd: number;
  try {
    fd = openSync(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return false; // whatever is there, it is not the file
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile() || stats.size !== entry.sizeBytes) return false;
    let position = 0;
    for (const id of entry.chunkIds) {
      const length = await measureWithin(proof, id, entry.sizeBytes - position);
      if (length === undefined || !(await isThere(fd, position, length, id, proof))) return false;
      position += length;
    }
    return position === entry.sizeBytes;
  } finally {
    closeSync(fd);
  }
}

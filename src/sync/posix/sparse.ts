// Sparse files: where they have data and where holes, and writing around these.
import { writeSync } from 'node:fs';
import { declareFunction, ErrnoError, errnoName, lastErrno, uninterrupted } from './libc.ts';

const lseek = declareFunction('int64_t lseek(int fd, int64_t offset, int whence)');

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** A run of bytes that are stored, not a hole. */
export interface DataRange {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/**
 * The data ranges of the first `sizeBytes` bytes of an open file, in order; the rest are holes, which read as zeros.
 * A file system that knows no holes gives one range. Moves the descriptor's own position.
 * @throws ErrnoError
 */
export function dataRanges(fd: number, sizeBytes: number): DataRange[] {
  const ranges: DataRange[] = [];
  for (let position = 0; position < sizeBytes; ) {
    const start = seek(fd, position, SEEK_DATA, sizeBytes);
    if (start >= sizeBytes) break;
    const end = Math.min(seek(fd, start, SEEK_HOLE, sizeBytes), sizeBytes);
    ranges.push({ offsetBytes: start, lengthBytes: end - start });
    position = end;
  }
  return ranges;
}

/**
 * Where the first hole of an open file begins; `sizeBytes`, its length, if there is none or holes are unknown here. Moves the
 * descriptor's own position.
 * @throws ErrnoError
 */
export function firstHole(fd: number, sizeBytes: number): number {
  return Math.min(seek(fd, 0, SEEK_HOLE, sizeBytes), sizeBytes);
}

function seek(fd: number, offset: number, whence: number, sizeBytes: number): number {
  const found = uninterrupted(() => lseek(fd, offset, whence));
  if (found >= 0) return found;
  const errno = lastErrno();
  const code = errnoName(errno);
  if (code === 'ENXIO') return sizeBytes; // nothing but a hole from here on
  if (code === 'EINVAL') return whence === SEEK_DATA ? offset : sizeBytes; // holes are unknown here
  throw new ErrnoError('lseek', errno, `fd ${fd}`);
}

/** Holes come in blocks of the file system; smaller runs of zeros are worth no hole. */
const BLOCK_BYTES = 4096;
const ZERO_BLOCK = Buffer.alloc(BLOCK_BYTES);

/** Writes all of `bytes` at a position of an open file. Throws the system's error. */
export function writeAllSync(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}

/**
 * Writes the runs of blocks that are not all zeros, where nothing lies yet; blocks are counted from the start of the file.
 * Throws the system's error.
 */
export function writeAroundHoles(fd: number, bytes: Uint8Array, position: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let runStart = 0;
  for (let at = 0; at < buffer.length; ) {
    const end = Math.min(at + BLOCK_BYTES - ((position + at) % BLOCK_BYTES), buffer.length);
    const isZero = ZERO_BLOCK.subarray(0, end - at).equals(buffer.subarray(at, end));
    if (isZero) {
      writeAllSync(fd, buffer.subarray(runStart, at), position + runStart);
      runStart = end;
    }
    at = end;
  }
  writeAllSync(fd, buffer.subarray(runStart), position + runStart);
}

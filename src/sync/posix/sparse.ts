// Where a sparse file has data and where it has holes.
import { declareFunction, ErrnoError, errnoName, lastErrno } from './libc.ts';

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

function seek(fd: number, offset: number, whence: number, sizeBytes: number): number {
  const found = Number(lseek(fd, offset, whence));
  if (found >= 0) return found;
  const errno = lastErrno();
  const code = errnoName(errno);
  if (code === 'ENXIO') return sizeBytes; // nothing but a hole from here on
  if (code === 'EINVAL') return whence === SEEK_DATA ? offset : sizeBytes; // holes are unknown here
  throw new ErrnoError('lseek', errno, `fd ${fd}`);
}

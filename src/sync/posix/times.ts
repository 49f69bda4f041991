// Modification times to the nanosecond, also of symlinks.
import { cPath, declareFunction, ErrnoError, lastErrno, uninterrupted } from './libc.ts';

const utimensat = declareFunction(
  'int utimensat(int dirfd, const uint8_t *path, const int64_t *times, int flags)',
);
const futimens = declareFunction('int futimens(int fd, const int64_t *times)');

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const UTIME_OMIT = 0x3ffffffen;
const NS_PER_SECOND = 1_000_000_000n;

/**
 * Sets the modification time of a path (of a symlink: its own), in nanoseconds since 1970, before it negative.
 * The access time stays as it is.
 * @throws ErrnoError
 */
export function setMtimeNs(path: Uint8Array | string, mtimeNs: bigint): void {
  takeTime(mtimeNs);
  const cpath = cPath(path);
  if (uninterrupted(() => utimensat(AT_FDCWD, cpath, times, AT_SYMLINK_NOFOLLOW)) < 0)
    throw new ErrnoError('utimensat', lastErrno(), Buffer.from(path).toString());
}

/** The same of an open file. @throws ErrnoError */
export function setOpenMtimeNs(fd: number, mtimeNs: bigint): void {
  takeTime(mtimeNs);
  if (uninterrupted(() => futimens(fd, times)) < 0)
    throw new ErrnoError('futimens', lastErrno(), `file descriptor ${fd}`);
}

/** Access and modification time as the system takes them: seconds and nanoseconds each. */
const times = new BigInt64Array([0n, UTIME_OMIT, 0n, 0n]);

function takeTime(mtimeNs: bigint): void {
  const nanoseconds = ((mtimeNs % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND;
  times[2] = (mtimeNs - nanoseconds) / NS_PER_SECOND;
  times[3] = nanoseconds;
}

// Makes a whole new file by its open descriptor: a third of the calls that paths would take, and none that changes nothing.
import { constants } from 'node:fs';
import { declareFunction, ErrnoError, lastErrno, uninterrupted } from './libc.ts';
import { StatReader } from './statx.ts';
import { setOpenMtimeNs } from './times.ts';

const open = declareFunction('int open(const uint8_t *path, int flags, uint32_t mode)');
const pwrite = declareFunction(
  'int64_t pwrite64(int fd, const uint8_t *bytes, size_t length, int64_t offset)',
);
const fchown = declareFunction('int fchown(int fd, uint32_t uid, uint32_t gid)');
const fchmod = declareFunction('int fchmod(int fd, uint32_t mode)');
const close = declareFunction('int close(int fd)');
const unlink = declareFunction('int unlink(const uint8_t *path)');

const O_CLOEXEC = 0o2000000;
const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
const NEW_FILE = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
const PERMISSIONS = 0o777;
const MODE_BITS = 0o7777;

/** What a new file is given. */
export interface FileFacts {
  /** Permission bits alone: a new owner would clear others. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
}

const stats = new StatReader();

/**
 * Makes a file with this content at a path that ends with NUL and where nothing is. It has its mode from the start: its
 * folder must be one that others can not enter. False if this user could not give it its owner: then it has the content,
 * and what is not content is still to be set.
 * @throws ErrnoError, and nothing is there then
 */
export function makeFile(cpath: Uint8Array, bytes: Uint8Array, facts: FileFacts): boolean {
  if ((facts.mode & ~PERMISSIONS) !== 0)
    throw new RangeError(`expected permission bits, got ${facts.mode.toString(8)}`);
  const fd = attempt('open', cpath, () => open(cpath, NEW_FILE, facts.mode));
  let isWhole = false;
  try {
    for (let done = 0; done < bytes.length; ) {
      const rest = done === 0 ? bytes : bytes.subarray(done);
      done += attempt('pwrite', cpath, () => pwrite(fd, rest, rest.length, done));
    }
    const isDescribed = describe(fd, cpath, facts);
    isWhole = true;
    return isDescribed;
  } finally {
    close(fd);
    if (!isWhole) unlink(cpath);
  }
}

/** The time comes last, as everything else moves it. */
function describe(fd: number, cpath: Uint8Array, { mode, uid, gid, mtimeNs }: FileFacts): boolean {
  stats.readOpen(fd);
  if ((stats.uid !== uid || stats.gid !== gid) && fchown(fd, uid, gid) !== 0) return false;
  // what the umask took away
  if ((stats.mode & MODE_BITS) !== mode) attempt('fchmod', cpath, () => fchmod(fd, mode));
  setOpenMtimeNs(fd, mtimeNs);
  return true;
}

function attempt(call: string, cpath: Uint8Array, act: () => number): number {
  const result = uninterrupted(act);
  if (result < 0) throw new ErrnoError(call, lastErrno(), Buffer.from(cpath.subarray(0, -1)).toString());
  return result;
}

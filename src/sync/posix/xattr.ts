// Extended attributes of all namespaces, by byte paths, never through a symlink.
import { cPath, declareFunction, ErrnoError, errnoName, lastErrno, uninterrupted } from './libc.ts';

const llistxattr = declareFunction('int64_t llistxattr(const uint8_t *path, uint8_t *list, size_t size)');
const lgetxattr = declareFunction(
  'int64_t lgetxattr(const uint8_t *path, const uint8_t *name, uint8_t *value, size_t size)',
);
const lsetxattr = declareFunction(
  'int lsetxattr(const uint8_t *path, const uint8_t *name, const uint8_t *value, size_t size, int flags)',
);
const lremovexattr = declareFunction('int lremovexattr(const uint8_t *path, const uint8_t *name)');

/** Linux's limit for one value and for the list of names (XATTR_SIZE_MAX, XATTR_LIST_MAX). */
const XATTR_MAX_BYTES = 65_536;

/** The calls are synchronous, so one buffer serves them all; what is kept is copied out of it. */
const scratch = Buffer.alloc(XATTR_MAX_BYTES);

/** One extended attribute: its full name (`user.comment`) and its value, both bytes. */
export interface Xattr {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * All extended attributes of a path in the byte order of their names; none where the file system knows none.
 * One that vanishes between listing and reading is left out.
 * @throws ErrnoError
 */
export function readXattrs(path: Uint8Array | string): Xattr[] {
  const cpath = cPath(path);
  const listBytes = uninterrupted(() => llistxattr(cpath, scratch, scratch.length));
  if (listBytes === 0) return [];
  if (listBytes < 0) {
    const errno = lastErrno();
    if (isUnsupported(errno)) return [];
    throw new ErrnoError('llistxattr', errno, display(path));
  }
  const names: Buffer[] = [];
  for (let start = 0; start < listBytes; ) {
    const end = scratch.indexOf(0, start);
    names.push(Buffer.from(scratch.subarray(start, end)));
    start = end + 1;
  }
  const xattrs: Xattr[] = [];
  for (const name of names.sort(Buffer.compare)) {
    const cname = cPath(name);
    const valueBytes = uninterrupted(() => lgetxattr(cpath, cname, scratch, scratch.length));
    if (valueBytes >= 0) {
      xattrs.push({ name, value: Buffer.from(scratch.subarray(0, valueBytes)) });
      continue;
    }
    const errno = lastErrno();
    const code = errnoName(errno);
    if (code !== 'ENODATA') throw new ErrnoError('lgetxattr', errno, display(path));
  }
  return xattrs;
}

/** Sets one extended attribute, new or not. @throws ErrnoError */
export function setXattr(path: Uint8Array | string, name: Uint8Array | string, value: Uint8Array): void {
  const [cpath, cname] = [cPath(path), cPath(name)];
  if (uninterrupted(() => lsetxattr(cpath, cname, value, value.length, 0)) < 0)
    throw new ErrnoError('lsetxattr', lastErrno(), `${display(path)} ${display(name)}`);
}

/** Takes one extended attribute away; one that is not there is no error. @throws ErrnoError */
export function removeXattr(path: Uint8Array | string, name: Uint8Array | string): void {
  const [cpath, cname] = [cPath(path), cPath(name)];
  if (uninterrupted(() => lremovexattr(cpath, cname)) === 0) return;
  const errno = lastErrno();
  if (errnoName(errno) !== 'ENODATA') throw new ErrnoError('lremovexattr', errno, display(path));
}

function isUnsupported(errno: number): boolean {
  // 95 is ENOTSUP and EOPNOTSUPP at once, two names of one number on Linux
  return errno === 95;
}

function display(bytes: Uint8Array | string): string {
  return typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString();
}

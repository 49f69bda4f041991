// What Linux tells of a socket that another process has open.
import { closeSync } from 'node:fs';
import { cPath, declareFunction, ErrnoError, errnoName, lastErrno } from './libc.ts';

const getxattr = declareFunction(
  'int64_t getxattr(const uint8_t *path, const uint8_t *name, uint8_t *value, size_t size)',
);
const syscall = declareFunction('long syscall(long number, int first, int second, int third)');
const getsockopt = declareFunction(
  'int getsockopt(int fd, int level, int name, uint8_t *value, uint8_t *size)',
);

/** Numbers of calls that are newer than the C library's own: the same on every architecture. */
const SYS_PIDFD_OPEN = 434;
const SYS_PIDFD_GETFD = 438;
const SOL_SOCKET = 1;
const SO_PASSCRED = 16;
const SOL_NETLINK = 270;
const NETLINK_LIST_MEMBERSHIPS = 9;
const GROUPS_MAX_BYTES = 128;
const PROTOCOL_NAME = cPath('system.sockprotoname');
const NAME_MAX_BYTES = 64;

/** A process or a descriptor that is not there any more, or is no socket. */
const GONE = new Set(['ENOENT', 'ESRCH', 'EBADF', 'ENOTSOCK', 'ENOTSUP', 'EOPNOTSUPP', 'EACCES', 'EPERM']);

/**
 * The kernel's name of a socket's protocol: `TCP`, `UNIX-STREAM`, `NETLINK`, `AF_VSOCK`.
 * @param path a link in /proc/PID/fd; undefined if it is gone.
 * @throws ErrnoError
 */
export function socketProtocol(path: string): string | undefined {
  const value = Buffer.alloc(NAME_MAX_BYTES);
  const sizeBytes = Number(getxattr(cPath(path), PROTOCOL_NAME, value, value.length));
  if (sizeBytes < 0) return unlessGone('getxattr', path);
  const end = value.indexOf(0);
  return value.toString('latin1', 0, end < 0 ? sizeBytes : end);
}

/**
 * True if the kernel adds the sender's credentials to what this socket of another process receives.
 * @throws ErrnoError
 */
export function passesCredentials(pid: number, fd: number): boolean {
  return socketOption(pid, fd, SOL_SOCKET, SO_PASSCRED, 4)?.some((byte) => byte !== 0) === true;
}

/**
 * The highest group that a netlink socket of another process listens to, counted from 1; 0 for none.
 * @throws ErrnoError
 */
export function highestNetlinkGroup(pid: number, fd: number): number {
  const bits = socketOption(pid, fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, GROUPS_MAX_BYTES);
  const last = bits?.findLastIndex((byte) => byte !== 0) ?? -1;
  return last < 0 ? 0 : last * 8 + (32 - Math.clz32(bits?.[last] ?? 0));
}

/** An option of a socket of another process, `sizeBytes` of it at most; undefined if the socket is gone. */
function socketOption(
  pid: number,
  fd: number,
  level: number,
  name: number,
  sizeBytes: number,
): Buffer | undefined {
  const pidfd = Number(syscall(SYS_PIDFD_OPEN, pid, 0, 0));
  if (pidfd < 0) return unlessGone('pidfd_open', `${pid}`);
  try {
    const socket = Number(syscall(SYS_PIDFD_GETFD, pidfd, fd, 0));
    if (socket < 0) return unlessGone('pidfd_getfd', `${pid}/${fd}`);
    try {
      const value = Buffer.alloc(sizeBytes);
      const size = Buffer.alloc(4);
      size.writeUInt32LE(sizeBytes);
      if (getsockopt(socket, level, name, value, size) < 0) return unlessGone('getsockopt', `${pid}/${fd}`);
      return value.subarray(0, Math.min(size.readUInt32LE(), sizeBytes));
    } finally {
      closeSync(socket);
    }
  } finally {
    closeSync(pidfd);
  }
}

function unlessGone(call: string, subject: string): undefined {
  const errno = lastErrno();
  if (GONE.has(errnoName(errno))) return undefined;
  throw new ErrnoError(call, errno, subject);
}

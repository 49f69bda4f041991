// A lock on a file that the kernel drops when its holder dies: nobody ever cleans one up by hand.
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { isFull } from '../storage-failure.ts';
import { declareFunction, ErrnoError, lastErrno } from './libc.ts';

const callFlock = declareFunction('int flock(int fd, int operation)');
const LOCK_EXCLUSIVE = 2;
const LOCK_WITHOUT_WAITING = 4;
/** A lock file holds a process id and nothing else. */
const HOLDER_MAX_BYTES = 32;

/** An exclusive lock that this process holds until `release`, or until it ends in whatever way. */
export interface FileLock {
  readonly path: string;
  /** Gives the lock back; a second call does nothing. The file stays. */
  release(): void;
}

/**
 * Takes the exclusive lock on the file at `path`, which is made if it is not there, and writes this process's id
 * into it. Children do not inherit it.
 * @returns the lock, or `undefined` if someone else holds it: {@link lockHolder} says who
 * @throws ErrnoError, or a system error if the file cannot be opened
 */
export function tryLock(path: string): FileLock | undefined {
  for (;;) {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    try {
      if (callFlock(fd, LOCK_EXCLUSIVE | LOCK_WITHOUT_WAITING) < 0) {
        const failure = new ErrnoError('flock', lastErrno(), path);
        if (failure.code !== 'EAGAIN' && failure.code !== 'EWOULDBLOCK') throw failure;
        closeSync(fd);
        return undefined;
      }
      if (isStillThere(fd, path)) return hold(fd, path);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    // The file was removed between open and flock: this lock would lock nobody out.
    closeSync(fd);
  }
}

/** The process id that the holder of the lock at `path` left there, or `undefined` if there is none. */
export function lockHolder(path: string): number | undefined {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const bytes = Buffer.alloc(HOLDER_MAX_BYTES);
    const pid = Number.parseInt(bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0)), 10);
    return pid > 0 ? pid : undefined;
  } finally {
    closeSync(fd);
  }
}

function hold(fd: number, path: string): FileLock {
  ftruncateSync(fd, 0);
  noteHolder(fd);
  let isHeld = true;
  return {
    path,
    release() {
      if (!isHeld) return;
      isHeld = false;
      try {
        ftruncateSync(fd, 0);
      } catch {
        // the process id that stays is a remark: the lock goes with the descriptor, and must
      } finally {
        closeSync(fd);
      }
    },
  };
}

/** On a full drive nobody can be told who holds the lock; it is held all the same. */
function noteHolder(fd: number): void {
  try {
    writeSync(fd, `${process.pid}\n`, 0);
  } catch (error) {
    if (!isFull(error)) throw error;
  }
}

function isStillThere(fd: number, path: string): boolean {
  const named = statSync(path, { throwIfNoEntry: false });
  const held = fstatSync(fd);
  return named !== undefined && named.ino === held.ino && named.dev === held.dev;
}

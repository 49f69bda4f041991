// Making written files and folders durable.
import { closeSync, constants, fsyncSync, openSync } from 'node:fs';
import { declareFunction, ErrnoError, errnoName, lastErrno } from './libc.ts';

/** A foreign function that koffi can also call on a thread of its own. */
interface AsyncCall {
  async(fd: number, done: (error: Error | null, result: number) => void): void;
}

const syncfs = declareFunction('int syncfs(int fd)') as unknown as AsyncCall;

/** Writes everything of the file system that holds `path` to its device. Blocks until it is there. */
export async function syncFileSystem(path: Uint8Array | string): Promise<void> {
  const fd = openFolder(path);
  try {
    while ((await sync(fd, path)) === 'interrupted');
  } finally {
    closeSync(fd);
  }
}

function sync(fd: number, path: Uint8Array | string): Promise<'done' | 'interrupted'> {
  return new Promise((resolve, reject) => {
    // on a thread of koffi's: it can take seconds, and koffi carries errno into the callback
    syncfs.async(fd, (error, result) => {
      const errno = error === null && result < 0 ? lastErrno() : 0;
      if (error !== null) reject(error);
      else if (errno === 0) resolve('done');
      else if (errnoName(errno) === 'EINTR') resolve('interrupted');
      else reject(new ErrnoError('syncfs', errno, Buffer.from(path).toString()));
    });
  });
}

/** Makes the names in a folder durable: what was created, renamed and removed in it. */
export function syncFolder(path: Uint8Array | string): void {
  const fd = openFolder(path);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function openFolder(path: Uint8Array | string): number {
  return openSync(
    typeof path === 'string' ? path : Buffer.from(path),
    constants.O_RDONLY | constants.O_DIRECTORY,
  );
}

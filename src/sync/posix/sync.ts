// Making written files and folders durable.
import { closeSync, constants, fsyncSync, openSync } from 'node:fs';
import { declareFunction, ErrnoError, lastErrno } from './libc.ts';

/** A foreign function that koffi can also call on a thread of its own. */
interface AsyncCall {
  async(fd: number, done: (error: Error | null, result: number) => void): void;
}

const syncfs = declareFunction('int syncfs(int fd)') as unknown as AsyncCall;

/** Writes everything of the file system that holds `path` to its device. Blocks until it is there. */
export async function syncFileSystem(path: Uint8Array | string): Promise<void> {
  const fd = openFolder(path);
  try {
    await new Promise<void>((resolve, reject) => {
      // on a thread of koffi's: it can take seconds, and koffi carries errno into the callback
      syncfs.async(fd, (error, result) => {
        if (error !== null) reject(error);
        else if (result < 0) reject(new ErrnoError('syncfs', lastErrno(), Buffer.from(path).toString()));
        else resolve();
      });
    });
  } finally {
    closeSync(fd);
  }
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

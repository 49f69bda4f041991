// Files that are whole and durable before they get their name.
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { storageError } from '../storage-failure.ts';

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Makes a folder with all above it, durably; those that are new get `mode`. Returns true if it was not there. */
export async function makeFolder(folderPath: string, mode?: number): Promise<boolean> {
  const path = resolve(folderPath);
  try {
    const first = await mkdir(path, mode === undefined ? { recursive: true } : { recursive: true, mode });
    if (first === undefined) return false;
    await leaveFolders(first, path);
    // the folders from `first` down to `path` are new: each is a name in the one above it
    for (let folder = path; folder.length >= first.length; folder = dirname(folder))
      await syncFolder(dirname(folder));
    return true;
  } catch (error) {
    throw storageError(error, path);
  }
}

/** From `first` down to `last`, as whose the one above is says whose the next one becomes. */
async function leaveFolders(first: string, last: string): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  const made: string[] = [];
  for (let folder = last; folder.length >= first.length; folder = dirname(folder)) made.unshift(folder);
  for (const folder of made) {
    const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      await leaveToOwner(handle, dirname(folder));
    } finally {
      await handle.close();
    }
  }
}

/** What root makes in somebody's folder is his: root may keep to itself what it makes, and he has to read it. */
async function leaveToOwner(made: FileHandle, folder: string): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = await stat(folder);
  if ((await made.stat()).uid === uid) return;
  await made.chown(uid, gid).catch((error: unknown) => {
    // on a drive over the network root may be nobody, whose files are as good as his
    if (!isSystemError(error, 'EPERM')) throw error;
  });
}

/** Writes a file, whole and synced, under a temporary name that must not exist. Removes it again if that fails. Gives what `write` gives. */
export async function writeTemporary<Result>(
  path: string,
  write: (file: FileHandle) => Promise<Result>,
): Promise<Result> {
  try {
    const file = await open(path, 'wx', 0o644);
    try {
      await leaveToOwner(file, dirname(path));
      const result = await write(file);
      await file.sync();
      return result;
    } finally {
      await file.close();
    }
  } catch (error) {
    await removeFailed(path);
    throw storageError(error, path);
  }
}

/** Gives a temporary file its name, replacing a file of that name, and makes the name durable. */
export async function publish(temporary: string, path: string): Promise<void> {
  try {
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await removeFailed(temporary);
    throw storageError(error, path);
  }
}

/** What cannot be removed now either is removed by whoever opens the repository next; told is what went wrong first. */
async function removeFailed(path: string): Promise<void> {
  await rm(path, { force: true }).catch(() => undefined);
}

/** Writes all of `bytes` at `position`. */
export async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** True if `error` is the system's error with this code, such as ENOENT. */
export function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

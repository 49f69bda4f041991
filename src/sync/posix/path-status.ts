// What stands at a path, if anything does.
import { type BigIntStats, lstatSync, type Stats } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';

/** With every symbolic link followed; undefined if nothing is there. @throws the system's errors, but for that */
export async function statusAt(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** True if something is at a path, or where a symbolic link there leads to. @throws as {@link statusAt} */
export async function exists(path: string): Promise<boolean> {
  return (await statusAt(path)) !== undefined;
}

/** True if a path has a name, that of a symbolic link which leads nowhere, too. @throws the system's errors, but for ENOENT */
export async function isNamed(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Of what has a path, of a symbolic link itself; undefined if nothing has, or if the system does not tell. Node's own
 * `throwIfNoEntry` knows of lstat(2) only that a name is not there, and not that the folder above it has become a file.
 */
export function knownStats(path: Buffer): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

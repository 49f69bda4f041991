// What stands at a path, if anything does.
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';

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

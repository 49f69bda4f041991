// Checking the objects in a folder against their names, without any key.
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '../repository/durable-file.ts';
import { hashFile, isNamedBy } from '../repository/hashed-file.ts';
import { OBJECT_KINDS } from '../repository/repository.ts';
import { isUnreadable, storageError } from '../storage-failure.ts';
import type { HomeVerification, TransferOptions } from './home.ts';

/**
 * Hashes every object of a repository: each file's SHA-256 is the last 64 hexadecimal digits of its name before the
 * ending. Files without such a name count as damaged, and so does what is no plain file: it is not opened. Those with a dot
 * before their name are unfinished and left out. What a prune takes away meanwhile does not matter.
 */
export async function hashObjects(
  repositoryDir: string,
  { onProgress, signal }: TransferOptions = {},
): Promise<HomeVerification> {
  const objects: string[] = [];
  for (const folder of OBJECT_KINDS) objects.push(...(await filesBelow(repositoryDir, folder)));
  const damaged: string[] = [];
  let [checkedObjects, doneBytes] = [0, 0];
  for (const [index, object] of objects.entries()) {
    signal?.throwIfAborted();
    const found = await hashObject(repositoryDir, object);
    if (found !== undefined) checkedObjects++;
    if (found?.isWhole === false) damaged.push(object);
    doneBytes += found?.sizeBytes ?? 0;
    onProgress?.({ step: 'verifying', doneBytes, doneFiles: index + 1, totalFiles: objects.length });
  }
  return { checkedObjects, damaged };
}

/** Undefined for what is gone. */
async function hashObject(
  repositoryDir: string,
  object: string,
): Promise<{ readonly isWhole: boolean; readonly sizeBytes: number } | undefined> {
  const place = join(repositoryDir, object);
  try {
    const stats = await lstat(place);
    // a pipe would be waited for, and a link leads elsewhere
    if (!stats.isFile()) return { isWhole: false, sizeBytes: 0 };
    try {
      const { sha256, sizeBytes } = await hashFile(place);
      return { isWhole: isNamedBy(object, sha256), sizeBytes };
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      return { isWhole: false, sizeBytes: stats.size };
    }
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw storageError(error, place);
  }
}

async function filesBelow(repositoryDir: string, folder: string): Promise<string[]> {
  const found: string[] = [];
  let entries: Awaited<ReturnType<typeof list>>;
  try {
    entries = await list(join(repositoryDir, folder));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return found;
    throw error;
  }
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = `${folder}/${entry.name}`;
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) found.push(...(await filesBelow(repositoryDir, path)));
    else found.push(path);
  }
  return found;
}

function list(folder: string) {
  return readdir(folder, { withFileTypes: true });
}

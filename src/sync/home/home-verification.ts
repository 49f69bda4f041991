// Checking the objects in a folder against their names, without any key.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hashFile, isNamedBy } from '../repository/hashed-file.ts';
import { OBJECT_KINDS } from '../repository/repository.ts';
import { isUnreadable, storageError } from '../storage-failure.ts';
import type { HomeVerification, TransferOptions } from './home.ts';

/**
 * Hashes every object of a repository: each file's SHA-256 is the last 64 hexadecimal digits of its name before the
 * ending. Files without such a name count as damaged; those with a dot before it are unfinished and left out.
 */
export async function hashObjects(
  repositoryDir: string,
  { onProgress, signal }: TransferOptions = {},
): Promise<HomeVerification> {
  const objects: string[] = [];
  for (const folder of OBJECT_KINDS) objects.push(...(await filesBelow(repositoryDir, folder)));
  const damaged: string[] = [];
  let doneBytes = 0;
  for (const [index, object] of objects.entries()) {
    signal?.throwIfAborted();
    const place = join(repositoryDir, object);
    let isWhole = false;
    try {
      isWhole = isNamedBy(object, (await hashFile(place)).sha256);
    } catch (error) {
      if (!isUnreadable(error)) throw storageError(error, place);
    }
    if (!isWhole) damaged.push(object);
    doneBytes += (await stat(place)).size;
    onProgress?.({ step: 'verifying', doneBytes, doneFiles: index + 1, totalFiles: objects.length });
  }
  return { checkedObjects: objects.length, damaged };
}

async function filesBelow(repositoryDir: string, folder: string): Promise<string[]> {
  const found: string[] = [];
  let entries: Awaited<ReturnType<typeof list>>;
  try {
    entries = await list(join(repositoryDir, folder));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return found;
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

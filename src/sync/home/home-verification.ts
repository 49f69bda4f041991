// Checking the objects in a folder against their names, without any key.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
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
    const hash = createHash('sha256');
    let isRead = true;
    try {
      for await (const piece of createReadStream(place, { highWaterMark: 1024 * 1024 })) hash.update(piece);
    } catch (error) {
      if (!isUnreadable(error)) throw storageError(error, place);
      isRead = false;
    }
    const isNamed = /([0-9a-f]{64})(\.[a-z]+)?$/.exec(object)?.[1] === hash.digest('hex');
    if (!isRead || !isNamed) damaged.push(object);
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

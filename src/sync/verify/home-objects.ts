// The objects that a home holds of a pod, checked against their names without any key: where they lie, or fetched.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Home, TransferOptions } from '../home/home.ts';
import { isSystemError } from '../repository/durable-file.ts';
import { hashFile, isNamedBy } from '../repository/hashed-file.ts';
import { withScratchFolder } from '../scratch-folder.ts';

/** What is fetched at once takes so much room here, or as much as its largest object. */
const FETCH_BYTES = 128 * 1024 * 1024;

/** What a home holds of a pod. */
export interface HomeObjects {
  /** Every object by its path, with its length in bytes. */
  readonly present: ReadonlyMap<string, number>;
  /** Paths of those whose bytes are not the ones that their names promise. */
  readonly damaged: readonly string[];
  /** True if they were fetched and hashed here; false if the home's own word was taken for its hashes. */
  readonly isFetched: boolean;
  readonly bytes: number;
}

/** Looks at all objects of a pod. `mustFetch`: do not take the home's word. Throws as {@link Home} says. */
export async function checkHomeObjects(
  home: Home,
  podId: string,
  mustFetch: boolean,
  options: TransferOptions = {},
): Promise<HomeObjects> {
  const present = await home.list(podId);
  const bytes = [...present.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0);
  const where = mustFetch ? undefined : await home.verifyObjects(podId, { ...options, present });
  if (where !== undefined) return { present, damaged: where.damaged, isFetched: false, bytes };
  const damaged = await fetchAndHash(home, podId, present, options);
  return { present, damaged, isFetched: true, bytes };
}

async function fetchAndHash(
  home: Home,
  podId: string,
  present: ReadonlyMap<string, number>,
  { onProgress, signal }: TransferOptions,
): Promise<string[]> {
  const damaged: string[] = [];
  let [doneBytes, doneFiles] = [0, 0];
  for (const objects of batches(present)) {
    await withScratchFolder(async (folder) => {
      await home.pull(podId, folder, { objects, ...(signal === undefined ? {} : { signal }) });
      for (const object of objects) {
        if (!(await bearsItsName(join(folder, object), object))) damaged.push(object);
        await rm(join(folder, object), { force: true });
        doneBytes += present.get(object) ?? 0;
        onProgress?.({
          ...{ step: 'fetching and checking', doneBytes, doneFiles: ++doneFiles },
          totalFiles: present.size,
        });
      }
    });
  }
  return damaged;
}

function* batches(present: ReadonlyMap<string, number>): Generator<string[]> {
  let batch: string[] = [];
  let batchBytes = 0;
  for (const [object, sizeBytes] of present) {
    if (batch.length > 0 && batchBytes + sizeBytes > FETCH_BYTES) {
      yield batch;
      [batch, batchBytes] = [[], 0];
    }
    batch.push(object);
    batchBytes += sizeBytes;
  }
  if (batch.length > 0) yield batch;
}

async function bearsItsName(file: string, object: string): Promise<boolean> {
  try {
    return isNamedBy(object, (await hashFile(file)).sha256);
  } catch (error) {
    // what home named and did not send is not there in full
    if (isSystemError(error, 'ENOENT')) return false;
    throw error;
  }
}

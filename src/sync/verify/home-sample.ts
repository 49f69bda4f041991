// A part of what lies at a home, checked against its names without any key; the next check goes on behind it.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hashOfObjectPath } from '../../core/object-path.ts';
import type { TransferOptions } from '../home/home.ts';
import { isSystemError } from '../repository/durable-file.ts';
import { hashFile, isNamedBy } from '../repository/hashed-file.ts';
import { OBJECT_KINDS } from '../repository/repository.ts';
import { HomeFolder } from '../retention/home-folder.ts';
import { isUnreadable, storageError } from '../storage-failure.ts';

/** Which part is checked. */
export interface SamplePlan {
  /** Of the bytes, from 0 to 1. */
  readonly share: number;
  /** Where the last check ended; undefined begins at the start. */
  readonly after: string | undefined;
}

/** What was found. */
export interface HomeSample {
  readonly checkedObjects: number;
  readonly checkedBytes: number;
  readonly totalObjects: number;
  /** Paths below home's folder. */
  readonly damaged: readonly string[];
  /** For the next check; undefined if home is empty. */
  readonly until: string | undefined;
}

interface Sampled {
  /** Its hash first: names are as good as drawn by lot, so what is new is met as often as what is old. */
  readonly key: string;
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * Checks so many bytes of a home in a folder of this computer, of all its pods: all of it in 1 / share checks. What a prune
 * takes away meanwhile does not matter.
 *
 * @throws DeskPodError what home's drive throws, but for damage; CANCELLED
 */
export async function checkHomeSample(
  homeDir: string,
  { share, after }: SamplePlan,
  { onProgress, signal }: TransferOptions = {},
): Promise<HomeSample> {
  const all = await listObjects(homeDir);
  const start = after === undefined ? 0 : all.findIndex(({ key }) => key > after);
  const ordered = start <= 0 ? all : [...all.slice(start), ...all.slice(0, start)];
  const limitBytes = share * all.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const damaged: string[] = [];
  let [checkedObjects, checkedBytes] = [0, 0];
  let until: string | undefined;
  for (const { key, path, sizeBytes } of ordered) {
    if (checkedObjects > 0 && checkedBytes + sizeBytes > limitBytes) break;
    signal?.throwIfAborted();
    onProgress?.({
      step: 'checking a part of home',
      doneBytes: checkedBytes,
      totalBytes: Math.ceil(limitBytes),
    });
    if ((await isWhole(homeDir, path)) === false) damaged.push(path);
    checkedObjects += 1;
    checkedBytes += sizeBytes;
    until = key;
  }
  return { checkedObjects, checkedBytes, totalObjects: all.length, damaged, until };
}

async function listObjects(homeDir: string): Promise<Sampled[]> {
  const found: Sampled[] = [];
  for (const podId of await readdir(join(homeDir, 'pods'))) {
    if (!/^[0-9a-f]{32}$/.test(podId)) continue;
    const folder = new HomeFolder(join(homeDir, 'pods', podId));
    for (const { path, sizeBytes } of await folder.list(OBJECT_KINDS)) {
      const place = `pods/${podId}/${path}`;
      found.push({ key: `${hashOfObjectPath(path) ?? ''} ${place}`, path: place, sizeBytes });
    }
  }
  return found.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** Undefined for what is gone. */
async function isWhole(homeDir: string, path: string): Promise<boolean | undefined> {
  const place = join(homeDir, path);
  try {
    return isNamedBy(path, (await hashFile(place)).sha256);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    if (isUnreadable(error)) return false;
    throw storageError(error, place);
  }
}

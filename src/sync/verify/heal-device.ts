// Healing the device: what is damaged or missing here comes from a home, proven by its name before it takes its place.
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Home } from '../home/home.ts';
import { isSystemError, makeFolder, publish } from '../repository/durable-file.ts';
import { hashFile } from '../repository/hashed-file.ts';
import type { Repository } from '../repository/repository.ts';
import { temporaryName } from '../repository/temporary-name.ts';
import { storageError } from '../storage-failure.ts';
import { type ObjectId, objectLabel, objectPlace } from './damage.ts';

/** How many objects are fetched before they take their places: what they need besides is that much space. */
const BATCH = 16;

/** An object that is whole again, and where its bytes came from. */
export interface Healed extends ObjectId {
  readonly from: string;
}

/** Why a place could not help: the URL of a home, or `device`. */
export interface HealFailure {
  readonly place: string;
  readonly error: unknown;
}

/** What healing did. */
export interface HealOutcome {
  readonly healed: readonly Healed[];
  readonly failures: readonly HealFailure[];
}

/** What healing the device needs. */
export interface HealSource {
  readonly repository: Repository;
  readonly podId: string;
  /** Asked one after the other, for what those before did not have whole. */
  readonly homes: readonly Home[];
  readonly onProgress: ProgressListener;
  /** Told of each batch once it is in its place, durably. */
  readonly onHealed: (healed: readonly Healed[]) => Promise<void>;
  /** Stops the fetching; what has come by then gets its place. */
  readonly signal?: AbortSignal;
}

/**
 * Fetches objects from homes. The damaged file stays where it is until another one, whose bytes bear out the name and
 * are synced, replaces it by one rename: killed at any moment, the former file is there or the whole one.
 * @throws DeskPodError SPACE_EXHAUSTED if the device has no room for a copy; nothing has changed then but what was told
 * to `onHealed`
 */
export async function healDevice(source: HealSource, wanted: readonly ObjectId[]): Promise<HealOutcome> {
  const healed: Healed[] = [];
  const failures: HealFailure[] = [];
  let left = [...wanted];
  for (const home of source.homes) {
    for (let at = 0; at < left.length; at += BATCH) {
      if (source.signal?.aborted === true) return { healed, failures };
      source.onProgress({ step: `healing from ${home.url}`, doneFiles: healed.length });
      const batch = await fetchBatch(source, home, left.slice(at, at + BATCH));
      healed.push(...batch.healed);
      if (batch.healed.length > 0) await source.onHealed(batch.healed);
      // that it was stopped says nothing about home
      if (batch.error === undefined || isDeskPodError(batch.error, 'CANCELLED')) continue;
      noteFailure(failures, { place: home.url, error: batch.error });
      // one that lacks all of these may have others; with one that is away it will not be better for those
      if (batch.healed.length === 0 && !(await isReady(home))) break;
    }
    const isHealed = new Set(healed.map(objectLabel));
    left = left.filter((id) => !isHealed.has(objectLabel(id)));
    if (left.length === 0) break;
  }
  return { healed, failures };
}

async function isReady(home: Home): Promise<boolean> {
  try {
    return (await home.probe()).state === 'ready';
  } catch (error) {
    if (!isDeskPodError(error)) throw error;
    return false; // as what was noted says already
  }
}

/** What a home says of each batch is noted once. */
function noteFailure(failures: HealFailure[], failure: HealFailure): void {
  const codeOf = ({ error }: HealFailure): unknown => (isDeskPodError(error) ? error.code : error);
  const isNoted = failures.some(
    (noted) => noted.place === failure.place && codeOf(noted) === codeOf(failure),
  );
  if (!isNoted) failures.push(failure);
}

async function fetchBatch(
  { repository, podId, signal }: HealSource,
  home: Home,
  batch: readonly ObjectId[],
): Promise<{ healed: Healed[]; error: unknown }> {
  const folder = join(repository.dir, 'tmp', await temporaryName());
  await mkdir(folder).catch((error: unknown) => {
    throw storageError(error, folder);
  });
  try {
    let error: unknown;
    try {
      await home.pull(podId, folder, {
        objects: batch.map((id) => objectPlace(repository, id)),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (failure) {
      if (isDeskPodError(failure, 'SPACE_EXHAUSTED')) throw fullDevice(repository, failure);
      if (!isDeskPodError(failure)) throw failure;
      error = failure; // some may have come
    }
    const healed: Healed[] = [];
    for (const id of batch) {
      if (await moveIn(repository, id, join(folder, objectPlace(repository, id))))
        healed.push({ kind: id.kind, name: id.name, from: home.url });
    }
    return { healed, error };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Gives a file its place if its bytes bear out the name. False if it did not come, or is not the one. */
async function moveIn(repository: Repository, id: ObjectId, file: string): Promise<boolean> {
  try {
    if ((await hashFile(file)).sha256 !== id.name.slice(-64)) return false;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false;
    throw error;
  }
  await syncFile(file);
  const path = repository.objectPath(id.kind, id.name);
  await makeFolder(dirname(path));
  await publish(file, path);
  return true;
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function fullDevice(repository: Repository, cause: unknown): DeskPodError {
  return new DeskPodError('SPACE_EXHAUSTED', `${repository.dir}: no space left for a copy from home`, {
    hint: 'Free some space on this drive, then run `deskpod verify` again: nothing was given up.',
    details: { path: repository.dir },
    cause,
  });
}

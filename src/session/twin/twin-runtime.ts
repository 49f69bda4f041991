// The runtime that a twin carries: it has one if the device has that it follows, from the host where it is synced to.
import { dirname, join } from 'node:path';
import { toHex } from '../../core/bytes.ts';
import type { Command } from '../../core/decide.ts';
import { isDeskPodError } from '../../core/errors.ts';
import type { CarriedRuntime, TwinRuntime } from '../../core/home-state.ts';
import { decodeMarker } from '../../core/marker.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { formatBytes } from '../../core/quantities.ts';
import type { Equipment } from '../../sync/home/lend-home.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { MARKER_FILE } from '../../sync/pod/pod-folder.ts';
import { runtimeOnTwin } from '../../sync/pod/twin.ts';
import { readMarkerFile } from '../../sync/repository/plain-file.ts';
import { storageError } from '../../sync/storage-failure.ts';
import {
  carriedBytes,
  describeImage,
  findRuntimeImage,
  putRuntime,
  type RuntimeImage,
  removeRuntime,
  seemsToCarry,
} from '../runtime/device-runtime.ts';
import type { TwinPlace } from './twin-place.ts';

/** Where a twin lies that this process has for itself. */
type EquippedPlace = Pick<TwinPlace, 'dir' | 'url' | 'freeBytes'>;

/** What the log of `pod` says of the runtime on its twin with this URL. */
export function runtimeOfTwin({ state }: Pod, url: string): TwinRuntime | undefined {
  return state.homes.find((home) => home.url === url)?.runtime;
}

/** What the log says of the runtime on the twin that `pod` was opened from. */
export async function runtimeOfThisTwin(pod: Pod): Promise<CarriedRuntime | undefined> {
  return runtimeOnTwin(pod.state, await deviceIdOf(pod, dirname(pod.folder.markerFile)));
}

/** How a twin is equipped. */
export interface EquipOptions {
  /** What has to have room on the twin besides. */
  readonly neededBytes: number;
  /** A check has found what lies there to be other than it should be. */
  readonly isAltered?: boolean;
  readonly onProgress: ProgressListener;
}

/**
 * Brings the runtime of a twin up to that of this host, or takes it away if the pod's device carries none; the log says what
 * was done. It gets no room that the pod's files need when the twin is started, and gives back what they need by now.
 *
 * @returns what was not done, in sentences: it is no reason for a sync to fail
 * @throws DeskPodError what appending to the log throws
 */
export async function equipTwin(pod: Pod, place: EquippedPlace, options: EquipOptions): Promise<Equipment> {
  const { dir, url } = place;
  // the log says so before another one is written, as that may fail
  const cleared = options.isAltered === true ? await attempt(dir, () => takeAltered(pod, place)) : {};
  if (cleared.fact !== undefined) await pod.append(cleared.fact);
  const step: Step =
    cleared.reason === undefined
      ? await attempt(dir, () => bringUpToDate(pod, place, options))
      : { reason: cleared.reason };
  if (step.fact !== undefined) await pod.append(step.fact);
  const isChanged = cleared.fact !== undefined || step.fact !== undefined;
  const { reason } = step;
  if (reason === undefined) return { isChanged, warnings: [] };
  const isThere = runtimeOfTwin(pod, url) !== undefined;
  const what = isThere
    ? 'keeps the runtime that it has'
    : 'carries no runtime, and is started by hosts with deskpod only';
  return { isChanged, warnings: [`${url} ${what}: ${reason}`] };
}

/**
 * Takes the runtime off a twin on which there is no room for the pod itself.
 *
 * @returns false if it had none
 * @throws DeskPodError what appending to the log throws
 */
export async function stripTwin(pod: Pod, place: EquippedPlace): Promise<boolean> {
  if (runtimeOfTwin(pod, place.url) === undefined) return false;
  const { fact } = await takeAway(place);
  await pod.append(fact);
  return true;
}

/** What was done with a twin's runtime. */
interface Step {
  /** What the log is to say; nothing if nothing was changed. */
  readonly fact?: Command;
  /** Why not more was done. */
  readonly reason?: string;
}

/** Takes `step`; what the drive or this host refuses is a reason, and no error. */
async function attempt(dir: string, step: () => Promise<Step>): Promise<Step> {
  try {
    return await step();
  } catch (error) {
    const told = storageError(error, dir);
    if (!isDeskPodError(told)) throw error;
    return { reason: `${told.message}. ${told.hint ?? ''}`.trimEnd() };
  }
}

/** Nobody misses it while the other one is written; where this host has none, it stays to be seen. */
async function takeAltered(pod: Pod, place: EquippedPlace): Promise<Step> {
  if (pod.state.runtime !== undefined) await findRuntimeImage();
  return takeAway(place);
}

async function bringUpToDate(
  pod: Pod,
  place: EquippedPlace,
  { neededBytes, onProgress }: EquipOptions,
): Promise<Step> {
  const { dir, url } = place;
  const known = runtimeOfTwin(pod, url);
  if (pod.state.runtime === undefined) return known === undefined ? {} : takeAway(place);
  const image = await findRuntimeImage();
  const deviceId = await deviceIdOf(pod, dir);
  const carried = await carriedBytes(dir);
  const free = await place.freeBytes();
  const isRoomFor = (sizeBytes: number): boolean => free + carried >= sizeBytes + neededBytes;
  const isCurrent = known?.deviceId === deviceId && (await isUpToDate(dir, known, image));
  if (isCurrent && isRoomFor(carried)) return {};
  if (!isCurrent && isRoomFor(image.sizeBytes) && free >= image.sizeBytes) {
    onProgress({ step: `copying the runtime to ${url}` });
    return { fact: { type: 'equipHome', equipment: { url, deviceId, ...(await putRuntime(dir, image)) } } };
  }
  const reason =
    `it has too little room: ${formatBytes(free)} are free, the runtime needs ${formatBytes(image.sizeBytes)} and the pod ` +
    `${formatBytes(neededBytes)} besides. Prune the pod and sync again, or take a larger device for a twin.`;
  return known !== undefined && !isRoomFor(carried) ? { ...(await takeAway(place)), reason } : { reason };
}

async function takeAway({ dir, url }: EquippedPlace): Promise<{ readonly fact: Command }> {
  await removeRuntime(dir);
  return { fact: { type: 'stripHome', url } };
}

async function deviceIdOf({ sealing }: Pod, dir: string): Promise<string> {
  return toHex(decodeMarker(await readMarkerFile(join(dir, MARKER_FILE)), sealing).deviceId);
}

async function isUpToDate(dir: string, known: CarriedRuntime, image: RuntimeImage): Promise<boolean> {
  if (known.sizeBytes !== image.sizeBytes || !(await seemsToCarry(dir, known))) return false;
  const { sha256, entrySha256 } = await describeImage(image);
  return known.sha256 === sha256 && known.entrySha256 === entrySha256;
}

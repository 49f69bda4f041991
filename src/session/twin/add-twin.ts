// Making a twin: an empty folder, or a device that is formatted for it, becomes a home that can be started.
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { equalBytes } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import { type Marker, peekMarker } from '../../core/marker.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { openTwinHome } from '../../sync/home/twin-home.ts';
import { requireOutside } from '../../sync/pod/add-home.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { MARKER_FILE, TREE_POD_DIR } from '../../sync/pod/pod-folder.ts';
import { asFollowed, bytesForTwin, newTwinMarker } from '../../sync/pod/twin.ts';
import { statusAt } from '../../sync/posix/path-status.ts';
import { formatDevice } from '../device/device.ts';
import type { SeenTarget } from '../device/seen-target.ts';
import { requireRoot } from '../host/root-rights.ts';
import { afterwards } from '../pod/afterwards.ts';
import { releaseUnfinished } from '../pod/release.ts';
import { isPlaceOf, mountDirOf, type TakeOptions, takePlace } from './twin-place.ts';
import { equipTwin } from './twin-runtime.ts';

/** What is to become a twin. */
export interface TwinPlan {
  /** Absolute: a block device or image file for a desktop, a folder for a tree pod. */
  readonly path: string;
  /** For an image file that is to be made. */
  readonly sizeBytes?: number;
  /** Erase what is on the device. */
  readonly isForced: boolean;
  /** What it looked like when somebody said so. */
  readonly seen?: SeenTarget;
}

/** A twin that was made. */
export interface AddedTwin {
  /** What it is called among the pod's homes. */
  readonly url: string;
  /** What is not well with it, in sentences. */
  readonly warnings: readonly string[];
}

/**
 * Makes a twin of this pod, and a home of the twin; one that is a twin of it already is taken as it is. It carries a runtime
 * if the pod's device does, this host has one, and there is room for it.
 *
 * @throws DeskPodError USAGE for the pod's own device, or one that its kind of pod cannot be on; HOME_ALREADY_KNOWN,
 * HOME_NOT_FOUND, POD_EXISTS, TARGET_NOT_EMPTY, DEVICE_*, ROOT_NEEDED; nothing has changed then
 */
export async function addTwin(pod: Pod, plan: TwinPlan, onProgress: ProgressListener): Promise<AddedTwin> {
  await requireAnother(pod, plan.path);
  return pod.state.kind === 'tree' ? makeFolder(pod, plan, onProgress) : makeDevice(pod, plan, onProgress);
}

async function makeFolder(pod: Pod, plan: TwinPlan, onProgress: ProgressListener): Promise<AddedTwin> {
  const { path, sizeBytes, isForced } = plan;
  const found = await statusAt(path);
  if ((found !== undefined && !found.isDirectory()) || sizeBytes !== undefined || isForced) {
    throw new DeskPodError(
      'USAGE',
      `${path}: expected a folder for the twin of a tree pod, without --size or --force`,
      {
        hint: 'Give an empty folder, or one that is not there yet.',
      },
    );
  }
  await requireOutside(pod, path);
  const marker = await markerAt(join(path, TREE_POD_DIR));
  if (marker !== undefined) requireOurTwin(pod, marker, path);
  else if (found === undefined) await makeEmptyFolder(path);
  else await requireEmpty(path);
  return furnish(pod, plan, { isFresh: true }, onProgress);
}

async function makeDevice(pod: Pod, plan: TwinPlan, onProgress: ProgressListener): Promise<AddedTwin> {
  const { path, sizeBytes, isForced, seen } = plan;
  requireRoot('making a twin of a desktop pod');
  if ((await statusAt(path))?.isDirectory() === true) {
    throw new DeskPodError(
      'USAGE',
      `${path}: expected a drive or an image file for the twin of a desktop, got a folder`,
      {
        hint: 'A folder can be another home: `deskpod home add FOLDER`, without --twin.',
      },
    );
  }
  if (!isForced && (await isOurTwin(pod, path))) return furnish(pod, plan, {}, onProgress);
  await releaseUnfinished(path);
  onProgress({ step: `formatting ${path}` });
  await formatDevice({
    path,
    force: isForced,
    contentBytes: await bytesForTwin(pod),
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    ...(seen === undefined ? {} : { seen }),
  });
  return furnish(pod, plan, { isFresh: true }, onProgress);
}

/** The marker is what makes it a twin; one that is there stays. Only then it is a home of the pod. */
async function furnish(
  pod: Pod,
  plan: TwinPlan,
  options: TakeOptions,
  onProgress: ProgressListener,
): Promise<AddedTwin> {
  const place = await takePlace(plan.path, options);
  return afterwards(
    async () => {
      const { dir, url } = place;
      const home = openTwinHome({ dir, url }, asFollowed(pod), newTwinMarker(pod, await place.findMedium()));
      const { state } = await home.probe();
      if (state !== 'ready') await home.initialise();
      await adopt(pod, url, plan);
      // nothing of the pod is there yet
      const { warnings } = await equipTwin(pod, place, { neededBytes: await bytesForTwin(pod), onProgress });
      await pod.publish();
      return { url, warnings };
    },
    () => place.release(),
  );
}

async function adopt(pod: Pod, url: string, { isForced }: TwinPlan): Promise<void> {
  const isKnown = pod.state.homes.some((home) => home.url === url);
  // what was erased for it is no longer what this home was, and has not gone back in time
  if (isKnown && isForced) await pod.append({ type: 'removeHome', url });
  await pod.append({ type: 'addHome', url });
}

async function requireAnother(pod: Pod, path: string): Promise<void> {
  if (!(await isPlaceOf(pod, path))) return;
  throw new DeskPodError('USAGE', `${path} is the device of this pod itself: it cannot be its own twin`, {
    hint: 'A twin is another device, kept elsewhere.',
  });
}

/** A device that a killed making of a twin left, or that was a home of this pod before. */
async function isOurTwin(pod: Pod, path: string): Promise<boolean> {
  if ((await mountDirOf(path)) === undefined) return false;
  const place = await takePlace(path, { isFresh: true });
  return afterwards(
    async () => {
      const marker = await markerAt(place.dir);
      return marker?.isTwin === true && equalBytes(marker.podId, pod.secrets.podId);
    },
    () => place.release(),
  );
}

function requireOurTwin(pod: Pod, marker: Marker, path: string): void {
  if (marker.isTwin && equalBytes(marker.podId, pod.secrets.podId)) return;
  throw new DeskPodError('POD_EXISTS', `${path}: holds a pod already`, {
    hint: 'Choose an empty folder for the twin.',
    details: { path },
  });
}

async function markerAt(dir: string): Promise<Marker | undefined> {
  const file = join(dir, MARKER_FILE);
  return (await statusAt(file)) === undefined ? undefined : peekMarker(await readFile(file));
}

async function makeEmptyFolder(path: string): Promise<void> {
  if ((await statusAt(dirname(path))) === undefined) {
    throw new DeskPodError(
      'HOME_NOT_FOUND',
      `${path}: there is no folder ${dirname(path)} to make a twin in`,
      {
        hint: 'Mount the drive that it shall lie on, or check the path.',
        details: { path },
      },
    );
  }
  await mkdir(path, { mode: 0o700 });
}

/** What a killed making of a twin left is no more than its pod folder, without a marker. */
async function requireEmpty(path: string): Promise<void> {
  const other = (await readdir(path)).find((name) => name !== TREE_POD_DIR && name !== 'lost+found');
  if (other === undefined) return;
  throw new DeskPodError(
    'TARGET_NOT_EMPTY',
    `${path}: expected an empty folder or none for a twin, got ${other}`,
    {
      hint: 'Give the twin a folder of its own: its files are laid out there when it is started.',
      details: { path, found: other },
    },
  );
}

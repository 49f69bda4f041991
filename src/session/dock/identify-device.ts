// What a device says that it is, before anything of it is mounted or proven.
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { refused } from '../../sync/dock/continuation.ts';
import { statusAt } from '../../sync/posix/path-status.ts';
import { isNoPod, type Place, Places } from '../dashboard/places.ts';
import { findStaging } from '../device/device.ts';

/**
 * The place with a pod at `path`.
 * @throws DeskPodError DOCK_REFUSED for a twin, and for what is no pod; DEVICE_NOT_A_POD, MARKER_DAMAGED, DEVICE_NOT_FOUND
 */
export async function identifyDevice(path: string): Promise<Place> {
  const real = await realpath(path).catch(() => resolve(path));
  let fault: unknown;
  const found = await new Places([path], async () => []).list((each) => {
    if (each.path === resolve(path) || each.path === real) fault = each.error;
  });
  const isFolder = (await statusAt(path))?.isDirectory() === true;
  const place = isFolder
    ? [...found.values()].find((each) => each.kind === 'folder' && each.path === real)
    : found.get((await findStaging(path)).id);
  if (place === undefined) {
    const isNone = fault === undefined || isNoPod(fault);
    throw isNone ? refused('stranger', `${path} carries no pod`, undefined, fault) : fault;
  }
  if (!place.marker.isTwin) return place;
  throw refused('twin', `${path} is a twin, which follows its pod and has nothing of its own to bring home`);
}

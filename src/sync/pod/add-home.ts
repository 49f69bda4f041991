// Taking a place as a home of a pod.
import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import type { Home } from '../home/home.ts';
import { parseHomeUrl } from '../home/home-url.ts';
import { openRsyncHome } from '../home/rsync-home.ts';
import { isSystemError } from '../repository/durable-file.ts';
import type { Pod } from './pod.ts';

/**
 * Makes the place at `url` a home of the pod; a folder that is missing or empty becomes a home first.
 *
 * @throws DeskPodError HOME_ALREADY_KNOWN, HOME_UNREACHABLE, HOME_NOT_FOUND, TARGET_NOT_EMPTY, TARGET_WRITE_FAILED,
 * USAGE, also for a folder within the pod
 */
export async function addHome(pod: Pod, url: string, home: Home = openRsyncHome(url)): Promise<void> {
  const { kind, path } = parseHomeUrl(url);
  if (kind === 'folder') await requireOutside(pod, path);
  const { state, cause } = await home.probe();
  if (state === 'unreachable') throw cause;
  if (state === 'missing') await home.initialise();
  await pod.append({ type: 'addHome', url });
  await pod.publish();
}

/**
 * Refuses a folder within the files of a tree pod: it would be lost together with them, and each checkpoint would hold what
 * the last sync had brought there.
 *
 * @throws DeskPodError USAGE
 */
export async function requireOutside({ state, folder }: Pod, path: string): Promise<void> {
  if (state.kind !== 'tree') return;
  const dir = await realpath(dirname(dirname(folder.markerFile)));
  if (!`${await realPlace(path)}/`.startsWith(`${dir}/`)) return;
  throw new DeskPodError('USAGE', `${path}: expected a place outside of the pod, got one within ${dir}`, {
    hint: 'Choose one on another drive: a home that lies in the pod is lost together with it.',
    details: { path, dir },
  });
}

/** Where a path leads, with every symbolic link followed in as much of it as is there. */
async function realPlace(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    // what else is wrong with it the home tells, when it is asked
    if (!isSystemError(error, 'ENOENT') || dirname(path) === path) return path;
    return join(await realPlace(dirname(path)), basename(path));
  }
}

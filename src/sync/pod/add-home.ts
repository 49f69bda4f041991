// Taking a place as a home of a pod.

import type { Home } from '../home/home.ts';
import { openRsyncHome } from '../home/rsync-home.ts';
import type { Pod } from './pod.ts';

/**
 * Makes the place at `url` a home of the pod; a folder that is missing or empty becomes a home first.
 *
 * @throws DeskPodError HOME_ALREADY_KNOWN, HOME_UNREACHABLE, HOME_NOT_FOUND, TARGET_NOT_EMPTY, TARGET_WRITE_FAILED,
 * USAGE
 */
export async function addHome(pod: Pod, url: string, home: Home = openRsyncHome(url)): Promise<void> {
  const { state, cause } = await home.probe();
  if (state === 'unreachable') throw cause;
  if (state === 'missing') await home.initialise();
  await pod.append({ type: 'addHome', url });
  await pod.publish();
}

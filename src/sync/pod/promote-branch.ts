// Promotion of a branch: the homes that keep a device's history as one go on with it, and keep what they had as a branch.
import { DeskPodError } from '../../core/errors.ts';
import { isTwinUrl } from '../home/home-url.ts';
import type { LendHome } from '../home/lend-home.ts';
import { newDeviceId } from './create-pod.ts';
import { readHomeHead } from './home-head.ts';
import { renewMarker } from './marker-file.ts';
import type { Pod } from './pod.ts';
import { findStanding } from './standing.ts';
import { requireFollower } from './tend-twin.ts';

/**
 * Takes the pod over at those homes that go on with another device: the log says so, with a new device id and an epoch
 * beyond theirs. The next sync to each of them moves its head. What cannot be reached stays as it is, and so does a twin,
 * which has no room for what it has beside this: that the sync says.
 *
 * @param url one home only
 * @returns the URLs of those homes; none if all go on with this device
 * @throws DeskPodError HOME_FENCED, HOME_FOREIGN if a twin that follows another device is meant; of one home also HOME_*;
 * SPACE_EXHAUSTED
 */
export async function promoteBranch(
  pod: Pod,
  url: string | undefined,
  lendHome: LendHome,
): Promise<readonly string[]> {
  const urls: string[] = [];
  let { epoch } = pod.state;
  const homes = pod.state.homes.filter((home) =>
    url === undefined ? !isTwinUrl(home.url) : home.url === url,
  );
  for (const known of homes) {
    try {
      await lendHome(known.url, {}, async ({ home }) => {
        const homeHead = await readHomeHead(home, pod);
        const standing = await findStanding(pod, home, known, homeHead?.head);
        if (homeHead === undefined || standing.kind === 'main') return;
        if (isTwinUrl(known.url)) requireFollower(pod, home, standing, homeHead);
        urls.push(known.url);
        epoch = Math.max(epoch, homeHead.head.epoch);
      });
    } catch (error) {
      // the sync that follows asks once more, and tells
      if (url !== undefined || !(error instanceof DeskPodError)) throw error;
    }
  }
  if (urls.length === 0) return urls;
  await pod.append({ type: 'promoteDevice', promotion: { deviceId: newDeviceId(), epoch: epoch + 1, urls } });
  await pod.publish();
  await renewMarker(pod);
  return urls;
}

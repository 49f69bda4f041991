// Lending the homes of a pod: those that rsync reaches as they are, twins mounted for as long as they are used.
import { dirname, join } from 'node:path';
import { toHex } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import type { Home } from '../../sync/home/home.ts';
import { isTwinUrl, parseHomeUrl } from '../../sync/home/home-url.ts';
import type { LendHome } from '../../sync/home/lend-home.ts';
import { openRsyncHome } from '../../sync/home/rsync-home.ts';
import { openTwinHome } from '../../sync/home/twin-home.ts';
import { peekMarkerIn } from '../../sync/keyring/unlock.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { MARKER_FILE } from '../../sync/pod/pod-folder.ts';
import { asFollowed } from '../../sync/pod/twin.ts';
import { afterwards } from '../pod/afterwards.ts';
import { AttachedTwin, type TakenTwin } from './attached-twin.ts';
import { isPlaceOf, isTwinHere, type TwinPlace, takePlace } from './twin-place.ts';
import { equipTwin, stripTwin } from './twin-runtime.ts';

/** What a sync lends the homes of this pod by. */
export function lendHomesOf(pod: Pod): LendHome {
  return async (url, settings, work) => {
    if (!isTwinUrl(url)) return work({ home: openRsyncHome(url, settings) });
    const place = await takePlace(parseHomeUrl(url).path);
    const home = openTwinHome({ dir: place.dir, url, ...settings }, asFollowed(pod));
    try {
      return await afterwards(
        () =>
          work({
            home,
            deviceId: () => deviceIdIn(place),
            freeBytes: () => place.freeBytes(),
            equip: (neededBytes, onProgress) =>
              equipTwin(pod, { ...place, url }, { neededBytes, onProgress }),
            strip: () => stripTwin(pod, { ...place, url }),
          }),
        () => place.release(),
      );
    } catch (error) {
      if (await isTwinHere(url)) throw error;
      throw new DeskPodError('HOME_AWAY', `the twin at ${place.path} was pulled out before it was done`, {
        hint: 'It has what its last sync brought. Plug it in and run `deskpod sync` again: it goes on where it stopped.',
        details: { url },
        cause: error,
      });
    }
  };
}

/** Lends any homes of this pod to `work`: a twin is mounted when it is first asked for something, until `work` has ended. */
export async function withHomesOf<T>(
  pod: Pod,
  work: (openHome: (url: string) => Home) => Promise<T>,
): Promise<T> {
  const twins: AttachedTwin[] = [];
  const openHome = (url: string): Home => {
    if (!isTwinUrl(url)) return openRsyncHome(url);
    const twin = new AttachedTwin(url, () => takeTwin(pod, url));
    twins.push(twin);
    return twin;
  };
  return afterwards(
    () => work(openHome),
    async () => {
      for (const twin of twins) await twin.release();
    },
  );
}

async function deviceIdIn({ dir, path }: TwinPlace): Promise<string> {
  return toHex((await peekMarkerIn({ markerFile: join(dir, MARKER_FILE), place: path })).deviceId);
}

async function takeTwin(pod: Pod, url: string): Promise<TakenTwin> {
  const { path } = parseHomeUrl(url);
  // a twin that is looked into finds itself among its pod's homes, and has itself taken already
  if (await isPlaceOf(pod, path))
    return { home: openIn(dirname(pod.folder.markerFile)), release: async () => undefined };
  const place = await takePlace(path);
  return { home: openIn(place.dir), release: () => place.release() };

  function openIn(dir: string): Home {
    return openTwinHome({ dir, url }, asFollowed(pod));
  }
}

// Whether a twin may be started without a question: its lease is out, and no home knows of more than it has.
import { join } from 'node:path';
import { equalBytes, toHex } from '../../core/bytes.ts';
import { isDeskPodError } from '../../core/errors.ts';
import type { HomeState } from '../../core/home-state.ts';
import { firstLeaseEnd, takeoverMs } from '../../core/lease.ts';
import type { Marker } from '../../core/marker.ts';
import { isTwinUrl } from '../../sync/home/home-url.ts';
import { openRsyncHome } from '../../sync/home/rsync-home.ts';
import { type Credential, peekMarkerIn } from '../../sync/keyring/unlock.ts';
import { placeId } from '../../sync/pod/device-place.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { MARKER_FILE } from '../../sync/pod/pod-folder.ts';
import { hasNewsAtHome } from '../../sync/pod/standing.ts';
import { withTwinPod } from '../../sync/pod/twin.ts';
import { afterwards } from '../pod/afterwards.ts';
import { takePlace } from './twin-place.ts';

type LeasedHome = Pick<HomeState, 'url' | 'leases'>;

/** What is known of a twin that is to be started. */
export type Takeover =
  /** Nobody needs to be asked. `reason`: in a sentence. */
  | { readonly isFree: true; readonly reason: string }
  /** `reason`: why the lease that it has does not count; undefined if it has none. */
  | { readonly isFree: false; readonly reason?: string };

/**
 * Judges the twin at `path`; changes nothing. A home that does not answer tells nothing: what was synced there last came to
 * this twin, or makes it a branch there.
 *
 * @throws DeskPodError PASSPHRASE_WRONG, KEYRING_NO_IDENTITY, POD_NOT_FOUND, and whatever damage is found
 */
export async function judgeTakeover(path: string, credential: Credential, nowMs: number): Promise<Takeover> {
  const place = await takePlace(path);
  return afterwards(
    () =>
      withTwinPod({ dir: place.dir, place: path }, credential, async (pod): Promise<Takeover> => {
        const marker = await peekMarkerIn({ markerFile: join(place.dir, MARKER_FILE), place: path });
        const deviceId = toHex(marker.deviceId);
        if (pod.state.deviceId === deviceId)
          return { isFree: true, reason: 'it had been started before, and goes on with that' };
        const own = pod.state.homes.find(({ leases }) => leases?.at(-1)?.deviceId === deviceId);
        if (own?.leases?.at(-1)?.leaseMs === undefined) return { isFree: false };
        const freeMs = takeoverMs(own);
        if (freeMs === undefined)
          return { isFree: false, reason: 'the clock was behind by which it was told how long to wait' };
        if (freeMs > nowMs)
          return { isFree: false, reason: `without a question from ${new Date(freeMs).toISOString()} on` };
        if (isElsewhere(marker, placeId(await place.findMedium(), pod.secrets.logKey)))
          return {
            isFree: false,
            reason: 'it lies on another medium than when it was made, as a copy would',
          };
        const other = firstLeaseEnd(pod.state.homes.map((home) => withoutLeasesOf(deviceId, home)));
        if (other !== undefined && other.endMs <= nowMs)
          return { isFree: false, reason: `the twin at ${other.url} may have been started as well` };
        const ahead = await findAhead(pod);
        if (ahead !== undefined) return { isFree: false, reason: `${ahead} has more of the pod` };
        return {
          isFree: true,
          reason:
            'it was started without a question, as nothing was synced to it for longer than it was to wait',
        };
      }),
    () => place.release(),
  );
}

/** What other twins were told; what none was told by name yet, none goes by. */
function withoutLeasesOf(deviceId: string, { url, leases = [] }: HomeState): LeasedHome {
  return {
    url,
    leases: leases.filter((lease) => lease.deviceId !== undefined && lease.deviceId !== deviceId),
  };
}

/** A copy goes by what its original was told; where nothing tells a medium from another, it is taken for the same. */
function isElsewhere({ placeId: known }: Pick<Marker, 'placeId'>, found: Uint8Array): boolean {
  const isTold = (id: Uint8Array): boolean => id.some((byte) => byte !== 0);
  return isTold(known) && isTold(found) && !equalBytes(known, found);
}

/** A home that knows a later state, or another device: then the pod lives on elsewhere. */
async function findAhead(pod: Pod): Promise<string | undefined> {
  for (const { url } of pod.state.homes.filter((home) => !isTwinUrl(home.url))) {
    try {
      if (await hasNewsAtHome(pod, openRsyncHome(url))) return url;
    } catch (error) {
      // one that cannot be asked, or read, tells nothing
      if (!isDeskPodError(error)) throw error;
    }
  }
  return undefined;
}

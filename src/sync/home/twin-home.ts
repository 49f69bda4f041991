// A twin as a home: a device that holds one pod's repository as it will use it when it takes the pod over.
import { equalBytes, toHex } from '../../core/bytes.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { Sealing } from '../../core/hashing.ts';
import { decodeMarker, type Marker, peekMarker } from '../../core/marker.ts';
import { MARKER_FILE, REPOSITORY_FOLDER, TREE_LOCK } from '../pod/pod-folder.ts';
import type { Home } from './home.ts';
import { type HomeLayout, requirePodId } from './home-layout.ts';
import { parseHomeUrl } from './home-url.ts';
import type { TransferSettings } from './lend-home.ts';
import { openFolderHome } from './rsync-home.ts';

/** The pod that a twin follows, as its device knows it. */
export interface FollowedPod {
  /** 16 bytes. */
  readonly podId: Uint8Array;
  /** Of the device that is followed. */
  readonly epoch: number;
  readonly sealing: Sealing;
}

/** Where a twin lies, and how it is reached. */
export interface TwinAccess extends TransferSettings {
  /** The folder of its marker and repository: a mounted device, or the pod folder of a tree. */
  readonly dir: string;
  readonly url: string;
}

/**
 * Opens a twin, without looking at it yet. It has no other pod, and is a home only as long as it was not started.
 *
 * @param blankMarker what makes it a twin, if it is to be made
 * @throws DeskPodError from all that the home does, besides what any home throws: HOME_FOREIGN if a device of another pod
 * is there or a device of this pod in its own right, HOME_FENCED if that is newer, MARKER_DAMAGED
 */
export function openTwinHome(access: TwinAccess, pod: FollowedPod, blankMarker?: Uint8Array): Home {
  const { dir, url, ...options } = access;
  return openFolderHome(dir, url, twinLayout(pod, blankMarker ?? new Uint8Array(0)), options);
}

function twinLayout(pod: FollowedPod, markerBytes: Uint8Array): HomeLayout {
  const podId = toHex(pod.podId);
  return {
    marker: MARKER_FILE,
    markerBytes,
    podsFolder: `${REPOSITORY_FOLDER}/`,
    bystanders: ['lost+found', TREE_LOCK],
    knows: (marker, url) => {
      requireTwinOf(marker, pod, url);
      return true;
    },
    podsAmong: (entries) => (entries.some(({ name }) => name !== '.' && name !== 'tmp') ? [podId] : []),
    podFolder: (id) => {
      if (requirePodId(id) !== podId) throw new TypeError(`expected pod ${podId}, got ${id}`);
      return REPOSITORY_FOLDER;
    },
  };
}

function requireTwinOf(markerBytes: Uint8Array, { podId, epoch, sealing }: FollowedPod, url: string): void {
  const found = readable(url, () => peekMarker(markerBytes));
  if (!equalBytes(found.podId, podId)) {
    throw new DeskPodError(
      'HOME_FOREIGN',
      `${url}: expected a twin of pod ${toHex(podId)}, got a device of pod ${toHex(found.podId)}`,
      {
        hint:
          'If it is in other use now, take it out of the homes with `deskpod home remove`, or give this pod another twin. If not, ' +
          `its marker is damaged: ${mending(url)}.`,
        details: { url, podId: toHex(found.podId) },
      },
    );
  }
  const marker = readable(url, () => decodeMarker(markerBytes, sealing));
  if (marker.isTwin) return;
  const details = { url, homeEpoch: marker.epoch, epoch, deviceId: toHex(marker.deviceId) };
  if (marker.epoch > epoch) {
    throw new DeskPodError(
      'HOME_FENCED',
      `${url} was started in the place of this device (epoch ${marker.epoch}, this device is of epoch ${epoch})`,
      {
        hint: 'It is the pod now, and no home any more. Other homes keep what this device has as a branch; take this one out with `deskpod home remove`.',
        details,
      },
    );
  }
  throw new DeskPodError(
    'HOME_FOREIGN',
    `${url}: expected a twin, got a device of this pod in its own right (epoch ${marker.epoch})`,
    {
      hint: 'Make a twin of it again with `deskpod home add DEVICE --force`, if what is on it may go.',
      details,
    },
  );
}

/** A marker says nothing of where it lies: whoever syncs to several homes is told of which one it is. */
function readable(url: string, decode: () => Marker): Marker {
  try {
    return decode();
  } catch (cause) {
    if (!isDeskPodError(cause)) throw cause;
    const { code, message } = cause;
    const hint = code === 'MARKER_DAMAGED' ? `What else is there may be whole: ${mending(url)}.` : cause.hint;
    const details = { ...cause.details, url };
    throw new DeskPodError(code, `${url}: ${message}`, { ...(hint && { hint }), details, cause });
  }
}

function mending(url: string): string {
  return `\`deskpod verify -d POD --home ${parseHomeUrl(url).path}\` writes it anew, if what lies beside it is of this pod`;
}

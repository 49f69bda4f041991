// How the place of a home is laid out: what makes it one, and where its pods lie.
import { DeskPodError } from '../../core/errors.ts';
import { HOME_MARKER } from './home.ts';
import type { Listed } from './rsync-listing.ts';

/** The layout of a home. Paths are relative to its place. */
export interface HomeLayout {
  /** The file that makes a place a home, so that an empty mount point is not taken for one. */
  readonly marker: string;
  /** What that file holds when a home is made. */
  readonly markerBytes: Uint8Array;
  /** The folder that holds the pods, with a slash at its end. */
  readonly podsFolder: string;
  /** What may lie besides in a place that becomes a home. */
  readonly bystanders: readonly string[];
  /**
   * Refuses a marker that is no home's.
   * @returns false if there is no home at all
   * @throws DeskPodError FORMAT_UNKNOWN, HOME_FOREIGN, MARKER_DAMAGED
   */
  knows(marker: Uint8Array, url: string): boolean;
  /** The ids of the pods, by what lies in `podsFolder`. */
  podsAmong(entries: readonly Listed[]): string[];
  /** The folder of a pod's repository. */
  podFolder(podId: string): string;
}

const MARKER_TEXT = 'DeskPod home 1\n';

/** A home for any number of pods. */
export const SHARED_LAYOUT: HomeLayout = {
  marker: HOME_MARKER,
  markerBytes: Buffer.from(MARKER_TEXT),
  podsFolder: 'pods/',
  bystanders: ['lost+found'],
  knows: (marker, url) => {
    const text = Buffer.from(marker).toString();
    if (text === MARKER_TEXT) return true;
    if (!text.startsWith('DeskPod home ')) return false;
    const version = text.trim().slice('DeskPod home '.length);
    throw new DeskPodError('FORMAT_UNKNOWN', `${url}: expected a home of version 1, got ${version}`, {
      details: { url },
    });
  },
  podsAmong: (entries) =>
    entries.filter(({ kind, name }) => kind === 'd' && /^[0-9a-f]{32}$/.test(name)).map(({ name }) => name),
  podFolder: (podId) => `pods/${requirePodId(podId)}`,
};

/** What is built into paths. @throws TypeError if it is none */
export function requirePodId(podId: string): string {
  if (!/^[0-9a-f]{32}$/.test(podId)) throw new TypeError(`expected a pod id in hexadecimal, got ${podId}`);
  return podId;
}

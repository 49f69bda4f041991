// The homes that this computer knows of without being told: what is mounted here, what pods in use name, twins that are plugged in.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeskPodError } from '../../core/errors.ts';
import { HOME_MARKER } from '../../sync/home/home.ts';
import { statusAt } from '../../sync/posix/path-status.ts';
import type { HomeOverview } from '../dashboard/contract.ts';
import { lookAtHomes } from '../dashboard/homes-here.ts';
import { Places } from '../dashboard/places.ts';
import { readMounts } from '../host/mount-table.ts';
import { STAGING_ROOT } from '../host/staging.ts';
import type { Operations } from '../operation/operations.ts';
import { callSupervisor } from '../supervisor/client.ts';

/** A place that a pod can be restored from. */
export interface FoundHome {
  /** A URL of a home, or the path of a twin. */
  readonly url: string;
  readonly kind: HomeOverview['kind'];
  /** What lies there, as far as it is seen without a key. */
  readonly pods: HomeOverview['pods'];
}

/** Where people keep such folders on a computer of their own. */
const USUAL_FOLDERS = ['/srv', '/mnt', '/media', '/var/backups', '/home', '/root'];
/** A folder with more is nobody's list of homes. */
const NAMES_MAX = 512;
const ANSWER_TIMEOUT_MS = 3000;

/**
 * Looks for homes.
 * @param named URLs that are looked at besides
 */
export async function findHomes(named: readonly string[] = []): Promise<FoundHome[]> {
  const twins: FoundHome[] = [];
  const urls = new Set(named);
  const places = await new Places([]).list(() => undefined);
  for (const { path, marker, supervisorSocket } of places.values()) {
    if (marker.isTwin) twins.push({ url: path, kind: 'twin', pods: [] });
    for (const url of await homesOf(supervisorSocket)) urls.add(url);
  }
  for (const folder of await homeFolders()) urls.add(folder);
  const homes = await lookAtHomes(urls);
  const usable = homes.filter(({ kind, state }) => kind !== 'twin' && state !== 'missing');
  return [...usable.map(({ url, kind, pods }) => ({ url, kind, pods })), ...twins];
}

/** What a pod whose session runs here names. One that does not answer names none. */
export async function homesOf(socket: string | undefined): Promise<string[]> {
  if (socket === undefined) return [];
  try {
    const answer = await callSupervisor<Operations['home-list']['answer']>(
      socket,
      'home-list',
      {},
      () => undefined,
      // one that is stopped does not keep anybody from the first question
      AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    );
    return answer.homes.map(({ url }) => url);
  } catch (error) {
    if (isDeskPodError(error)) return [];
    throw error;
  }
}

/** Homes at the top of what is mounted of drives, or one step below, and where people usually have them. */
async function homeFolders(): Promise<string[]> {
  const tops = (await readMounts())
    .filter(
      ({ deviceNumber, mountPoint }) =>
        !deviceNumber.startsWith('0:') && !mountPoint.startsWith(STAGING_ROOT),
    )
    .map(({ mountPoint }) => mountPoint);
  const people = await namesIn('/home');
  const folders = new Set([...tops, ...USUAL_FOLDERS, ...people.map((name) => join('/home', name))]);
  const found: string[] = [];
  for (const folder of folders) {
    const candidates = [folder, ...(await namesIn(folder)).map((name) => join(folder, name))];
    for (const candidate of candidates) if (await isHome(candidate)) found.push(candidate);
  }
  return [...new Set(found)];
}

async function namesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(unlessForbidden);
  const names = (entries ?? []).filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return names.length > NAMES_MAX ? [] : names;
}

async function isHome(folder: string): Promise<boolean> {
  return (await statusAt(join(folder, HOME_MARKER)).catch(unlessForbidden))?.isFile() === true;
}

/** What this user may not look into holds no home that he could restore from. */
function unlessForbidden(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  return undefined;
}

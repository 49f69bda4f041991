// Homes as they can be seen from this computer without any key: folders with the names, times and sizes of what lies there.
import { join } from 'node:path';
import { isDeskPodError } from '../../core/errors.ts';
import { peekHead } from '../../core/head.ts';
import type { KeptHeads } from '../../core/timeline.ts';
import { HOME_MARKER } from '../../sync/home/home.ts';
import { parseHomeUrl } from '../../sync/home/home-url.ts';
import { openRsyncHome } from '../../sync/home/rsync-home.ts';
import { statusAt } from '../../sync/posix/path-status.ts';
import { readPlainFile } from '../../sync/repository/plain-file.ts';
import { HomeFolder } from '../../sync/retention/home-folder.ts';
import { HomeInventories } from '../../sync/retention/home-inventories.ts';
import { isTwinHere } from '../twin/twin-place.ts';
import type { HomeOverview, PodAtHome } from './contract.ts';
import { told } from './http-answers.ts';
import { spaceAt } from './places.ts';

const KINDS = ['packs', 'segments', 'keyrings', 'bases', 'inventories', 'catalog', 'branches'];
/** Far more than a head has. */
const HEAD_MOST_BYTES = 4096;

/** Looks at homes. What is wrong with one stands in its own entry. */
export async function lookAtHomes(urls: Iterable<string>): Promise<HomeOverview[]> {
  const homes: HomeOverview[] = [];
  for (const url of urls) homes.push(await lookAtHome(url));
  return homes;
}

async function lookAtHome(url: string): Promise<HomeOverview> {
  const nothing = { space: undefined, pods: [], error: undefined };
  try {
    const { kind, path } = parseHomeUrl(url);
    if (kind === 'twin') {
      // what it holds is told by the twin itself, which is a pod of this computer then
      return { url, kind, state: (await isTwinHere(url)) ? 'here' : 'away', ...nothing };
    }
    if (kind !== 'folder') return { url, kind, state: 'elsewhere', ...nothing };
    if ((await statusAt(join(path, HOME_MARKER))) === undefined)
      return { url, kind, state: 'missing', ...nothing };
    const pods: PodAtHome[] = [];
    let error: HomeOverview['error'];
    for (const podId of await openRsyncHome(url).listPods()) {
      try {
        pods.push(await lookAtPod(join(path, 'pods', podId), podId));
      } catch (cause) {
        error = told(cause);
      }
    }
    return { url, kind, state: 'here', space: await spaceAt(path), pods, error };
  } catch (cause) {
    return { url, kind: 'folder', state: 'missing', ...nothing, error: told(cause) };
  }
}

async function lookAtPod(dir: string, podId: string): Promise<PodAtHome> {
  const files = await new HomeFolder(dir).list(KINDS);
  const countIn = (kind: string): number => files.filter(({ path }) => path.startsWith(`${kind}/`)).length;
  return {
    podId,
    head: await headAt(dir),
    sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    objectCount: files.length,
    headCount: countIn('inventories'),
    branchCount: countIn('branches'),
  };
}

async function headAt(dir: string): Promise<PodAtHome['head']> {
  const path = join(dir, 'head');
  const status = await statusAt(path);
  if (status === undefined) return undefined;
  const bytes = await readPlainFile(
    { path, code: 'HEAD_DAMAGED', subject: 'the head at home' },
    HEAD_MOST_BYTES,
  );
  const { seq, epoch } = peekHead(bytes);
  return { seq, epoch, receivedAtMs: status.mtimeMs };
}

/**
 * The heads of a pod's own history that its homes in folders of this computer have kept: what was forgotten on the device may
 * still be there. A home that cannot be read adds nothing.
 */
export async function keptHeads(urls: Iterable<string>, podId: string): Promise<KeptHeads[]> {
  const kept: KeptHeads[] = [];
  for (const url of urls) {
    try {
      const { kind, path } = parseHomeUrl(url);
      if (kind !== 'folder') continue;
      const folder = new HomeFolder(join(path, 'pods', podId));
      const headBytes = await folder.readHead();
      if (headBytes === undefined) continue;
      const heads = await new HomeInventories(folder).read(headBytes);
      const own = heads.filter(({ branch, fault }) => branch === undefined && fault === undefined);
      kept.push({ url, seqs: own.map(({ seq }) => seq) });
    } catch (error) {
      if (!isDeskPodError(error) && !isSystemFailure(error)) throw error;
    }
  }
  return kept;
}

function isSystemFailure(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code !== undefined;
}

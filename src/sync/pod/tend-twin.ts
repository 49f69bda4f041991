// What a twin needs after a sync that other homes do not: to be no larger than its pod, and to have room to be started.
import { DeskPodError } from '../../core/errors.ts';
import { decodeHead } from '../../core/head.ts';
import { packsInForce } from '../../core/packs-in-force.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { fold } from '../../core/state.ts';
import type { Home } from '../home/home.ts';
import { parseHomeUrl } from '../home/home-url.ts';
import type { Equipment, LentHome } from '../home/lend-home.ts';
import type { HomeHead } from './home-head.ts';
import type { Pod } from './pod.ts';
import { isOfThisLog, type Standing } from './standing.ts';
import { bytesToStart } from './twin.ts';

const MEBIBYTE = 1024 * 1024;

/**
 * A twin follows one device: it can become the pod of one history, and has no room for branches beside it.
 *
 * @throws DeskPodError HOME_FENCED if it follows a newer device, HOME_FOREIGN for another of the same epoch or an earlier one
 */
export function requireFollower(
  { state }: Pod,
  { url }: Home,
  standing: Standing,
  { head }: Pick<HomeHead, 'head'>,
): void {
  if (standing.kind === 'main') return;
  throw new DeskPodError(
    head.epoch > state.epoch ? 'HOME_FENCED' : 'HOME_FOREIGN',
    `${url} follows another device of this pod (epoch ${head.epoch}, this device is of epoch ${state.epoch})`,
    {
      hint:
        `It stays as it is, and may have what is newer: see \`deskpod status -d ${parseHomeUrl(url).path}\`. Other homes keep ` +
        'what this device has as a branch; for a twin of its own, give it another device.',
      details: { url, homeEpoch: head.epoch, epoch: state.epoch, forkSeq: standing.forkSeq },
    },
  );
}

/**
 * Tends a twin that has just been brought up to date. Its head is that of the log's end, or of one that differs by
 * acknowledgements only: nothing that it names needs what the log has removed. The pod itself comes first: what it leaves of
 * the room is for the runtime.
 */
export async function tendTwin(
  pod: Pod,
  { home, freeBytes, equip }: LentHome,
  onProgress: ProgressListener,
): Promise<Equipment> {
  const warnings = await removePruned(pod, home);
  const neededBytes = bytesToStart(pod);
  const equipment = await equip?.(neededBytes, onProgress);
  warnings.push(...(equipment?.warnings ?? []));
  const free = (await freeBytes?.()) ?? Number.POSITIVE_INFINITY;
  if (free < neededBytes) {
    const [has, needs] = [free, neededBytes].map((bytes) => `${Math.ceil(bytes / MEBIBYTE)} MiB`);
    warnings.push(
      `${home.url} has everything, but too little room to be started: ${has} are free, the files need ${needs}. ` +
        'Prune the pod and sync again, or take a larger device for a twin.',
    );
  }
  return { isChanged: equipment?.isChanged === true, warnings };
}

/** Takes the packs from the twin that the log has removed; other homes forget by their own time. */
async function removePruned(pod: Pod, home: Home): Promise<string[]> {
  try {
    await removePacks(pod, home, pod.state.packs.removed);
    return [];
  } catch (error) {
    if (!(error instanceof DeskPodError)) throw error;
    return [`What was pruned here stays on ${home.url}: ${error.message}. The next sync tries again.`];
  }
}

/**
 * Makes room on a twin that is full: packs that were pruned here, and that its own head does not need, go before it is
 * sent what it lacks. They came with a sync that did not end.
 *
 * @returns how many there were
 */
export async function makeRoomOnTwin(pod: Pod, home: Home): Promise<number> {
  const { podId, packs } = pod.state;
  const headBytes = await home.head(podId);
  const head = headBytes === undefined ? undefined : decodeHead(headBytes, pod.sealing);
  // of another device that this one replaced: what that head needs, this log does not tell
  if (head !== undefined && !(await isOfThisLog(pod, head))) return 0;
  const headSeq = head?.seq ?? 0;
  const there = fold((await pod.events(1)).filter(({ seq }) => seq <= headSeq));
  const isNeeded = packsInForce(there.packs);
  return removePacks(
    pod,
    home,
    packs.removed.filter((name) => !isNeeded.has(name)),
  );
}

async function removePacks(
  { repository, state }: Pod,
  home: Home,
  packs: readonly string[],
): Promise<number> {
  if (packs.length === 0) return 0;
  const places = packs.map((name) => repository.objectPath('packs', name).slice(repository.dir.length + 1));
  const present = await home.list(state.podId);
  const gone = places.filter((place) => present.has(place));
  await home.remove(state.podId, gone);
  return gone.length;
}

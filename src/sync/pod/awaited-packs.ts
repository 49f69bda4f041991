// Packs in force that have not come to this device yet: fetched later, and never taken for something that a home was sent.
import { DeskPodError } from '../../core/errors.ts';
import { packsInForce } from '../../core/packs-in-force.ts';
import type { Home } from '../home/home.ts';
import { objectPlace } from '../verify/damage.ts';
import type { Pod } from './pod.ts';

/** The packs in force that are not on the device, oldest first, each with the position of the log that named it. */
export async function packsNotHere({ repository, state }: Pod): Promise<Map<string, number>> {
  const notHere = packsInForce(state.packs);
  for (const name of await repository.listObjects('packs')) notHere.delete(name);
  return notHere;
}

/**
 * A head says that home has everything before it, and no later sync asks again: while older history is awaited, the head
 * of a home that has everything up to `homeSeq` must not move past packs that the device cannot send and home does not have.
 *
 * @throws DeskPodError HISTORY_AWAITED if there is such a pack; of home as {@link Home.list}
 */
export async function requireHistory(pod: Pod, home: Home, homeSeq: number): Promise<void> {
  const { repository, state } = pod;
  if (state.awaited === undefined) return;
  const unsent = [...(await packsNotHere(pod))].filter(([, seq]) => seq > homeSeq);
  if (unsent.length === 0) return;
  const places = unsent.map(([name]) => objectPlace(repository, { kind: 'packs', name }));
  const atHome = await home.list(state.podId, places);
  const lacking = places.filter((place) => !atHome.has(place));
  if (lacking.length === 0) return;
  throw new DeskPodError(
    'HISTORY_AWAITED',
    `${home.url}: expected ${lacking[0]} here or there, got none (${lacking.length} packs of older checkpoints are awaited)`,
    {
      hint: 'Run `deskpod verify` first, which fetches the older history, or wait until the session has; then sync again.',
      details: { url: home.url, packCount: lacking.length },
    },
  );
}

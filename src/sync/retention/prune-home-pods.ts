// Pruning a home as a whole: each pod on its own, so that what is wrong with one keeps no other from it.
import { join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { requirePolicy } from '../../core/retention.ts';
import { parseHomeUrl } from '../home/home-url.ts';
import { openRsyncHome } from '../home/rsync-home.ts';
import { HomeFolder } from './home-folder.ts';
import { type HomePrunePlan, type HomePruneReport, pruneHomeFolder } from './prune-home.ts';

/** A pod that could not be pruned at home. */
export interface HomePruneFailure {
  readonly podId: string;
  readonly error: unknown;
}

/**
 * Prunes the pods of the home in a folder of this host, or the one whose id begins with `wanted`.
 *
 * @throws DeskPodError USAGE for a policy that keeps nothing, and for a home elsewhere; HOME_NOT_FOUND; POD_NOT_FOUND
 */
export async function pruneHomePods(
  url: string,
  wanted: string | undefined,
  plan: HomePrunePlan,
): Promise<(HomePruneReport | HomePruneFailure)[]> {
  requirePolicy(plan.policy);
  const address = parseHomeUrl(url);
  if (address.kind !== 'folder') {
    throw new DeskPodError('USAGE', `expected a folder of this host, got ${url}`, {
      hint: 'A home is pruned on the computer that it lies on, and by its clock: run the command there.',
    });
  }
  const podIds = (await openRsyncHome(url).listPods()).filter((podId) => podId.startsWith(wanted ?? ''));
  if (podIds.length === 0) {
    throw new DeskPodError('POD_NOT_FOUND', `${url} has no pod${wanted === undefined ? '' : ` ${wanted}`}`, {
      hint: 'See what it has with `deskpod restore --list --from FOLDER`.',
    });
  }
  const outcomes: (HomePruneReport | HomePruneFailure)[] = [];
  for (const podId of podIds) {
    try {
      outcomes.push(await pruneHomeFolder(new HomeFolder(join(address.path, 'pods', podId)), podId, plan));
    } catch (error) {
      outcomes.push({ podId, error });
    }
  }
  return outcomes;
}

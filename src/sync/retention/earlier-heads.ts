// The heads that a home has received earlier, as their inventories keep them.
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { branchHeadName } from '../../core/head.ts';
import { decodeInventory } from '../../core/inventory.ts';
import { hashing } from '../hashing.ts';
import type { Home } from '../home/home.ts';
import type { Repository } from '../repository/repository.ts';

/**
 * The bytes of the heads at a position, of the inventories in `repository`, without those that are of branches there;
 * nothing is proven. More than one is there if somebody put it there, or if two devices were at home.
 *
 * @throws DeskPodError OBJECT_DAMAGED, HEAD_DAMAGED if none of them can be read
 */
export async function findEarlierHeads(repository: Repository, seq: number): Promise<Uint8Array[]> {
  const heads: Uint8Array[] = [];
  const ofBranches = new Set(await repository.listObjects('branches'));
  let damage: unknown;
  for (const name of await repository.listObjects('inventories')) {
    if (seqIn(name) !== seq) continue;
    try {
      const { headBytes } = decodeInventory(await repository.readObject('inventories', name));
      if (!ofBranches.has(branchHeadName(headBytes, hashing))) heads.push(headBytes);
    } catch (error) {
      if (!isDeskPodError(error)) throw error;
      damage ??= error;
    }
  }
  if (heads.length === 0 && damage !== undefined) throw damage;
  return heads;
}

/** The positions of the heads of home's own history of a pod, ascending. @throws DeskPodError HOME_* */
export async function listEarlierHeads(home: Home, podId: string): Promise<number[]> {
  const paths = [...(await home.list(podId)).keys()];
  const counts = new Map<number, number>();
  for (const path of paths) {
    const { kind, name } =
      /^(?<kind>inventories|branches)\/(?<name>\d{12}-[0-9a-f]{64})$/.exec(path)?.groups ?? {};
    if (name === undefined) continue;
    // each head of a branch has an inventory, too
    counts.set(seqIn(name), (counts.get(seqIn(name)) ?? 0) + (kind === 'branches' ? -1 : 1));
  }
  return [...counts].flatMap(([seq, count]) => (count > 0 ? [seq] : [])).sort((a, b) => a - b);
}

/** @throws DeskPodError CHECKPOINT_NOT_FOUND if home has no head at this position, naming those that it has */
export async function requireEarlierHead(home: Home, podId: string, seq: number): Promise<void> {
  const positions = await listEarlierHeads(home, podId);
  if (positions.includes(seq)) return;
  const known = positions.length === 0 ? '' : `; it has ${positions.join(', ')}`;
  throw new DeskPodError('CHECKPOINT_NOT_FOUND', `${home.url} has no head at position ${seq}${known}`, {
    hint: 'It may have been pruned at home. Choose another one, or leave --head out for the present one.',
    details: { seq, positions },
  });
}

function seqIn(name: string): number {
  return Number(name.slice(0, 12));
}

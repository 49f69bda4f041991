// Packs that no event names yet: what was stored since the last checkpoint, also by a capture that failed or was killed.
import { packsInForce } from '../../core/packs-in-force.ts';
import type { StoredPack } from '../repository/chunk-writer.ts';
import type { Pod } from './pod.ts';

/**
 * Every pack of the repository that no event names: the next one to be sealed names them all. It may refer to
 * chunks that an interrupted capture left, as the chunk index finds them there; and what it does not refer to has a
 * checkpoint to which it is counted all the same. Costs one listing of the packs and a look at each that is found.
 */
export async function findUnnamedPacks({ repository, state }: Pod): Promise<StoredPack[]> {
  const named = packsInForce(state.packs);
  const unnamed: StoredPack[] = [];
  for (const name of await repository.listObjects('packs')) {
    if (!named.has(name)) unnamed.push({ name, sizeBytes: await repository.objectSize('packs', name) });
  }
  return unnamed;
}

// Brings a chunk index up to date with the packs that a repository holds.
import type { ChunkIndex } from './chunk-index.ts';
import { PackFile } from './pack-file.ts';
import type { Repository } from './repository.ts';

/**
 * Takes in the packs that `index` does not reflect and forgets those that are gone. Returns how many of each. Throws
 * OBJECT_DAMAGED or PACK_DAMAGED for a new pack that can not be read; what was taken in before stays.
 */
export async function refreshChunkIndex(
  index: ChunkIndex,
  repository: Repository,
  identity: string,
): Promise<{ addedCount: number; removedCount: number }> {
  const present = await repository.listObjects('packs');
  const names = new Set(present);
  const gone = [...index.packs()].filter((name) => !names.has(name));
  for (const name of gone) await index.removePack(name);
  const fresh = present.filter((name) => !index.packs().has(name));
  for (const name of fresh) {
    const pack = await PackFile.open(repository, name, identity);
    try {
      await index.addPack(name, await pack.entries());
    } finally {
      await pack.close();
    }
  }
  return { addedCount: fresh.length, removedCount: gone.length };
}

// Brings a chunk index up to date with the packs that a repository holds.
import { isDeskPodError } from '../../core/errors.ts';
import type { PackEntry } from '../../core/pack.ts';
import type { ChunkIndex } from './chunk-index.ts';
import { PackFile } from './pack-file.ts';
import type { Repository } from './repository.ts';

/** What a refresh found. */
export interface RefreshedIndex {
  readonly addedCount: number;
  readonly removedCount: number;
  /**
   * Packs that can not be read. Their chunks count as absent: what is written again is stored again, and what is only
   * there is CHUNK_MISSING.
   */
  readonly damagedPacks: readonly string[];
}

/** Takes in the packs that `index` does not reflect and forgets those that are gone. */
export async function refreshChunkIndex(
  index: ChunkIndex,
  repository: Repository,
  identity: string,
): Promise<RefreshedIndex> {
  const present = await repository.listObjects('packs');
  const names = new Set(present);
  const gone = [...index.packs()].filter((name) => !names.has(name));
  for (const name of gone) await index.removePack(name);
  const fresh = present.filter((name) => !index.packs().has(name));
  const damagedPacks: string[] = [];
  for (const name of fresh) {
    try {
      await index.addPack(name, await readEntries(repository, name, identity));
    } catch (error) {
      if (!isDeskPodError(error)) throw error;
      damagedPacks.push(name);
    }
  }
  return { addedCount: fresh.length - damagedPacks.length, removedCount: gone.length, damagedPacks };
}

/** What is added to the message about a chunk that no pack holds: those that could not be asked. Empty if there are none. */
export function describeUnread(damagedPacks: readonly string[]): string {
  const [first, ...others] = damagedPacks;
  if (first === undefined) return '';
  return `; packs/${first}${others.length === 0 ? '' : ` and ${others.length} more`} can not be read`;
}

/** The chunks that a pack holds, by its own index. Throws OBJECT_MISSING, OBJECT_DAMAGED or PACK_DAMAGED. */
export async function readEntries(
  repository: Repository,
  name: string,
  identity: string,
): Promise<PackEntry[]> {
  const pack = await PackFile.open(repository, name, identity);
  try {
    return await pack.entries();
  } finally {
    await pack.close();
  }
}

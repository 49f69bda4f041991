// The manifests walked while packs are still being read, by what the chunk index promises.
import type { Content } from '../repository/content.ts';
import type { treesOf } from './losses.ts';
import { ManifestWalk } from './manifest-walk.ts';

/**
 * True if every chunk that `trees` need is in the chunk index, and their manifests can be read. That means something only
 * if the packs turn out to hold what the index says. Anything else is false, also that `signal` ended it, whatever it was: the walk that follows when
 * all packs are known says what it is, and that walk's failures are told.
 */
export async function walkByIndex(
  content: Content,
  trees: readonly ReturnType<typeof treesOf>[number][],
  signal?: AbortSignal,
): Promise<boolean> {
  const walk = new ManifestWalk(content.asIndexed, { has: (id) => content.hasChunk(id) });
  try {
    for (const { root } of trees) {
      if (signal?.aborted === true) return false;
      const { listFault, lacksChunks } = await walk.walk(root);
      if (listFault !== undefined || lacksChunks) return false;
    }
    return true;
  } catch {
    return false;
  }
}

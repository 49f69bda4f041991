// What is lost: the files of checkpoints whose content lies nowhere any more, by name.
import { ManifestDecoder, type ManifestEntry } from '../../core/manifest.ts';
import type { Root } from '../../core/root.ts';
import type { Checkpoint } from '../../core/state.ts';
import { type PathReport, reportPath } from '../browse/browse-path.ts';
import type { Content } from '../repository/content.ts';
import { isDamage } from './damage.ts';
import type { KnownChunks } from './known-chunks.ts';

/** What a checkpoint has lost of one of its trees. */
export interface LostTree {
  readonly checkpoint: number;
  /** The files, or the images of its processes. */
  readonly tree: 'files' | 'images';
  /** Why its list of entries ends early: what comes after the last of them is not known by name. */
  readonly listFault?: string;
  readonly files: readonly PathReport[];
}

/** The trees of a checkpoint. */
export function treesOf({ number, files, images }: Checkpoint): {
  readonly checkpoint: number;
  readonly tree: LostTree['tree'];
  readonly root: Root;
}[] {
  const trees = [{ checkpoint: number, tree: 'files' as const, root: files }];
  return images === undefined ? trees : [...trees, { checkpoint: number, tree: 'images', root: images }];
}

/**
 * Names the files under a root that need a chunk which is not `known`; every name of one that has several. Memory goes
 * with what is lost, not with what is there.
 */
export async function nameLosses(
  content: Content,
  known: KnownChunks,
  root: Root,
): Promise<Pick<LostTree, 'files' | 'listFault'>> {
  const decoder = new ManifestDecoder();
  const lostGroups = new Set<number>();
  const files: PathReport[] = [];
  const isLost = ({ chunkIds, hardlinkGroup }: ManifestEntry): boolean => {
    const isHere = lostGroups.has(hardlinkGroup) || chunkIds.some((id) => !known.has(id));
    if (isHere && hardlinkGroup > 0) lostGroups.add(hardlinkGroup);
    return isHere;
  };
  try {
    for await (const piece of content.readRoot(root)) {
      for (const entry of decoder.push(piece)) if (isLost(entry)) files.push(reportPath(entry.path));
    }
    decoder.end();
    return { files };
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { files, listFault: error.message };
  }
}

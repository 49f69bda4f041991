// Giving up packs that nothing can bring back: what is whole in them is copied out, and nothing counts on the rest any more.
import type { PackEntry } from '../../core/pack.ts';
import { recipientOf } from '../age/age.ts';
import type { Pod } from '../pod/pod.ts';
import { refreshChunkIndex } from '../repository/chunk-index-refresh.ts';
import { PackCopy } from '../retention/pack-copy.ts';
import type { Crew } from '../workers/crew.ts';

/** A pack that is damaged or missing, with the chunks that were proven in it. */
export interface GivenUpPack {
  readonly name: string;
  readonly whole: readonly PackEntry[];
}

/**
 * Puts packs with the whole chunks in the place of damaged ones. The next checkpoint then stores again what the files
 * still have of the others. Killed at any moment, either set of packs is in force.
 * @throws DeskPodError SPACE_EXHAUSTED; nothing is given up then
 */
export async function giveUpPacks(pod: Pod, crew: Crew, packs: readonly GivenUpPack[]): Promise<void> {
  const { repository, projections, secrets, content } = pod;
  const { identity } = secrets;
  const source = {
    repository,
    index: projections.chunks,
    identity,
    recipient: await recipientOf(identity),
    crew,
  };
  const added: string[] = [];
  for (const { name, whole } of packs) {
    if (whole.length === 0) continue;
    // one after the other: chunks of different sorts do not come to lie together
    const copy = new PackCopy(source);
    await copy.take(name, whole, () => 0);
    added.push(...(await copy.flush()).map((stored) => stored.name));
  }
  const removed = packs.map(({ name }) => name);
  await pod.append({ type: 'prunePacks', added, removed });
  await pod.publish();
  await content.forgetPacks(removed, added);
  // chunks that lie in yet another pack are found again
  await projections.chunks.clear();
  await refreshChunkIndex(projections.chunks, repository, identity);
  await repository.deleteRemovedPacks(removed);
}

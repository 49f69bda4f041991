// The packs that one checkpoint needs, fetched before all others: with them the pod can be used, and the rest comes later.
import { basename, join } from 'node:path';
import { fromHex } from '../../core/bytes.ts';
import type { ManifestEntry } from '../../core/manifest.ts';
import { packsInForce } from '../../core/packs-in-force.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Root } from '../../core/root.ts';
import type { PodState } from '../../core/state.ts';
import { FetchingContent, idsOf } from '../browse/fetching-content.ts';
import { HomePacks, lookInto } from '../browse/home-packs.ts';
import { readManifest } from '../browse/manifest-stream.ts';
import { parseHomeUrl } from '../home/home-url.ts';
import { MemoryChunkIndex } from '../repository/chunk-index.ts';
import { Content } from '../repository/content.ts';
import { Repository } from '../repository/repository.ts';
import { withScratchFolder } from '../scratch-folder.ts';
import type { FetchablePod } from './objects-at-home.ts';
import { foldRecords } from './pod.ts';

/** A tick of the kernel's clock, by which times of files may lag behind it. */
const TICK_MS = 10;

/** How the packs are fetched. */
export interface CheckpointFetch {
  readonly surveyed: FetchablePod;
  /** Where they go; what is there already is not fetched. */
  readonly repository: Repository;
  readonly onProgress: ProgressListener;
  readonly signal?: AbortSignal;
}

/**
 * Fetches packs until every chunk of the surveyed checkpoint is here, its files' and its process images'. A home in a folder is
 * looked into for which they are; of another those are tried first in which a chunk most likely is, so some that are not
 * needed come, too.
 *
 * @throws DeskPodError HOME_*, SPACE_EXHAUSTED, MANIFEST_DAMAGED; CHUNK_MISSING if home has it in no pack; the signal's reason
 */
export async function fetchCheckpointPacks(plan: CheckpointFetch): Promise<void> {
  const { surveyed, repository, onProgress, signal } = plan;
  const { home, podId, checkpoint, records, unlocked, sizes } = surveyed;
  const { secrets } = unlocked.keyring;
  const state = foldRecords(records);
  repository.passOver(state.packs.removed);
  const exact = await findPacks(plan, state);
  if (exact.length > 0) {
    await home.pull(podId, repository.dir, {
      objects: exact,
      sizes,
      onProgress: (progress) => onProgress({ ...progress, step: `fetching from ${home.url}` }),
      ...(signal === undefined ? {} : { signal }),
    });
  }
  const index = new MemoryChunkIndex();
  const content = await Content.open(repository, index, secrets);
  try {
    const packs = await HomePacks.open({
      ...{ home, podId, repository, onProgress, packs: packsInForce(state.packs) },
      ...(signal === undefined ? {} : { signal }),
    });
    const fetching = new FetchingContent({
      ...{ content, index, packs, repository, identity: secrets.identity },
    });
    const { files, images, seq } = checkpoint;
    const bring = async (root: Root, placeOf: (entry: ManifestEntry) => number): Promise<void> => {
      const reader = { readRoot: (wanted: Root) => fetching.readRootNear(wanted, [seq]) };
      for await (const entries of readManifest(reader, root)) {
        signal?.throwIfAborted();
        for (const entry of entries)
          if (entry.kind === 'file') await fetching.bring(entry.chunkIds, [placeOf(entry)]);
      }
    };
    if (images !== undefined) await bring(images, () => seq);
    await bring(files, (entry) => likelyPlace(state, entry));
  } finally {
    await content.close();
  }
}

/** A file's content most likely came with the first checkpoint after the file was written. */
function likelyPlace({ checkpoints }: PodState, { mtimeNs }: ManifestEntry): number {
  const writtenMs = Number(mtimeNs / 1_000_000n) + TICK_MS;
  return (checkpoints.find(({ atMs }) => atMs >= writtenMs) ?? checkpoints.at(-1))?.seq ?? 0;
}

/** The packs that the checkpoint needs, as paths, by what their own indexes say at home; none if home is not in a folder of this host. */
async function findPacks({ surveyed, signal }: CheckpointFetch, state: PodState): Promise<string[]> {
  const { home, podId, checkpoint, objects, unlocked } = surveyed;
  const address = parseHomeUrl(home.url);
  if (address.kind !== 'folder') return [];
  const podDir = join(address.path, 'pods', podId);
  return withScratchFolder(async (dir) => {
    const there = await Repository.create(dir);
    there.passOver(state.packs.removed);
    await lookInto(dir, podDir);
    const index = new MemoryChunkIndex();
    const content = await Content.open(there, index, unlocked.keyring.secrets);
    try {
      const names = new Set<string>();
      const note = (ids: readonly Uint8Array[]): void => {
        for (const id of ids) names.add(index.locate(id)?.pack ?? '');
      };
      for (const root of [checkpoint.images, checkpoint.files]) {
        if (root === undefined) continue;
        note(await idsUnder(content, root));
        for await (const entries of readManifest(content, root)) {
          signal?.throwIfAborted();
          for (const entry of entries) if (entry.kind === 'file') note(entry.chunkIds);
        }
      }
      return objects.filter((path) => path.startsWith('packs/') && names.has(basename(path, '.age')));
    } finally {
      await content.close();
    }
  });
}

/** The ids of all chunks that a byte string is made of, those of its lists included. */
async function idsUnder(content: Content, { id, depth }: Root): Promise<Uint8Array[]> {
  let ids: Uint8Array[] = [fromHex(id)];
  const all = [...ids];
  for (let level = 0; level < depth; level++) {
    const lists: Uint8Array[] = [];
    for await (const list of content.readChunks(ids)) lists.push(list);
    ids = idsOf(Buffer.concat(lists));
    all.push(...ids);
  }
  return all;
}

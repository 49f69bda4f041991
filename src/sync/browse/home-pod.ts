// A pod at home, looked into where it lies: without a device, and without changing anything there.
import { join } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { ManifestEntry } from '../../core/manifest.ts';
import { packsInForce } from '../../core/packs-in-force.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Root } from '../../core/root.ts';
import type { PodState } from '../../core/state.ts';
import { parseHomeUrl } from '../home/home-url.ts';
import { openRsyncHome } from '../home/rsync-home.ts';
import type { Credential } from '../keyring/unlock.ts';
import { foldRecords, toLoggedEvent } from '../pod/pod.ts';
import { choosePod } from '../pod/rebuild.ts';
import { lacking, surveyPod } from '../pod/survey.ts';
import { MemoryChunkIndex } from '../repository/chunk-index.ts';
import { Content } from '../repository/content.ts';
import { Repository } from '../repository/repository.ts';
import { withScratchFolder } from '../scratch-folder.ts';
import { type BrowsedContent, type BrowsedPod, proofBy } from './browsed-pod.ts';
import { FetchingContent } from './fetching-content.ts';
import { HomePacks, lookInto } from './home-packs.ts';

/** Which pod at which home. */
export interface HomePodAccess {
  readonly url: string;
  /** Its id, or how that begins; needed if home has several. */
  readonly podId?: string;
  /** A branch of it, or how its name begins; home's own history without it. */
  readonly branch?: string;
  readonly credential: Credential;
  readonly onProgress: ProgressListener;
}

/**
 * Lends `work` a pod at home. What lies in a folder of this host is read where it is; from another host those packs are
 * fetched that are needed, into a scratch folder that is removed afterwards.
 * @throws DeskPodError HOME_*, POD_NOT_FOUND, BRANCH_NOT_FOUND, PASSPHRASE_WRONG, KEYRING_NO_IDENTITY, CHECKPOINT_NOT_FOUND, OBJECT_*;
 * HOME_DAMAGED if a pack that is needed is missing or can not be read; what `work` throws
 */
export async function withHomePod<T>(
  access: HomePodAccess,
  work: (pod: BrowsedPod) => Promise<T>,
): Promise<T> {
  const { url, credential, onProgress, branch } = access;
  onProgress({ step: `looking at ${url}` });
  const home = openRsyncHome(url);
  const podId = await choosePod(home, access.podId);
  const { unlocked, records } = await surveyPod({
    home,
    podId,
    credential,
    ...(branch === undefined ? {} : { branch }),
  });
  const { secrets } = unlocked.keyring;
  const state = foldRecords(records);
  return withScratchFolder(async (dir) => {
    const repository = await Repository.create(dir);
    repository.passOver(state.packs.removed);
    const index = new MemoryChunkIndex();
    const address = parseHomeUrl(url);
    if (address.kind === 'folder') await lookInto(dir, join(address.path, 'pods', podId));
    const content = await Content.open(repository, index, secrets);
    try {
      const packs = await HomePacks.open({
        ...{ home, podId, repository, onProgress },
        packs: packsInForce(state.packs),
      });
      const fetching =
        address.kind === 'folder'
          ? undefined
          : new FetchingContent({ content, index, packs, repository, identity: secrets.identity });
      const pod = {
        place: url,
        state,
        content: fetching === undefined ? content : guided(fetching, state),
        proof: fetching?.proofWith(secrets.chunkIdKey) ?? proofBy(index, secrets.chunkIdKey),
        ...(fetching === undefined
          ? {}
          : { expect: (entry: ManifestEntry) => expectFile(fetching, state, entry) }),
        fetched: () => packs.fetched,
        events: async (since: number) => records.filter(({ seq }) => seq >= since).map(toLoggedEvent),
      };
      return await work(pod).catch((error: unknown) => {
        throw explain(error, url, packs.missing, fetching?.damagedPacks ?? content.damagedPacks);
      });
    } finally {
      await content.close();
    }
  });
}

/** Manifests lie near their checkpoint. */
function guided(content: FetchingContent, { checkpoints }: PodState): BrowsedContent {
  return {
    readChunk: (id) => content.readChunk(id),
    readChunks: (ids) => content.readChunks(ids),
    place: (id, place) => content.place(id, place),
    makeFile: (id, sizeBytes, file) => content.makeFile(id, sizeBytes, file),
    readRoot: (root: Root) =>
      content.readRootNear(
        root,
        checkpoints
          .filter(({ files, images }) => files.id === root.id || images?.id === root.id)
          .map(({ seq }) => seq),
      ),
  };
}

/**
 * How much the kernel's times of files may lag behind its clock: a tick. A checkpoint takes longer than that from reading a
 * file to its seal.
 */
const TICK_MS = 10;

/** A file's content most likely came with the first checkpoint after the file was written. */
function expectFile(
  content: FetchingContent,
  { checkpoints }: PodState,
  { kind, mtimeNs }: ManifestEntry,
): void {
  if (kind !== 'file') return;
  const writtenMs = Number(mtimeNs / 1_000_000n) + TICK_MS;
  const likely = checkpoints.find(({ atMs }) => atMs >= writtenMs) ?? checkpoints.at(-1);
  if (likely !== undefined) content.expectNear(likely.seq);
}

/** A chunk that is in no pack: it is the pack that has to be brought back. */
function explain(
  error: unknown,
  url: string,
  missing: readonly string[],
  damaged: readonly string[],
): unknown {
  if (!isDeskPodError(error, 'CHUNK_MISSING')) return error;
  const [pack] = missing;
  if (pack !== undefined) return lacking(url, pack, error);
  const [name] = damaged;
  if (name === undefined) return error;
  return new DeskPodError('HOME_DAMAGED', `${url}: pack ${name} can not be read`, {
    hint: 'Check that home with `deskpod verify`, or restore from another one.',
    details: { url, damaged },
    cause: error,
  });
}

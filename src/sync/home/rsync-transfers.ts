// Objects on their way to and from a home that rsync reaches.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { withScratchFolder } from '../scratch-folder.ts';
import type { PullOptions, PushOptions, PushReport, TransferOptions } from './home.ts';
import { lengthsOf } from './object-lengths.ts';
import {
  keepAllLeftovers,
  keepLeftovers,
  PARTIAL_FOLDER,
  removeNeedlessParts,
  removeParts,
} from './partial-objects.ts';
import { listSome, NO_OBJECTS } from './rsync-lists.ts';
import { PRIVATE, type RsyncPlace } from './rsync-place.ts';
import { chooseStreams, runStreams, sizesOfMissing } from './streams.ts';

/** With the folder itself among the files, rsync would send all files that lie right in it: the head, before its time. */
const FOLDERS_ONLY = ['--include=/*/', '--exclude=/*'] as const;

const NOTHING_SENT: PushReport = { sentObjects: 0, sentBytes: 0, wireBytes: 0 };

/** As Home.push. */
export async function push(
  place: RsyncPlace,
  repositoryDir: string,
  podId: string,
  objects: readonly string[],
  { onProgress, signal, isUnasked = false }: PushOptions = {},
): Promise<PushReport> {
  const lengths = lengthsOf(repositoryDir, objects);
  if (objects.length === 0) return NOTHING_SENT;
  const present = isUnasked ? new Map<string, number>() : await listSome(place, podId, objects);
  // what rsync sends it compares; what is there already may be short
  const damaged = [...present].filter(([object, sizeBytes]) => lengths.get(object) !== sizeBytes);
  if (damaged.length > 0) {
    throw otherLength(
      place.url,
      damaged.map(([object]) => object),
    );
  }
  const missing = objects.filter((object) => !present.has(object));
  // On other hosts rsync keeps a part itself when its connection is cut.
  if (place.address.kind === 'folder') {
    const folder = place.folderOf(podId);
    await keepLeftovers(folder, objects, new Set(missing));
    await removeNeedlessParts(folder, objects, new Set(missing));
  }
  if (missing.length === 0) return NOTHING_SENT;
  const sizes = new Map(missing.map((object) => [object, lengths.get(object) ?? 0]));
  const { streams, reason } = chooseStreams(place, repositoryDir, sizes);
  const outputs = await runStreams(place.rsync, sizes, streams, (share) => ({
    args: ['--ignore-existing', ...sending(place, repositoryDir, podId)],
    files: ['./', ...share],
    step: 'sending to home',
    onProgress,
    signal,
  }));
  await place.makeDurable(podId);
  const sentBytes = [...sizes.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0);
  const wireBytes = outputs.reduce(
    (sum, output) => sum + Number(/^Total bytes sent: (\d+)$/m.exec(output)?.[1] ?? 0),
    0,
  );
  return {
    sentObjects: missing.length,
    sentBytes,
    wireBytes,
    streams: outputs.length,
    streamsReason: reason,
  };
}

/** As Home.replace. */
export async function replace(
  place: RsyncPlace,
  repositoryDir: string,
  podId: string,
  objects: readonly string[],
  { onProgress, signal }: TransferOptions = {},
): Promise<void> {
  const lengths = lengthsOf(repositoryDir, objects);
  if (objects.length === 0) return;
  await place.requireHome();
  await place.rsync.run({
    // a damaged object may well have the length and time of the whole one
    args: ['--ignore-times', ...sending(place, repositoryDir, podId)],
    files: ['./', ...objects],
    step: 'replacing at home',
    totalBytes: [...lengths.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0),
    onProgress,
    signal,
  });
  await place.makeDurable(podId);
}

/** As Home.remove. */
export async function remove(place: RsyncPlace, podId: string, objects: readonly string[]): Promise<void> {
  if (objects.length === 0) return;
  await place.requireHome();
  await withScratchFolder(async (folder) => {
    // what a list names and the source lacks goes at the target, and nothing else; the folders must be there
    for (const object of objects) await mkdir(join(folder, object, '..'), { recursive: true });
    await place.rsync.run({
      args: ['--delete-missing-args', `${folder}/`, place.podPlace(podId)],
      files: objects,
    });
  });
  await place.makeDurable(podId);
}

/** As Home.pull. */
export async function pull(
  place: RsyncPlace,
  podId: string,
  intoRepositoryDir: string,
  { onProgress, signal, objects, sizes: told }: PullOptions = {},
): Promise<void> {
  const folder = `${place.layout.podFolder(podId)}/`;
  // on this side nobody else does: an rsync that is killed leaves what it was writing
  await keepAllLeftovers(intoRepositoryDir);
  const call = (from: { readonly place: string; readonly files?: readonly string[] }) => ({
    args: [
      '--recursive',
      '--ignore-existing',
      `--partial-dir=${PARTIAL_FOLDER}`,
      '--no-whole-file',
      PRIVATE,
      ...NO_OBJECTS,
      from.place,
      `${intoRepositoryDir}/`,
    ],
    ...(from.files === undefined ? {} : { files: from.files }),
    into: intoRepositoryDir,
    step: 'fetching from home',
    onProgress,
    signal,
  });
  if (objects === undefined) {
    await place.rsync.run(call({ place: place.rsync.place(folder) }));
  } else {
    const sizes = sizesOfMissing(intoRepositoryDir, objects, told);
    const { streams } = chooseStreams(place, intoRepositoryDir, sizes);
    await runStreams(place.rsync, sizes, streams, (share) => call(place.rsync.reading(folder, share)));
  }
  await removeParts(intoRepositoryDir);
}

function sending(place: RsyncPlace, repositoryDir: string, podId: string): string[] {
  return [
    `--partial-dir=${PARTIAL_FOLDER}`,
    '--no-whole-file',
    '--stats',
    '--no-human-readable',
    ...place.forOwner(),
    ...FOLDERS_ONLY,
    `${repositoryDir}/`,
    place.podPlace(podId),
  ];
}

function otherLength(url: string, damaged: readonly string[]): DeskPodError {
  return new DeskPodError('HOME_DAMAGED', `${url}: ${damaged[0]} has another length than on this device`, {
    hint: `\`deskpod verify -d POD --home ${url}\` sends it anew. Where devices can only add, home's owner removes that file first.`,
    details: { url, objects: damaged },
  });
}

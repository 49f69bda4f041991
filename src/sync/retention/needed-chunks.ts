// Marking: every chunk that some checkpoints need, read off their manifests.
import { equalBytes, toHex } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import { MANIFEST_START, type ManifestPlace, readManifestRun } from '../../core/manifest-run.ts';
import { MarkedChunks } from '../../core/marked-chunks.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Root } from '../../core/root.ts';
import type { Checkpoint } from '../../core/state.ts';
import type { Content, ContentKind } from '../repository/content.ts';

/** The sorts of chunks, which lie in packs of their own, by the number that marks them. */
export const SORTS: readonly ContentKind[] = ['metadata', 'data', 'images'];
const METADATA = SORTS.indexOf('metadata');

/** Runs are remembered only if little of an entry reaches out of them: that of a file of terabytes is long. */
const REST_MAX_BYTES = 4096;

/** A run of a manifest whose chunks are marked. */
interface KnownRun {
  readonly before: ManifestPlace;
  readonly after: ManifestPlace;
  readonly sizeBytes: number;
  readonly entryCount: number;
  readonly announcedCount: number | undefined;
}

/**
 * The chunks of all files, process images, manifests and lists of ids of these checkpoints, each marked with its sort.
 * Everything is read and proven on the way; whatever is wrong with any of it is thrown.
 *
 * @throws DeskPodError CHUNK_MISSING, CHUNK_DAMAGED, OBJECT_MISSING, OBJECT_DAMAGED, MANIFEST_DAMAGED; the reason of
 * `signal`
 */
export async function markNeeded(
  content: Content,
  checkpoints: readonly Checkpoint[],
  onProgress: ProgressListener,
  signal?: AbortSignal,
): Promise<MarkedChunks> {
  const marking = new Marking(content, signal);
  const walked = new Set<string>();
  for (const [index, { files, images }] of checkpoints.entries()) {
    onProgress({ step: 'reading checkpoints', doneFiles: index, totalFiles: checkpoints.length });
    for (const [root, sort] of [
      [files, 'data'],
      [images, 'images'],
    ] as const) {
      if (root === undefined) continue;
      const key = `${root.id} ${root.depth} ${root.sizeBytes} ${sort}`;
      if (!walked.has(key)) await marking.walk(root, SORTS.indexOf(sort));
      walked.add(key);
    }
  }
  return marking.needed;
}

/** Walks one manifest after another; a run that an earlier one had in the same place is read once. */
class Marking {
  readonly needed = new MarkedChunks();
  readonly #content: Content;
  readonly #signal: AbortSignal | undefined;
  readonly #runs = new Map<string, KnownRun>();

  constructor(content: Content, signal: AbortSignal | undefined) {
    this.#content = content;
    this.#signal = signal;
  }

  async walk(root: Root, sort: number): Promise<void> {
    let ids: Uint8Array[] = [];
    // level by level: the lists of ids are needed no less than what they list
    for (let depth = 0; depth <= root.depth; depth++) {
      ids = [];
      for await (const id of this.#content.rootChunks({ ...root, depth })) {
        this.needed.add(id, METADATA);
        ids.push(new Uint8Array(id));
      }
    }
    await this.#walkRuns(root, ids, sort);
  }

  async #walkRuns(root: Root, ids: readonly Uint8Array[], sort: number): Promise<void> {
    const isAhead = ids.map((id) => !this.#runs.has(runKey(id, sort)));
    const ahead = this.#content.readChunks(ids.filter((_, index) => isAhead[index]));
    let place = MANIFEST_START;
    let [sizeBytes, entryCount, announcedCount] = [0, 0, -1];
    try {
      for (const [index, id] of ids.entries()) {
        this.#signal?.throwIfAborted();
        const bytes = isAhead[index] ? (await ahead.next()).value : undefined;
        const run = await this.#run(place, id, bytes, sort);
        place = run.after;
        sizeBytes += run.sizeBytes;
        entryCount += run.entryCount;
        announcedCount = run.announcedCount ?? announcedCount;
      }
    } finally {
      await ahead.return(undefined);
    }
    if (place.phase === 'ended' && sizeBytes === root.sizeBytes && entryCount === announcedCount) return;
    throw new DeskPodError(
      'MANIFEST_DAMAGED',
      `root ${root.id}: expected ${root.sizeBytes} bytes and the end of a manifest, got ${sizeBytes} and ${entryCount} entries`,
    );
  }

  async #run(
    before: ManifestPlace,
    id: Uint8Array,
    ahead: Uint8Array | undefined,
    sort: number,
  ): Promise<KnownRun> {
    const key = runKey(id, sort);
    const known = this.#runs.get(key);
    if (known !== undefined && isSamePlace(known.before, before)) return known;
    const bytes = ahead ?? (await this.#content.readChunk(id));
    const { after, entries, announcedCount } = readManifestRun(before, bytes);
    for (const { chunkIds } of entries) for (const chunk of chunkIds) this.needed.add(chunk, sort);
    const run = { before, after, sizeBytes: bytes.length, entryCount: entries.length, announcedCount };
    if (before.rest.length <= REST_MAX_BYTES && after.rest.length <= REST_MAX_BYTES) this.#runs.set(key, run);
    return run;
  }
}

function runKey(id: Uint8Array, sort: number): string {
  return `${toHex(id)} ${sort}`;
}

function isSamePlace(a: ManifestPlace, b: ManifestPlace): boolean {
  return a.phase === b.phase && equalBytes(a.rest, b.rest);
}

// Walking the manifests of all checkpoints: does anything that they need lie in no pack?
import { equalBytes, toHex } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import { MANIFEST_START, type ManifestPlace, readManifestRun } from '../../core/manifest-run.ts';
import type { Root } from '../../core/root.ts';
import type { StringReader } from '../repository/string-reader.ts';
import { isDamage } from './damage.ts';
import type { KnownChunks } from './known-chunks.ts';

/** Runs are remembered only if little of an entry reaches out of them: that of a file of terabytes is long. */
const REST_MAX_BYTES = 4096;

/** What is needed of a tree and not there. */
export interface TreeLack {
  /** Why the list itself cannot be read to its end; undefined if it can. */
  readonly listFault: string | undefined;
  /** True if a file that it lists needs a chunk that is nowhere. */
  readonly lacksChunks: boolean;
  /** The pack that gave other bytes than it should. */
  readonly suspect: string | undefined;
}

/** What one run of a manifest was found to hold. */
interface KnownRun {
  readonly before: ManifestPlace;
  readonly after: ManifestPlace;
  readonly entryCount: number;
  readonly lacksChunks: boolean;
}

/**
 * Walks one manifest after another. A run that an earlier one had in the same place is not read again, so that a
 * thousand checkpoints of a tree that hardly changes take little more than one.
 */
export class ManifestWalk {
  readonly #content: Pick<StringReader, 'rootChunks' | 'readChunk'>;
  readonly #known: Pick<KnownChunks, 'has'>;
  readonly #runs = new Map<string, KnownRun>();

  constructor(content: Pick<StringReader, 'rootChunks' | 'readChunk'>, known: Pick<KnownChunks, 'has'>) {
    this.#content = content;
    this.#known = known;
  }

  /** Walks the manifest under a root. */
  async walk(root: Root): Promise<TreeLack> {
    let lacksChunks = false;
    try {
      let place = MANIFEST_START;
      let entryCount = 0;
      for await (const id of this.#content.rootChunks(root)) {
        const run = await this.#run(place, id);
        place = run.after;
        entryCount += run.entryCount;
        lacksChunks ||= run.lacksChunks;
      }
      if (place.phase !== 'ended') {
        const text = `manifest: expected its end after ${entryCount} entries, got none`;
        throw new DeskPodError('MANIFEST_DAMAGED', text);
      }
      return { listFault: undefined, lacksChunks, suspect: undefined };
    } catch (error) {
      if (!isDamage(error)) throw error;
      return { listFault: error.message, lacksChunks, suspect: packOf(error) };
    }
  }

  async #run(before: ManifestPlace, id: Uint8Array): Promise<KnownRun> {
    const key = toHex(id);
    const known = this.#runs.get(key);
    if (known !== undefined && isSamePlace(known.before, before)) return known;
    if (!this.#known.has(id)) {
      throw new DeskPodError('CHUNK_MISSING', `chunk ${key}: expected a pack that holds it, got none`);
    }
    const { after, entries } = readManifestRun(before, await this.#content.readChunk(id));
    const lacksChunks = entries.some(({ chunkIds }) => chunkIds.some((chunk) => !this.#known.has(chunk)));
    const run = { before, after, entryCount: entries.length, lacksChunks };
    if (before.rest.length <= REST_MAX_BYTES && after.rest.length <= REST_MAX_BYTES) this.#runs.set(key, run);
    return run;
  }
}

/** The pack that an error of reading a chunk is about. */
function packOf({ details }: DeskPodError): string | undefined {
  const name = details.pack ?? (details.kind === 'packs' ? details.name : undefined);
  return typeof name === 'string' ? name : undefined;
}

function isSamePlace(a: ManifestPlace, b: ManifestPlace): boolean {
  return a.phase === b.phase && equalBytes(a.rest, b.rest);
}

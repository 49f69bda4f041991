// Content whose packs are fetched when a chunk is asked for that no pack here holds.
import { fromHex } from '../../core/bytes.ts';
import { HASH_BYTES } from '../../core/hashing.ts';
import type { Root } from '../../core/root.ts';
import type { FilePlace, MadeFile, PlacedChunk } from '../files/content-reader.ts';
import type { ChunkProof } from '../files/restore-patch.ts';
import type { MemoryChunkIndex } from '../repository/chunk-index.ts';
import { refreshChunkIndex } from '../repository/chunk-index-refresh.ts';
import type { Content } from '../repository/content.ts';
import type { Repository } from '../repository/repository.ts';
import type { NewFile } from '../workers/new-files.ts';
import { proofBy } from './browsed-pod.ts';
import type { HomePacks } from './home-packs.ts';

/** What it is made of. */
export interface FetchingParts {
  /** Reads the packs that are here. */
  readonly content: Content;
  readonly index: MemoryChunkIndex;
  readonly packs: HomePacks;
  /** Where fetched packs lie. */
  readonly repository: Repository;
  readonly identity: string;
}

/** Reads chunks; those that are not here are looked for in ever more packs of home. */
export class FetchingContent {
  readonly #parts: FetchingParts;
  readonly #places = new Set<number>();
  #damagedPacks: readonly string[] = [];
  #fetching: Promise<boolean> | undefined;

  constructor(parts: FetchingParts) {
    this.#parts = parts;
  }

  /** Fetched packs whose index could not be read. */
  get damagedPacks(): readonly string[] {
    return this.#damagedPacks;
  }

  /** A position of the log near which a file's chunks probably were stored. */
  expectNear(seq: number): void {
    this.#places.add(seq);
  }

  /** Sees to it that chunks are here, if home has them. @throws DeskPodError CHUNK_MISSING if it has one in no pack */
  async bring(ids: readonly Uint8Array[], places: Iterable<number>): Promise<void> {
    await this.#ensure(ids, places);
    const { content, index } = this.#parts;
    // whoever reads it says what is missing
    for (const id of ids) if (!index.has(id)) await content.readChunk(id);
  }

  async readChunk(id: Uint8Array): Promise<Uint8Array> {
    await this.#ensure([id], this.#places);
    return this.#parts.content.readChunk(id);
  }

  /** Has a chunk written to a file, if it is here already. */
  place(id: Uint8Array, place: FilePlace): PlacedChunk | undefined {
    return this.#parts.content.place(id, place);
  }

  /** Has a file made of a chunk, if that is here already. */
  makeFile(id: Uint8Array, sizeBytes: number, file: NewFile): Promise<MadeFile> | undefined {
    return this.#parts.content.makeFile(id, sizeBytes, file);
  }

  async *readChunks(ids: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    yield* this.#parts.content.readChunks(this.#ensured(ids));
  }

  /** The byte string under a root that probably was stored near `places`. */
  async *readRootNear(root: Root, places: readonly number[]): AsyncGenerator<Uint8Array> {
    const { content } = this.#parts;
    let ids: Uint8Array[] = [fromHex(root.id)];
    for (let level = 0; level < root.depth; level++) {
      await this.#ensure(ids, places);
      // lists of ids are short: 32 bytes for each chunk of a manifest
      const lists: Uint8Array[] = [];
      for await (const list of content.readChunks(ids)) lists.push(list);
      ids = idsOf(Buffer.concat(lists));
    }
    await this.#ensure(ids, places);
    yield* content.readRoot(root);
  }

  /** Proves chunks of packs that are fetched first. */
  proofWith(chunkIdKey: Uint8Array): ChunkProof {
    const { measure, proves } = proofBy(this.#parts.index, chunkIdKey);
    return {
      proves,
      measure: async (id) => {
        await this.#ensure([id], this.#places);
        return measure(id);
      },
    };
  }

  async *#ensured(ids: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for (const id of ids) {
      await this.#ensure([id], this.#places);
      yield id;
    }
  }

  /** Fetches until all of these are here, or home has no more: then whoever reads them says so. */
  async #ensure(ids: readonly Uint8Array[], places: Iterable<number>): Promise<void> {
    const { index, packs } = this.#parts;
    while (!ids.every((id) => index.has(id))) {
      this.#fetching ??= this.#fetch(places).finally(() => {
        this.#fetching = undefined;
      });
      if (!(await this.#fetching)) return;
    }
    packs.settle();
  }

  async #fetch(places: Iterable<number>): Promise<boolean> {
    const { index, repository, identity, packs } = this.#parts;
    if (!(await packs.fetchMore(places))) return false;
    const { damagedPacks } = await refreshChunkIndex(index, repository, identity);
    this.#damagedPacks = damagedPacks;
    return true;
  }
}

/** The ids that a list of them holds. */
export function idsOf(bytes: Uint8Array): Uint8Array[] {
  const ids: Uint8Array[] = [];
  for (let at = 0; at + HASH_BYTES <= bytes.length; at += HASH_BYTES)
    ids.push(bytes.subarray(at, at + HASH_BYTES));
  return ids;
}

// The content of a pod: byte strings of any length, held as chunks in the packs of a repository.
import { toHex } from '../../core/bytes.ts';
import { gearTable } from '../../core/chunker.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { packIndexIds } from '../../core/pack.ts';
import type { Root } from '../../core/root.ts';
import { recipientOf } from '../age/age.ts';
import type { FilePlace, MadeFile, PlacedChunk } from '../files/content-reader.ts';
import { hashing } from '../hashing.ts';
import { workWidth } from '../medium/work-width.ts';
import { Crew } from '../workers/crew.ts';
import type { FileSource } from '../workers/messages.ts';
import type { NewFile } from '../workers/new-files.ts';
import type { ChunkIndex, ChunkLocation } from './chunk-index.ts';
import { describeUnread, readEntries, refreshChunkIndex } from './chunk-index-refresh.ts';
import {
  ChunkWriter,
  type ContentKind,
  type Pieces,
  type StoredPack,
  type WriteTarget,
  type WrittenChunks,
} from './chunk-writer.ts';
import { PackReader } from './pack-reader.ts';
import type { Repository } from './repository.ts';
import { StringReader } from './string-reader.ts';

export type { ContentKind } from './chunk-writer.ts';

/** The secrets that content needs, of those in the keyring. */
export interface ContentSecrets {
  readonly identity: string;
  readonly chunkIdKey: Uint8Array;
  readonly chunkerKey: Uint8Array;
}

/** Writes and reads content. Writers and readers may run side by side. The caller closes it. */
export class Content {
  readonly #repository: Repository;
  readonly #index: ChunkIndex;
  readonly #secrets: ContentSecrets;
  readonly #crew: Crew;
  readonly #reader: PackReader;
  readonly #strings = new StringReader((id) => this.readChunk(id));
  readonly #target: WriteTarget;
  /** Chunks that were given to a writer and are not in the index yet. */
  readonly #pending = new Set<string>();
  #writer: ChunkWriter;
  #damagedPacks: readonly string[];
  #refreshing: Promise<void> | undefined;
  #isRebuilt = false;
  #ending: Promise<void> = Promise.resolve();

  private constructor(
    target: Pick<WriteTarget, 'repository' | 'index' | 'recipient'>,
    secrets: ContentSecrets,
    damagedPacks: readonly string[],
  ) {
    const { identity, chunkIdKey, chunkerKey } = secrets;
    this.#damagedPacks = damagedPacks;
    this.#repository = target.repository;
    this.#index = target.index;
    this.#secrets = secrets;
    const setUp = { chunkIdKey, table: gearTable(hashing, chunkerKey) };
    const { workers, stretches } = workWidth(target.repository.dir);
    this.#crew = new Crew(setUp, workers);
    this.#reader = new PackReader({ ...target, identity, chunkIdKey, crew: this.#crew });
    this.#target = {
      ...target,
      crew: this.#crew,
      stretches,
      claim: (id) => {
        if (this.hasChunk(id)) return false;
        this.#pending.add(keyOf(id));
        return true;
      },
      onStored: (packIndex) => {
        for (const id of packIndexIds(packIndex)) this.#pending.delete(keyOf(id));
      },
    };
    this.#writer = new ChunkWriter(this.#target);
  }

  /** Opens the content of a repository, bringing `index` up to date with its packs. The caller closes the index. */
  static async open(repository: Repository, index: ChunkIndex, secrets: ContentSecrets): Promise<Content> {
    const { damagedPacks } = await refreshChunkIndex(index, repository, secrets.identity);
    const target = { repository, index, recipient: await recipientOf(secrets.identity) };
    return new Content(target, secrets, damagedPacks);
  }

  /** Writes a byte string as chunks. They are durable after the next {@link flush}. Throws SPACE_EXHAUSTED. */
  writeChunks(pieces: Pieces, kind: ContentKind): Promise<WrittenChunks> {
    return this.#writer.write(pieces, kind);
  }

  /** Like {@link writeChunks}, of a file that is read elsewhere; undefined if it is not the one any more that has the stamp. */
  writeFile(source: FileSource, kind: ContentKind): Promise<WrittenChunks | undefined> {
    return this.#writer.writeFile(source, kind);
  }

  /** Writes a byte string of any length under one root. It is durable after the next {@link flush}. */
  async writeStream(pieces: Pieces, kind: ContentKind): Promise<Root> {
    const { chunkIds, sizeBytes } = await this.writeChunks(pieces, kind);
    let ids = chunkIds;
    let depth = 0;
    while (ids.length > 1) {
      ids = (await this.writeChunks(idPieces(ids), 'metadata')).chunkIds;
      depth++;
    }
    const [id] = ids.length > 0 ? ids : (await this.#writer.writeEmpty(kind)).chunkIds;
    if (id === undefined) throw new RangeError('expected a chunk, got none');
    return { id: toHex(id), depth, sizeBytes };
  }

  /** Stores everything that was written. Returns the packs stored since the last flush. Throws SPACE_EXHAUSTED. */
  flush(): Promise<StoredPack[]> {
    return this.#writer.flush();
  }

  /**
   * Forgets what was written and not stored, and the failure that kept it from being stored. After a failure every
   * write and flush fails alike, so that no manifest names what was lost, until whoever starts the work again calls
   * this. Nothing may be writing meanwhile.
   */
  discard(): void {
    // Threads that hold nothing are of use for what comes: their start would take a tenth of a second.
    if (this.#pending.size === 0 && this.#writer.isIdle) return;
    this.#pending.clear();
    this.#endCrew();
    this.#writer = new ChunkWriter(this.#target);
  }

  /** The names of the packs whose index could not be read when the chunk index was last brought up to date. */
  get damagedPacks(): readonly string[] {
    return this.#damagedPacks;
  }

  /** Starts the threads for much work that will come: their start takes a tenth of a second. */
  prepare(): void {
    this.#crew.thread();
  }

  /** True if the repository holds a chunk, or the next flush will store it. */
  hasChunk(id: Uint8Array): boolean {
    return this.#index.has(id) || (this.#pending.size > 0 && this.#pending.has(keyOf(id)));
  }

  /** Where a chunk that was flushed lies, and how well it was compressed; undefined if no pack is known to hold it. */
  locate(id: Uint8Array): ChunkLocation | undefined {
    return this.#index.locate(id);
  }

  /**
   * The bytes of one chunk that was flushed. A chunk that the index does not find where it says is looked for in all
   * packs once more. Throws CHUNK_MISSING, CHUNK_DAMAGED, OBJECT_MISSING or OBJECT_DAMAGED.
   */
  async readChunk(id: Uint8Array): Promise<Uint8Array> {
    const tried = this.#index.locate(id);
    try {
      return await this.#reader.read(id);
    } catch (error) {
      if (!isDeskPodError(error)) throw error;
      if (!(await this.#isElsewhere(id, tried))) throw this.#explain(error);
      return await this.#reader.read(id);
    }
  }

  /** A chunk that is nowhere else lies in a pack that can not be read: that is what has to be brought back. */
  #explain(error: DeskPodError): DeskPodError {
    if (error.code !== 'CHUNK_MISSING' || this.#damagedPacks.length === 0) return error;
    return new DeskPodError(error.code, error.message + describeUnread(this.#damagedPacks), {
      hint: '`deskpod verify` brings back from home what can not be read here.',
      details: { ...error.details, damagedPacks: this.#damagedPacks },
      cause: error,
    });
  }

  /** Has a chunk that was flushed written to a file; see `ContentReader`. */
  place(id: Uint8Array, place: FilePlace): PlacedChunk | undefined {
    return this.#reader.place(id, place);
  }

  /** Has a file made of a chunk that was flushed; see `ContentReader`. */
  makeFile(id: Uint8Array, sizeBytes: number, file: NewFile): Promise<MadeFile> | undefined {
    return this.#reader.makeFile(id, sizeBytes, file);
  }

  /** The bytes of chunks, one after the other, read ahead. Throws what {@link readChunk} throws. */
  readChunks(ids: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    return this.#strings.readChunks(ids);
  }

  /** The byte string under a root. Throws what {@link readChunk} throws, and MANIFEST_DAMAGED for a wrong length. */
  readRoot(root: Root): AsyncGenerator<Uint8Array> {
    return this.#strings.readRoot(root);
  }

  /** The ids of the chunks that are the byte string under a root, in order; the lists above them are read. */
  rootChunks(root: Root): AsyncGenerator<Uint8Array> {
    return this.#strings.rootChunks(root);
  }

  /** The same content, for whoever looks whether the index is right: a chunk is sought only where it says. */
  get asIndexed(): StringReader {
    return new StringReader((id) => this.#reader.read(id));
  }

  /**
   * Lets go of packs that the repository passes over from now on; on its return none is open or counted on, and their
   * files may be deleted. Their chunks that are needed lie in `kept` packs. Nothing may be writing meanwhile.
   */
  async forgetPacks(removed: readonly string[], kept: readonly string[]): Promise<void> {
    // a refresh that began before they were passed over would take them in again
    await this.#refreshing;
    for (const name of removed) await this.#index.removePack(name);
    for (const name of kept) {
      await this.#index.addPack(name, await readEntries(this.#repository, name, this.#secrets.identity));
    }
    await this.#reader.close();
  }

  /** Closes what reading opened. What was not flushed is not stored. */
  async close(): Promise<void> {
    this.#endCrew();
    await this.#ending;
    await this.#reader.close();
  }

  /** Threads hold what was not stored: it ends with them. */
  #endCrew(): void {
    const ended = this.#ending;
    this.#ending = this.#crew.end().then(() => ended);
  }

  /** Looks for new packs; the first time, reads the index anew from all of them. True if it finds the chunk in another place than it was tried. */
  async #isElsewhere(id: Uint8Array, tried: ChunkLocation | undefined): Promise<boolean> {
    this.#refreshing ??= this.#refresh();
    try {
      await this.#refreshing;
    } finally {
      this.#refreshing = undefined;
    }
    const after = this.#index.locate(id);
    return after !== undefined && (after.pack !== tried?.pack || after.offset !== tried.offset);
  }

  async #refresh(): Promise<void> {
    // one rebuild repairs whatever was wrong; a second one would only repeat it for each damaged chunk
    if (!this.#isRebuilt) await this.#index.clear();
    this.#isRebuilt = true;
    const { damagedPacks } = await refreshChunkIndex(this.#index, this.#repository, this.#secrets.identity);
    this.#damagedPacks = damagedPacks;
  }
}

/** A chunk's id as a short string: one is made for every chunk that is written. */
function keyOf(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString('latin1');
}

/** Ids as bytes, in pieces of a few thousand ids. */
function* idPieces(ids: readonly Uint8Array[]): Generator<Uint8Array> {
  for (let from = 0; from < ids.length; from += 4096) yield Buffer.concat(ids.slice(from, from + 4096));
}

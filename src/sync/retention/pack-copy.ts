// Copies chunks from packs into new ones, and proves what was written by reading it back.

import { toHex } from '../../core/bytes.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { PACK_TARGET_BYTES, PackBuilder, type PackEntry } from '../../core/pack.ts';
import { seal } from '../age/age.ts';
import type { ChunkIndex } from '../repository/chunk-index.ts';
import type { StoredPack } from '../repository/chunk-writer.ts';
import { PackFile } from '../repository/pack-file.ts';
import type { Repository } from '../repository/repository.ts';
import type { Crew } from '../workers/crew.ts';

/** Starting a thread takes longer than proving a pack of less than this. */
const THREAD_BYTES = 4 * 1024 * 1024;

/** What copying takes. */
export interface CopySource {
  readonly repository: Repository;
  readonly index: ChunkIndex;
  /** The pod's, which opens the packs. */
  readonly identity: string;
  /** The pod's, which new packs are sealed to. */
  readonly recipient: string;
  readonly crew: Crew;
}

/** Fills new packs, one of each sort at a time. */
export class PackCopy {
  readonly #source: CopySource;
  readonly #open = new Map<number, PackBuilder>();
  /** Packs that are stored, and being proven while others are filled. */
  #proving: Promise<StoredPack>[] = [];

  constructor(source: CopySource) {
    this.#source = source;
  }

  /** Copies chunks of one pack as they are stored there; `sortOf` says which lie together. They were proven. */
  async take(name: string, entries: readonly PackEntry[], sortOf: (id: Uint8Array) => number): Promise<void> {
    const pack = await PackFile.open(this.#source.repository, name, this.#source.identity);
    try {
      const plain = await readWhole(pack);
      for (const { id, offset, storedLength, plainLength, codec } of entries) {
        const sort = sortOf(id);
        const builder = this.#open.get(sort) ?? new PackBuilder();
        this.#open.set(sort, builder);
        const stored =
          plain?.subarray(offset, offset + storedLength) ?? (await pack.read(offset, storedLength));
        builder.add(new Uint8Array(id), stored, plainLength, codec);
        if (builder.sizeBytes >= PACK_TARGET_BYTES) await this.#store(sort, builder);
      }
    } finally {
      await pack.close();
    }
  }

  /**
   * Stores what is left. Returns the packs stored since the last flush: durable, in the index, and proven.
   *
   * @throws DeskPodError SPACE_EXHAUSTED; OBJECT_DAMAGED if a pack does not read back as it was written
   */
  async flush(): Promise<StoredPack[]> {
    for (const [sort, builder] of this.#open) await this.#store(sort, builder);
    const stored = await Promise.all(this.#proving);
    this.#proving = [];
    return stored;
  }

  async #store(sort: number, builder: PackBuilder): Promise<void> {
    this.#open.delete(sort);
    const { repository, recipient } = this.#source;
    const sealed = await seal(builder.finish(), { recipient });
    const stored = await repository.putObject('packs', sealed);
    const proving = this.#prove(stored, builder.entries);
    proving.catch(ignoreUntilFlushed);
    this.#proving.push(proving);
  }

  async #prove({ name, sizeBytes }: StoredPack, entries: readonly PackEntry[]): Promise<StoredPack> {
    const { isWhole, damaged } = await provePack(this.#source, name, entries);
    if (!isWhole || damaged.length > 0) {
      throw new DeskPodError(
        'OBJECT_DAMAGED',
        `packs/${name}: it was just written, and reads back with other bytes`,
        {
          hint: 'Nothing that is needed was deleted. Look at the drive: it does not keep what is written to it.',
          details: { kind: 'packs', name },
        },
      );
    }
    await this.#source.index.addPack(name, entries);
    return { name, sizeBytes };
  }
}

/**
 * The plaintext of a pack; undefined if some of it is damaged, which need not be what is needed. Opened chunk by chunk,
 * the pieces that it is sealed in would cost far more than the copying.
 */
async function readWhole(pack: PackFile): Promise<Uint8Array | undefined> {
  try {
    return await pack.read(0, pack.plainLength);
  } catch (error) {
    if (isDeskPodError(error, 'OBJECT_DAMAGED')) return undefined;
    throw error;
  }
}

function ignoreUntilFlushed(): void {
  // flush() awaits all of them, and is told of the first failure
}

/** What reading a pack from end to end showed. */
export interface ProvenPack {
  /** False if its file does not have the bytes of its name. */
  readonly isWhole: boolean;
  /** Those of the chunks asked for that do not open to the bytes of their ids. */
  readonly damaged: readonly PackEntry[];
}

/** Reads a pack, and proves some of its chunks, which come in its order. */
export async function provePack(
  { repository, identity, crew }: Pick<CopySource, 'repository' | 'identity' | 'crew'>,
  name: string,
  entries: readonly PackEntry[],
): Promise<ProvenPack> {
  const pack = await PackFile.open(repository, name, identity);
  try {
    // views would take all the bytes that they are of along
    const copies = entries.map((entry) => ({ ...entry, id: new Uint8Array(entry.id) }));
    const { fd, parts } = pack.shared;
    const isLittle = parts.fileBytes < THREAD_BYTES && !crew.isStarted;
    const hand = isLittle ? crew.inline : crew.thread();
    const order = { type: 'prove', number: 0, fd, parts, entries: copies } as const;
    const { sha256, damagedChunks } = await hand.ask(order);
    return {
      isWhole: toHex(sha256) === name,
      damaged: damagedChunks.flatMap((index) => entries[index] ?? []),
    };
  } finally {
    await pack.close();
  }
}

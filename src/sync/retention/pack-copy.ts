// Copies chunks from packs into new ones, and proves what was written by reading it back.

import { toHex } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import { PackBuilder, type PackEntry } from '../../core/pack.ts';
import { seal } from '../age/age.ts';
import type { ChunkIndex } from '../repository/chunk-index.ts';
import type { StoredPack } from '../repository/chunk-writer.ts';
import { PackFile } from '../repository/pack-file.ts';
import type { Repository } from '../repository/repository.ts';
import type { Crew } from '../workers/crew.ts';

/** A pack is stored when its plaintext reaches this length, as those of a checkpoint are. */
const PACK_TARGET_BYTES = 8 * 1024 * 1024;

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
  #stored: StoredPack[] = [];

  constructor(source: CopySource) {
    this.#source = source;
  }

  /** Copies chunks of one pack as they are stored there; `sortOf` says which lie together. They were proven. */
  async take(name: string, entries: readonly PackEntry[], sortOf: (id: Uint8Array) => number): Promise<void> {
    const pack = await PackFile.open(this.#source.repository, name, this.#source.identity);
    try {
      for (const { id, offset, storedLength, plainLength, codec } of entries) {
        const sort = sortOf(id);
        const builder = this.#open.get(sort) ?? new PackBuilder();
        this.#open.set(sort, builder);
        builder.add(new Uint8Array(id), await pack.read(offset, storedLength), plainLength, codec);
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
    const stored = this.#stored;
    this.#stored = [];
    return stored;
  }

  async #store(sort: number, builder: PackBuilder): Promise<void> {
    this.#open.delete(sort);
    const { repository, index, recipient } = this.#source;
    const { entries } = builder;
    const sealed = await seal(builder.finish(), { recipient });
    const { name, sizeBytes } = await repository.putObject('packs', sealed);
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
    await index.addPack(name, entries);
    this.#stored.push({ name, sizeBytes });
  }
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

// Process images that are stored while CRIU writes others: with a processor to spare, most of them are when it has done.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { equalBytes } from '../../core/bytes.ts';
import type { Root } from '../../core/root.ts';
import { pathBytes, pathKey } from '../../sync/files/byte-path.ts';
import type { ContentWriter } from '../../sync/files/capture.ts';
import { examine } from '../../sync/files/scanner.ts';
import type { FileSource } from '../../sync/workers/messages.ts';

/** CRIU writes the pages of one process after the other, and names their images by numbers that count up. */
const PAGES = /^pages-(\d+)\.img$/;
/** Less is read as fast when the images are captured. */
const AHEAD_MIN_BYTES = 512 * 1024;
const POLL_MS = 5;

type FileWriter = ContentWriter & Required<Pick<ContentWriter, 'readFile' | 'hasChunk'>>;

interface StoredAhead {
  readonly stamp: Uint8Array;
  readonly chunkIds: Promise<Uint8Array[] | undefined>;
}

/**
 * A writer of images that has read some of them before they are captured. What it has read counts only if the file is still the
 * one that it read, to the byte and the nanosecond: that CRIU was done with it is a guess.
 */
export class ImagesAhead implements ContentWriter {
  readonly #writer: FileWriter;
  readonly #stored = new Map<string, StoredAhead>();

  /** `writer` gets everything. */
  constructor(writer: FileWriter) {
    this.#writer = writer;
  }

  /** Stores images in `dir` that are followed by another, until `isOver`. Rejects with what the writer throws. */
  async follow(dir: string, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const numbers = (await readdir(dir)).flatMap((name) => PAGES.exec(name)?.[1] ?? []).map(Number);
      const last = Math.max(...numbers);
      for (const number of numbers) if (number < last) this.#begin(dir, `pages-${number}.img`);
      await delay(POLL_MS);
    }
    await Promise.all([...this.#stored.values()].map(({ chunkIds }) => chunkIds));
  }

  writeFile(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
    return this.#writer.writeFile(pieces);
  }

  async readFile(source: FileSource): Promise<Uint8Array[] | undefined> {
    const stored = this.#stored.get(pathKey(source.place));
    const isSame = stored !== undefined && equalBytes(stored.stamp, source.stamp);
    return (isSame ? await stored.chunkIds : undefined) ?? this.#writer.readFile(source);
  }

  writeRoot(pieces: AsyncIterable<Uint8Array>): Promise<Root> {
    return this.#writer.writeRoot(pieces);
  }

  hasChunk(id: Uint8Array): boolean {
    return this.#writer.hasChunk(id);
  }

  get newBytes(): number {
    return this.#writer.newBytes;
  }

  #begin(dir: string, name: string): void {
    const place = pathBytes(join(dir, name));
    const key = pathKey(place);
    if (this.#stored.has(key)) return;
    const inode = examine(pathBytes(dir), pathBytes(name))?.inode;
    if (inode === undefined || inode.mayBeSparse || inode.sizeBytes < AHEAD_MIN_BYTES) return;
    const { stamp, sizeBytes } = inode;
    const chunkIds = this.#writer.readFile({ place, stamp, sizeBytes });
    chunkIds.catch(() => undefined); // follow throws it
    this.#stored.set(key, { stamp, chunkIds });
  }
}

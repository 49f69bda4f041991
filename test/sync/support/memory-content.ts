// A writer and reader of content that keeps chunks in memory, where a test is about trees and not about packs.
import { createHash } from 'node:crypto';
import { toHex } from '../../../src/core/bytes.ts';
import { DeskPodError } from '../../../src/core/errors.ts';
import type { Root } from '../../../src/core/root.ts';
import type { ContentWriter } from '../../../src/sync/files/capture.ts';
import type { ContentReader } from '../../../src/sync/files/content-reader.ts';

const CHUNK_BYTES = 100_000;

/** Chunks by id, cut at fixed lengths. */
export class MemoryContent implements ContentWriter, ContentReader {
  readonly chunks = new Map<string, Buffer>();
  newBytes = 0;
  /** How many files were handed in. */
  writtenFiles = 0;
  /** A test's own way to read files. */
  readFile?: NonNullable<ContentWriter['readFile']>;

  async writeFile(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
    this.writtenFiles++;
    const all: Uint8Array[] = [];
    for await (const piece of pieces) all.push(Buffer.from(piece));
    const bytes = Buffer.concat(all);
    const ids: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES)
      ids.push(this.#put(bytes.subarray(at, at + CHUNK_BYTES)));
    return ids;
  }

  async writeRoot(pieces: AsyncIterable<Uint8Array>): Promise<Root> {
    const all: Uint8Array[] = [];
    for await (const piece of pieces) all.push(piece);
    const bytes = Buffer.concat(all);
    return { id: toHex(this.#put(bytes)), depth: 0, sizeBytes: bytes.length };
  }

  hasChunk(id: Uint8Array): boolean {
    return this.chunks.has(toHex(id));
  }

  async readChunk(id: Uint8Array): Promise<Uint8Array> {
    const chunk = this.chunks.get(toHex(id));
    if (chunk === undefined) throw new DeskPodError('CHUNK_MISSING', `no chunk ${toHex(id)}`);
    return chunk;
  }

  async *readRoot(root: Root): AsyncGenerator<Uint8Array> {
    // in small pieces, as a real repository may give them
    const bytes = await this.readChunk(Buffer.from(root.id, 'hex'));
    for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
  }

  #put(bytes: Buffer): Uint8Array {
    const id = createHash('sha256').update(bytes).digest();
    const name = toHex(id);
    if (!this.chunks.has(name)) this.newBytes += bytes.length;
    this.chunks.set(name, bytes);
    return id;
  }
}

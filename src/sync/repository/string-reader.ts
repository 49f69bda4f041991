// Byte strings of any length, read from their roots: through the lists of chunks above them, ahead of what is wanted.
import { fromHex } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import { HASH_BYTES } from '../../core/hashing.ts';
import type { Root } from '../../core/root.ts';

/** How many chunks are read ahead of the one that is wanted. */
const READ_AHEAD = 16;
/** More levels than any length needs: a root that claims more is forged. */
const DEPTH_MAX = 8;

/** Reads strings of chunks, each of which it is given by its id. */
export class StringReader {
  readonly #readChunk: (id: Uint8Array) => Promise<Uint8Array>;

  /** `readChunk` checks a chunk against its id. Calls overlap. */
  constructor(readChunk: (id: Uint8Array) => Promise<Uint8Array>) {
    this.#readChunk = readChunk;
  }

  /** One chunk's bytes. */
  readChunk(id: Uint8Array): Promise<Uint8Array> {
    return this.#readChunk(id);
  }

  /** The bytes of chunks, one after the other, read ahead. Throws what reading one throws. */
  async *readChunks(ids: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const ahead: Promise<Uint8Array>[] = [];
    try {
      for await (const id of ids) {
        const chunk = this.#readChunk(id);
        // whoever takes it is told; until then its failure is not an unhandled one
        chunk.catch(() => undefined);
        ahead.push(chunk);
        const next = ahead.length > READ_AHEAD ? ahead.shift() : undefined;
        if (next !== undefined) yield await next;
      }
      for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) yield await next;
    } finally {
      await Promise.allSettled(ahead);
    }
  }

  /** The byte string under a root. Throws what reading one throws, and MANIFEST_DAMAGED for a wrong length. */
  async *readRoot(root: Root): AsyncGenerator<Uint8Array> {
    let sizeBytes = 0;
    for await (const chunk of this.readChunks(this.rootChunks(root))) {
      sizeBytes += chunk.length;
      if (chunk.length > 0) yield chunk;
    }
    if (sizeBytes !== root.sizeBytes) {
      const text = `root ${root.id}: expected ${root.sizeBytes} bytes, got ${sizeBytes}`;
      throw new DeskPodError('MANIFEST_DAMAGED', text);
    }
  }

  /** The ids of the chunks that are the byte string under a root, in order; the lists above them are read. */
  async *rootChunks(root: Root): AsyncGenerator<Uint8Array> {
    if (!Number.isInteger(root.depth) || root.depth < 0 || root.depth > DEPTH_MAX) {
      throw new DeskPodError(
        'MANIFEST_DAMAGED',
        `root ${root.id}: expected a depth to ${DEPTH_MAX}, got ${root.depth}`,
      );
    }
    let ids: Iterable<Uint8Array> | AsyncIterable<Uint8Array> = [fromHex(root.id)];
    for (let level = 0; level < root.depth; level++) ids = idsOf(this.readChunks(ids), root.id);
    yield* ids;
  }
}

/** Bytes as ids: an id may begin in one chunk and end in the next. */
async function* idsOf(chunks: AsyncIterable<Uint8Array>, root: string): AsyncGenerator<Uint8Array> {
  let rest: Uint8Array = new Uint8Array(0);
  for await (const chunk of chunks) {
    const bytes: Uint8Array = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (; at + HASH_BYTES <= bytes.length; at += HASH_BYTES) yield bytes.subarray(at, at + HASH_BYTES);
    rest = bytes.subarray(at);
  }
  if (rest.length > 0) {
    throw new DeskPodError(
      'MANIFEST_DAMAGED',
      `root ${root}: expected whole chunk ids, got ${rest.length} bytes more`,
    );
  }
}

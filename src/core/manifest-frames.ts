// The frame of a manifest: what opens it, where each entry begins and ends, and what ends it. What an entry says is not read.
import { ByteReader, ByteWriter, concatBytes } from './bytes.ts';
import { DeskPodError } from './errors.ts';

const MAGIC = 'DPM1';
const VERSION = 1;
const HEADER_BYTES = 5;
const LENGTH_BYTES = 4;
/** Every entry with its length is longer than this, and the end is as long. */
const FRAME_MIN_BYTES = 8;

/** The longest entry, in bytes: room for the chunk ids of a file of about 1 TiB. */
export const MANIFEST_ENTRY_MAX_BYTES = 64 * 1024 * 1024;

/** The bytes that open a manifest. */
export function manifestHeader(): Uint8Array {
  return new ByteWriter(HEADER_BYTES).text(MAGIC).u8(VERSION).finish();
}

/** Passes over the bytes that open a manifest. Throws MANIFEST_DAMAGED or FORMAT_UNKNOWN. */
export function readManifestHeader(reader: ByteReader): void {
  reader.magic(MAGIC);
  reader.version(VERSION);
}

/** The bytes that end a manifest of so many entries. */
export function manifestEnd(entryCount: number): Uint8Array {
  return new ByteWriter(FRAME_MIN_BYTES).u32(0).u32(entryCount).finish();
}

/** Takes a manifest apart that comes in pieces. Throws MANIFEST_DAMAGED; FORMAT_UNKNOWN for a later version. */
export class ManifestFrames {
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  /** How many bytes must be there before anything more can be read. */
  #wantedBytes = HEADER_BYTES;
  #state: 'header' | 'entries' | 'ended' = 'header';
  #entryCount = 0;

  /**
   * Takes the next piece and returns the entries that it completes, each with its length in front. They are views of copied
   * or given bytes.
   */
  push(piece: Uint8Array): Uint8Array[] {
    const entries: Uint8Array[] = [];
    this.#pending.push(piece);
    this.#pendingBytes += piece.length;
    if (this.#pendingBytes < this.#wantedBytes) return entries;
    const bytes = this.#pending.length === 1 ? piece : concatBytes(this.#pending);
    const reader = new ByteReader(bytes, 'MANIFEST_DAMAGED', 'manifest');
    while (reader.remaining >= this.#wantedBytes && this.#state !== 'ended') {
      const entry = this.#step(reader);
      if (entry !== undefined) entries.push(entry);
    }
    if (this.#state === 'ended') reader.end();
    this.#pending = [bytes.subarray(reader.offset)];
    this.#pendingBytes = reader.remaining;
    return entries;
  }

  /** Says that there are no more pieces. Throws MANIFEST_DAMAGED if the manifest did not end. */
  end(): void {
    if (this.#state !== 'ended') {
      throw new DeskPodError(
        'MANIFEST_DAMAGED',
        `manifest: expected its end after ${this.#entryCount} entries, got none`,
      );
    }
  }

  #step(reader: ByteReader): Uint8Array | undefined {
    if (this.#state === 'header') {
      readManifestHeader(reader);
      this.#state = 'entries';
      this.#wantedBytes = FRAME_MIN_BYTES;
      return undefined;
    }
    const length = reader.u32();
    if (length === 0) {
      const count = reader.u32();
      if (count !== this.#entryCount)
        throw reader.damaged(`expected ${count} entries, got ${this.#entryCount}`);
      this.#state = 'ended';
      this.#wantedBytes = 0;
      return undefined;
    }
    if (length < LENGTH_BYTES || length > MANIFEST_ENTRY_MAX_BYTES) {
      throw reader.damaged(`expected an entry of at most ${MANIFEST_ENTRY_MAX_BYTES} bytes, got ${length}`);
    }
    const isThere = reader.remaining >= length;
    reader.rewind(LENGTH_BYTES);
    this.#wantedBytes = isThere ? FRAME_MIN_BYTES : LENGTH_BYTES + length;
    if (!isThere) return undefined;
    this.#entryCount++;
    return reader.take(LENGTH_BYTES + length);
  }
}

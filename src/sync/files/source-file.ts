// The content of one file of a tree, read while others may still write to it.
import { closeSync, constants, read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { openQuietly } from '../posix/open-quietly.ts';
import { type DataRange, dataRanges } from '../posix/sparse.ts';
import { Stamp, StatReader } from '../posix/statx.ts';
import { unlessVanished, unreadable } from './scanner.ts';

/** Files up to here are read in one synchronous call, which is several times as fast as handing it to a thread. */
const AT_ONCE_BYTES = 256 * 1024;
const PIECE_BYTES = 1024 * 1024;

const readAsync = promisify(read);

const stats = new StatReader();

/** Holes read as these; shared, because nobody may write into what a reader gives. */
const ZEROS = Buffer.alloc(PIECE_BYTES);

/** An open file of the tree. It is of one inode, whatever its name stands for by now. */
export class SourceFile {
  readonly #fd: number;
  readonly #place: Uint8Array;
  /** As it was before reading. */
  readonly #stamp: Uint8Array;
  readonly #sizeBytes: number;
  /** How many bytes {@link read} has given. */
  sizeReadBytes = 0;
  /** True if the file has holes. */
  readonly isSparse: boolean;
  readonly #ranges: readonly DataRange[] | undefined;
  /** One is read into while the other is with the caller. */
  readonly #buffers: Buffer[] = [];
  #pieces = 0;

  private constructor(fd: number, place: Uint8Array) {
    this.#fd = fd;
    this.#place = place;
    this.#stamp = stats.stamp();
    const { sizeBytes } = new Stamp(this.#stamp);
    this.#sizeBytes = sizeBytes;
    const ranges = stats.isSmallerOnDisk ? dataRanges(fd, sizeBytes) : undefined;
    const dataBytes = ranges?.reduce((sum, range) => sum + range.lengthBytes, 0);
    this.isSparse = dataBytes !== undefined && dataBytes < sizeBytes;
    this.#ranges = this.isSparse ? ranges : undefined;
  }

  /**
   * Opens the file at `place`; undefined if nothing is there any more, or no longer a file.
   * @throws DeskPodError SOURCE_UNREADABLE
   */
  static open(place: Uint8Array): SourceFile | undefined {
    const fd = unlessVanished(place, () => openQuietly(place));
    if (fd === undefined) return undefined;
    try {
      stats.readOpen(fd);
      if ((stats.mode & constants.S_IFMT) === constants.S_IFREG) return new SourceFile(fd, place);
    } catch (error) {
      closeSync(fd);
      throw unreadable(place, error);
    }
    closeSync(fd);
    return undefined;
  }

  /**
   * The content in pieces, each good until the next one is asked for. Holes are not read from the drive. May be called
   * once.
   * @throws DeskPodError SOURCE_UNREADABLE
   */
  async *read(): AsyncGenerator<Uint8Array> {
    const sizeBytes = this.#sizeBytes;
    try {
      if (this.#ranges !== undefined) {
        yield* this.#readRanges(this.#ranges, sizeBytes);
      } else if (sizeBytes <= AT_ONCE_BYTES) {
        // one byte more than expected: if it comes, the file has grown
        const piece = Buffer.allocUnsafe(sizeBytes + 1);
        const length = readSync(this.#fd, piece, 0, piece.length, 0);
        this.sizeReadBytes = length;
        if (length > 0) yield piece.subarray(0, length);
      } else {
        yield* this.#readTo(0, Number.POSITIVE_INFINITY);
      }
    } catch (error) {
      if (error instanceof Error && 'syscall' in error) throw unreadable(this.#place, error);
      throw error;
    }
  }

  /** True if it is the very inode that had this stamp, unchanged until it was opened. */
  isOf(stamp: Uint8Array): boolean {
    return Buffer.compare(stamp, this.#stamp) === 0;
  }

  /** True if what was read is the file as it was when it was opened, and still is. */
  isUnchanged(): boolean {
    stats.readOpen(this.#fd);
    return this.sizeReadBytes === this.#sizeBytes && stats.isStamped(this.#stamp);
  }

  /** Ends the reading. */
  close(): void {
    closeSync(this.#fd);
  }

  async *#readRanges(ranges: readonly DataRange[], sizeBytes: number): AsyncGenerator<Uint8Array> {
    for (const { offsetBytes, lengthBytes } of ranges) {
      yield* this.#zerosTo(offsetBytes);
      yield* this.#readTo(offsetBytes, offsetBytes + lengthBytes);
      // it has become shorter: the rest of it is gone
      if (this.sizeReadBytes < offsetBytes + lengthBytes) return;
    }
    yield* this.#zerosTo(sizeBytes);
  }

  *#zerosTo(endBytes: number): Generator<Uint8Array> {
    while (this.sizeReadBytes < endBytes) {
      const length = Math.min(endBytes - this.sizeReadBytes, ZEROS.length);
      this.sizeReadBytes += length;
      yield ZEROS.subarray(0, length);
    }
  }

  /** Reads ahead by one piece, so that the drive works while the last piece is being sealed. */
  async *#readTo(startBytes: number, endBytes: number): AsyncGenerator<Uint8Array> {
    let position = startBytes;
    let ahead = this.#piece(position, endBytes);
    for (;;) {
      const piece = await ahead;
      position += piece.length;
      this.sizeReadBytes = position;
      if (piece.length === 0) return;
      // a piece that is asked for has outlived the one before it, whose buffer the read ahead takes
      ahead = this.#piece(position, endBytes);
      // if the caller stops here, nobody waits for this one, and its failure is the caller's no more
      ahead.catch(ignoreOutrunRead);
      yield piece;
    }
  }

  async #piece(position: number, endBytes: number): Promise<Buffer> {
    const length = Math.min(PIECE_BYTES, endBytes - position);
    if (length <= 0) return Buffer.alloc(0);
    const turn = this.#pieces++ % 2;
    const buffer = this.#buffers[turn] ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
    this.#buffers[turn] = buffer;
    const { bytesRead } = await readAsync(this.#fd, buffer, 0, length, position);
    return buffer.subarray(0, bytesRead);
  }
}

function ignoreOutrunRead(): void {
  // whoever goes on reading awaits the same promise and gets its failure
}

// Exact reads from a stream, with the stream's own back pressure as the bound on memory.

import type { Duplex } from 'node:stream';
import { isDeskPodError } from '../../core/errors.ts';
import { displayFault } from './fault.ts';

/** The most that one read may ask for; bigger things are read in pieces. */
const READ_LIMIT_BYTES = 1024 * 1024;

/**
 * Reads a stream in exact pieces. One read at a time. The stream buffers no more than the piece that is asked for
 * (or its own high-water mark), so a peer that sends faster than we look is held back by the kernel.
 */
export class ByteSource {
  readonly #stream: Duplex;
  #failure: unknown;
  #wake: () => void = () => undefined;

  constructor(stream: Duplex) {
    this.#stream = stream;
    const wake = () => this.#wake();
    stream.on('readable', wake);
    stream.on('end', wake);
    stream.on('close', wake);
    stream.on('error', (error) => {
      this.#failure = error;
      wake();
    });
  }

  /** Exactly `sizeBytes` bytes. Throws DISPLAY_FAILED if the stream ends or fails before. */
  async read(sizeBytes: number): Promise<Buffer> {
    if (sizeBytes === 0) return Buffer.alloc(0);
    if (sizeBytes > READ_LIMIT_BYTES) throw new RangeError(`read of ${sizeBytes} bytes in one piece`);
    for (;;) {
      const bytes: Buffer | null = this.#stream.read(sizeBytes);
      if (bytes?.length === sizeBytes) return bytes;
      if (bytes !== null || this.#stream.readableEnded || this.#stream.destroyed) throw this.#ended();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #ended(): Error {
    if (isDeskPodError(this.#failure)) return this.#failure;
    if (this.#failure === undefined) return displayFault('the connection ended in the middle of a message');
    return displayFault(`the connection failed: ${messageOf(this.#failure)}`, {}, this.#failure);
  }

  /** Reads `sizeBytes` bytes and forgets them, a piece at a time. */
  async skip(sizeBytes: number): Promise<void> {
    for (let left = sizeBytes; left > 0; left -= READ_LIMIT_BYTES) {
      await this.read(Math.min(left, READ_LIMIT_BYTES));
    }
  }
}

function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}

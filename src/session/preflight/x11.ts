// As much of the X11 protocol as it takes to ask a display for the properties of its windows, and for how long it was idle.
import type { Duplex } from 'node:stream';
import { ByteSource } from '../rfb/byte-source.ts';
import { displayFault } from '../rfb/fault.ts';

const LITTLE_ENDIAN = 0x6c;
const PROTOCOL_MAJOR = 11;
/** Of the answer to it, what comes before anything of variable length. */
const SETUP_FIXED_BYTES = 32;
const SETUP_BYTES = 12;
const MESSAGE_BYTES = 32;
const WORD_BYTES = 4;
/** Longer answers come from a display that is none. */
const ANSWER_MAX_BYTES = 1 << 18;

const ERROR = 0;
const REPLY = 1;
const INTERN_ATOM = 16;
const GET_PROPERTY = 20;
const QUERY_EXTENSION = 98;
const SCREEN_SAVER = 'MIT-SCREEN-SAVER';
const SCREEN_SAVER_QUERY = 1;
const ANY_TYPE = 0;

/** A property as the display has it. */
interface Property {
  /** Bits of one value: 0 if there is no such property. */
  readonly format: number;
  readonly bytes: Buffer;
}

/** A connection to an X display. One question at a time. */
export class X11Client {
  readonly #stream: Duplex;
  readonly #source: ByteSource;
  /** The root window of the first screen. */
  readonly rootWindow: number;

  private constructor(stream: Duplex, source: ByteSource, rootWindow: number) {
    this.#stream = stream;
    this.#source = source;
    this.rootWindow = rootWindow;
  }

  /** Speaks X11 over a stream that leads to a display. @throws DeskPodError DISPLAY_FAILED */
  static async open(stream: Duplex): Promise<X11Client> {
    const source = new ByteSource(stream);
    const setup = Buffer.alloc(SETUP_BYTES);
    setup[0] = LITTLE_ENDIAN;
    setup.writeUInt16LE(PROTOCOL_MAJOR, 2);
    stream.write(setup);
    const head = await source.read(8);
    const body = await source.read(checkedBytes(head.readUInt16LE(6) * WORD_BYTES));
    if (head[0] !== 1) throw displayFault('expected to be let in, was refused', { answer: head[0] });
    if (body.length < SETUP_FIXED_BYTES)
      throw displayFault('expected the display to be told, got less', { bytes: body.length });
    // After 32 bytes come the vendor's name, padded, then formats of 8 bytes each, then the first screen.
    const screen = SETUP_FIXED_BYTES + padded(body.readUInt16LE(16)) + 8 * (body[21] ?? 0);
    if (screen + WORD_BYTES > body.length) throw displayFault('expected a screen, got none');
    return new X11Client(stream, source, body.readUInt32LE(screen));
  }

  /** The number of a name that somebody has used already, or 0. @throws DeskPodError DISPLAY_FAILED */
  async atom(name: string): Promise<number> {
    const request = Buffer.alloc(8 + padded(name.length));
    request[0] = INTERN_ATOM;
    request[1] = 1;
    request.writeUInt16LE(request.length / WORD_BYTES, 2);
    request.writeUInt16LE(name.length, 4);
    request.write(name, 8, 'latin1');
    return (await this.#ask(request))?.readUInt32LE(8) ?? 0;
  }

  /** A property of a window, `maxBytes` of it at most; empty if window or property is not there. */
  async property(window: number, name: number, maxBytes: number): Promise<Property> {
    const request = Buffer.alloc(24);
    request[0] = GET_PROPERTY;
    request.writeUInt16LE(request.length / WORD_BYTES, 2);
    request.writeUInt32LE(window, 4);
    request.writeUInt32LE(name, 8);
    request.writeUInt32LE(ANY_TYPE, 12);
    request.writeUInt32LE(Math.ceil(maxBytes / WORD_BYTES), 20);
    const reply = name === 0 ? undefined : await this.#ask(request);
    if (reply === undefined) return { format: 0, bytes: Buffer.alloc(0) };
    const format = reply[1] ?? 0;
    const sizeBytes = (reply.readUInt32LE(16) * format) / 8;
    return { format, bytes: reply.subarray(MESSAGE_BYTES, MESSAGE_BYTES + sizeBytes) };
  }

  /** Milliseconds since its last input; undefined if it does not count them. @throws DeskPodError DISPLAY_FAILED */
  async idleMs(): Promise<number | undefined> {
    const request = Buffer.alloc(8 + padded(SCREEN_SAVER.length));
    request[0] = QUERY_EXTENSION;
    request.writeUInt16LE(request.length / WORD_BYTES, 2);
    request.writeUInt16LE(SCREEN_SAVER.length, 4);
    request.write(SCREEN_SAVER, 8, 'latin1');
    const extension = await this.#ask(request);
    if (extension?.[8] !== 1) return undefined;
    const query = Buffer.alloc(8);
    query[0] = extension[9] ?? 0;
    query[1] = SCREEN_SAVER_QUERY;
    query.writeUInt16LE(query.length / WORD_BYTES, 2);
    query.writeUInt32LE(this.rootWindow, 4);
    return (await this.#ask(query))?.readUInt32LE(16);
  }

  /** The reply to a request; undefined if the display answers with an error. */
  async #ask(request: Buffer): Promise<Buffer | undefined> {
    this.#stream.write(request);
    for (;;) {
      const message = await this.#source.read(MESSAGE_BYTES);
      if (message[0] === ERROR) return undefined;
      // Others are events, which nobody has asked for.
      if (message[0] !== REPLY) continue;
      const more = await this.#source.read(checkedBytes(message.readUInt32LE(4) * WORD_BYTES));
      return Buffer.concat([message, more]);
    }
  }
}

function checkedBytes(sizeBytes: number): number {
  if (sizeBytes <= ANSWER_MAX_BYTES) return sizeBytes;
  throw displayFault(`expected an answer of at most ${ANSWER_MAX_BYTES} bytes, got ${sizeBytes}`);
}

function padded(sizeBytes: number): number {
  return Math.ceil(sizeBytes / WORD_BYTES) * WORD_BYTES;
}

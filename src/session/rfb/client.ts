// A client of the session's display: pixels, keys, pointer and clipboard over RFB.

import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { isDeskPodError } from '../../core/errors.ts';
import { ByteSource } from './byte-source.ts';
import {
  CLIPBOARD_LIMIT_BYTES,
  type ClipboardBody,
  encodeCaps,
  encodeNotify,
  encodeProvide,
  encodeRequest,
} from './clipboard.ts';
import { Exchange } from './exchange.ts';
import { displayFault } from './fault.ts';
import { shakeHands } from './handshake.ts';
import { keyOfCharacter, keysymsOfChord, SHIFT } from './keysyms.ts';
import {
  clientCutText,
  clientExtendedClipboard,
  ENCODING,
  keyEvent,
  pointerEvent,
  setEncodings,
  setPixelFormat,
  updateRequest,
} from './messages.ts';
import { Framebuffer } from './pixels.ts';
import { encodePng } from './screenshot.ts';
import { readServerMessage, type ServerMessage } from './server-messages.ts';

/** Characters that are typed before the display is asked whether it has read them. */
const TYPING_BATCH = 8;

/** How to talk to a display. */
export interface RfbOptions {
  /** The longest wait for the connection, and for any single answer later. */
  readonly timeoutMs: number;
  /** With it the display must have no more pixels, and keep its size: what it says of itself costs no more memory than that. */
  readonly limitPixels?: number;
}

/** Connects to the display that listens on a unix socket; the caller closes it. Throws DISPLAY_FAILED. */
export async function connectRfb(socketPath: string, options: RfbOptions): Promise<RfbClient> {
  return openRfb(connect(socketPath), options);
}

/** Speaks RFB over a stream that leads to a display; the stream belongs to the client from now on. */
export async function openRfb(stream: Duplex, { timeoutMs, limitPixels }: RfbOptions): Promise<RfbClient> {
  const source = new ByteSource(stream);
  const timer = setTimeout(() => {
    stream.destroy(displayFault(`expected an answer within ${timeoutMs} ms, got none`, { timeoutMs }));
  }, timeoutMs);
  try {
    const init = await shakeHands(source, (bytes) => stream.write(bytes));
    const framebuffer = new Framebuffer(init.width, init.height, limitPixels);
    const client = new RfbClient(stream, source, framebuffer, init.name, timeoutMs);
    await client.start();
    return client;
  } catch (error) {
    stream.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** One connection to a display. Everything it cannot do is thrown as DISPLAY_FAILED. */
export class RfbClient {
  /** What the display calls itself. */
  readonly name: string;
  /** What the display showed in the last update. */
  readonly framebuffer: Framebuffer;
  readonly #exchange: Exchange;
  readonly #source: ByteSource;
  readonly #timeoutMs: number;
  readonly #clipboardListeners = new Set<(text: string) => void>();
  #hostText = '';
  #knowsExtendedClipboard = false;

  /** Use {@link connectRfb} or {@link openRfb}. */
  constructor(stream: Duplex, source: ByteSource, framebuffer: Framebuffer, name: string, timeoutMs: number) {
    this.#exchange = new Exchange(stream);
    this.#source = source;
    this.framebuffer = framebuffer;
    this.name = name;
    this.#timeoutMs = timeoutMs;
  }

  /** Pixels in a row. */
  get width(): number {
    return this.framebuffer.width;
  }

  /** Rows. */
  get height(): number {
    return this.framebuffer.height;
  }

  /** Says what we understand and starts to listen; resolves when the display has answered. */
  async start(): Promise<void> {
    void this.#listen();
    const wanted = [ENCODING.raw, ENCODING.cursor, ENCODING.lastRectangle, ENCODING.extendedDesktopSize];
    const also = [ENCODING.desktopSize, ENCODING.fence, ENCODING.extendedClipboard];
    this.#exchange.send(setPixelFormat(), setEncodings([...wanted, ...also]));
    await this.#exchange.untilUpdate(updateRequest(false, 1, 1), 0, this.#timeoutMs);
  }

  /** Asks for the whole display and resolves when the framebuffer is at least as new as this call. */
  requestUpdate(): Promise<void> {
    const request = updateRequest(false, this.width, this.height);
    return this.#exchange.untilUpdate(request, this.#displayPixels, this.#timeoutMs);
  }

  /** Resolves when the display has read everything that was sent to it before. */
  roundTrip(): Promise<void> {
    if (this.#exchange.knowsFences) return this.#exchange.untilFence(this.#timeoutMs);
    return this.#exchange.untilUpdate(updateRequest(false, 1, 1), 1, this.#timeoutMs);
  }

  /** Follows the display until `predicate` is true of it; DISPLAY_FAILED if that is not so within `timeoutMs`. */
  async waitForPixels(predicate: (framebuffer: Framebuffer) => boolean, timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    await this.requestUpdate();
    while (!predicate(this.framebuffer)) {
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw this.#notSeen(timeoutMs);
      this.#exchange.send(updateRequest(true, this.width, this.height));
      await this.#exchange.nextUpdate(leftMs).catch((error: unknown) => {
        throw this.#exchange.failure ?? (performance.now() < deadlineMs ? error : this.#notSeen(timeoutMs));
      });
    }
  }

  /** What the display shows now, as the bytes of a PNG file. */
  async screenshot(): Promise<Uint8Array> {
    await this.requestUpdate();
    return encodePng(this.framebuffer);
  }

  /** Presses a key and holds it. */
  keyDown(keysym: number): void {
    this.#exchange.send(keyEvent(keysym, true));
  }

  /** Lets a key go. */
  keyUp(keysym: number): void {
    this.#exchange.send(keyEvent(keysym, false));
  }

  /**
   * Types text, any Unicode; a line feed is the Enter key. Waits for the display after every few keys, so resolving
   * means that the display has taken all of them. Throws TypeError for a control character without a key.
   */
  async typeText(text: string): Promise<void> {
    const keys = Array.from(text, keyOfCharacter);
    for (let start = 0; start < keys.length; start += TYPING_BATCH) {
      const events = keys.slice(start, start + TYPING_BATCH).flatMap(({ keysym, needsShift }) => {
        const press = [keyEvent(keysym, true), keyEvent(keysym, false)];
        return needsShift ? [keyEvent(SHIFT, true), ...press, keyEvent(SHIFT, false)] : press;
      });
      this.#exchange.send(...events);
      await this.roundTrip();
    }
  }

  /** Presses keys together, as in `ctrl+a` or `alt+F4`. Throws TypeError for a name that is no key. */
  async pressChord(chord: string): Promise<void> {
    const keysyms = keysymsOfChord(chord);
    const downs = keysyms.map((keysym) => keyEvent(keysym, true));
    const ups = keysyms.toReversed().map((keysym) => keyEvent(keysym, false));
    this.#exchange.send(...downs, ...ups);
    await this.roundTrip();
  }

  /** Moves the pointer; bit 0 of `buttons` is the left button, 1 the middle, 2 the right. */
  pointer(x: number, y: number, buttons = 0): void {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) {
      throw new RangeError(`pointer at ${x},${y} of a display of ${this.width}x${this.height}`);
    }
    this.#exchange.send(pointerEvent(x, y, buttons));
  }

  /** Moves the pointer and clicks; `button` counts from 1 (left). */
  async click(x: number, y: number, button = 1): Promise<void> {
    this.pointer(x, y);
    this.pointer(x, y, 1 << (button - 1));
    this.pointer(x, y);
    await this.roundTrip();
  }

  /**
   * Offers text to the session's clipboard. The display keeps asking this client for it: the offer ends with the
   * connection. Throws RangeError beyond CLIPBOARD_LIMIT_BYTES.
   */
  async setClipboard(text: string): Promise<void> {
    const sizeBytes = Buffer.byteLength(text);
    if (sizeBytes > CLIPBOARD_LIMIT_BYTES) throw new RangeError(`clipboard text of ${sizeBytes} bytes`);
    this.#hostText = text;
    const message = this.#knowsExtendedClipboard
      ? clientExtendedClipboard(encodeNotify())
      : clientCutText(text);
    this.#exchange.send(message);
    await this.roundTrip();
  }

  /** Calls `listener` with each text that the session puts on its clipboard; returns how to stop that. */
  onClipboard(listener: (text: string) => void): () => void {
    this.#clipboardListeners.add(listener);
    return () => this.#clipboardListeners.delete(listener);
  }

  /** Ends the connection; what still waits is rejected. */
  close(): void {
    this.#exchange.fail(displayFault('the connection was closed by this side'));
  }

  get #displayPixels(): number {
    return this.width * this.height;
  }

  async #listen(): Promise<void> {
    try {
      while (this.#exchange.failure === undefined) {
        this.#take(await readServerMessage(this.#source, this.framebuffer));
      }
    } catch (error) {
      this.#exchange.fail(isDeskPodError(error) ? error : displayFault('failed', {}, error));
    }
  }

  #take(message: ServerMessage): void {
    if (message.kind === 'update') this.#takeUpdate(message.areaPixels);
    if (message.kind === 'fence') this.#exchange.onFence(message.flags, message.payload);
    if (message.kind === 'cutText') this.#announce(message.text);
    if (message.kind === 'clipboard') this.#takeClipboard(message.body);
  }

  #takeUpdate(areaPixels: number): void {
    const needsMore = this.#exchange.onUpdate(areaPixels, this.#displayPixels);
    if (needsMore) this.#exchange.send(updateRequest(true, this.width, this.height));
  }

  #takeClipboard(body: ClipboardBody): void {
    if (body.kind === 'caps') {
      this.#knowsExtendedClipboard = true;
      this.#exchange.send(clientExtendedClipboard(encodeCaps()));
    }
    if (body.kind === 'notify' && body.hasText) {
      this.#exchange.send(clientExtendedClipboard(encodeRequest()));
    }
    if (body.kind === 'request') this.#exchange.send(clientExtendedClipboard(encodeProvide(this.#hostText)));
    if (body.kind === 'provide' && body.text !== undefined) this.#announce(body.text);
  }

  #announce(text: string): void {
    for (const listener of this.#clipboardListeners) listener(text);
  }

  #notSeen(timeoutMs: number): Error {
    return displayFault(`the expected pixels did not appear within ${timeoutMs} ms`, { timeoutMs });
  }
}

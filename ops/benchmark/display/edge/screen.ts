// The screen of a display as an encoder outside the session gets it: whole pictures, by raw rectangles over RFB.
import type { Duplex } from 'node:stream';
import { ByteSource } from '../../../../src/session/rfb/byte-source.ts';
import { shakeHands } from '../../../../src/session/rfb/handshake.ts';
import { ENCODING, keyEvent, setEncodings, updateRequest } from '../../../../src/session/rfb/messages.ts';
import { Framebuffer } from '../../../../src/session/rfb/pixels.ts';
import { readServerMessage } from '../../../../src/session/rfb/server-messages.ts';

/** A display that is followed; it ends with its stream. */
export class Screen {
  readonly width: number;
  readonly height: number;
  readonly #display: Duplex;
  readonly #source: ByteSource;
  readonly #framebuffer: Framebuffer;
  #isFirst = true;

  private constructor(display: Duplex, source: ByteSource, framebuffer: Framebuffer) {
    this.#display = display;
    this.#source = source;
    this.#framebuffer = framebuffer;
    [this.width, this.height] = [framebuffer.width, framebuffer.height];
  }

  /** Speaks to the display at the other end of a stream. */
  static async open(display: Duplex): Promise<Screen> {
    const source = new ByteSource(display);
    const { width, height } = await shakeHands(source, (bytes) => display.write(bytes));
    // No format of pixels is asked for: the display's own costs it nothing.
    display.write(setEncodings([ENCODING.raw, ENCODING.cursor, ENCODING.lastRectangle]));
    return new Screen(display, source, new Framebuffer(width, height, width * height));
  }

  /** Four bytes a pixel: blue, green, red, and one of no meaning. They change during {@link next}. */
  get pixels(): Uint8Array {
    return this.#framebuffer.rgba;
  }

  /** Resolves when the display shows something new, which is in {@link pixels} then; the first time at once. */
  async next(): Promise<void> {
    for (let areaPixels = 0; areaPixels === 0; ) {
      this.#display.write(updateRequest(!this.#isFirst, this.width, this.height));
      const message = await readServerMessage(this.#source, this.#framebuffer);
      if (message.kind === 'update') areaPixels = message.areaPixels;
    }
    this.#isFirst = false;
  }

  /** Presses a key, by its X11 keysym, or lets it go. */
  key(keysym: number, isDown: boolean): void {
    this.#display.write(keyEvent(keysym, isDown));
  }
}

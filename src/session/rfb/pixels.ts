// The framebuffer as RGBA, and the raw rectangles that change it.

import type { ByteSource } from './byte-source.ts';
import { displayFault } from './fault.ts';

/** The largest side of a display. */
const SIDE_LIMIT_PIXELS = 16_384;

/** The largest display: 8K, which is 127 MiB as RGBA. */
const AREA_LIMIT_PIXELS = 7680 * 4320;

/** Raw rectangles are taken in bands of about this size. */
const BAND_BYTES = 256 * 1024;

/** Red, green and blue 0, alpha 255; every host of ours is little-endian. */
const OPAQUE_BLACK = 0xff00_0000;

/** A rectangle of the display, in pixels. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What the display shows, 4 bytes a pixel: red, green, blue, 255. It belongs to the client that fills it. */
export class Framebuffer {
  #width = 0;
  #height = 0;
  #rgba = new Uint8Array(0);
  readonly #limitPixels: number | undefined;

  /** With a limit it takes no larger size, and no other one after its first; the fourth bytes are what the display sends then. */
  constructor(width: number, height: number, limitPixels?: number) {
    this.#limitPixels = limitPixels;
    this.resize(width, height);
  }

  /** Pixels in a row. */
  get width(): number {
    return this.#width;
  }

  /** Rows. */
  get height(): number {
    return this.#height;
  }

  /** The live bytes: they change with the next update. */
  get rgba(): Uint8Array {
    return this.#rgba;
  }

  /** Red, green and blue of one pixel as 0xRRGGBB. Throws RangeError outside the display. */
  colorAt(x: number, y: number): number {
    const offset = (y * this.#width + x) * 4;
    const [red, green, blue] = this.#rgba.subarray(offset, offset + 3);
    if (x < 0 || x >= this.#width || red === undefined || green === undefined || blue === undefined) {
      throw new RangeError(`pixel ${x},${y} of a display of ${this.#width}x${this.#height}`);
    }
    return (red << 16) | (green << 8) | blue;
  }

  /** Takes a new size; the content is black until it is sent. Throws DISPLAY_FAILED on a size beyond the limits. */
  resize(width: number, height: number): void {
    const tooLarge =
      width > SIDE_LIMIT_PIXELS || height > SIDE_LIMIT_PIXELS || width * height > AREA_LIMIT_PIXELS;
    if (width === 0 || height === 0 || tooLarge) {
      throw displayFault(`expected a size from 1x1 up to 7680x4320, got ${width}x${height}`, {
        width,
        height,
      });
    }
    if (width === this.#width && height === this.#height) return;
    if (this.#limitPixels !== undefined) this.#refuseBeyond(this.#limitPixels, width, height);
    this.#width = width;
    this.#height = height;
    const pixels = new Uint32Array(width * height).fill(OPAQUE_BLACK);
    this.#rgba = new Uint8Array(pixels.buffer);
  }

  #refuseBeyond(limitPixels: number, width: number, height: number): void {
    const got = { width, height };
    if (this.#width > 0)
      throw displayFault(`expected it to stay ${this.#width}x${this.#height}, got ${width}x${height}`, got);
    if (width * height > limitPixels)
      throw displayFault(`expected at most ${limitPixels} pixels, got ${width}x${height}`, got);
  }

  /** Puts `rowCount` whole rows of pixels (4 bytes each, the fourth is ignored) at x, y. */
  putRows(x: number, y: number, width: number, rowCount: number, pixels: Uint8Array): void {
    const rgba = this.#rgba;
    const rowBytes = width * 4;
    for (let row = 0; row < rowCount; row++) {
      const start = ((y + row) * this.#width + x) * 4;
      const end = start + rowBytes;
      rgba.set(pixels.subarray(row * rowBytes, (row + 1) * rowBytes), start);
      // who looks once, and in a hurry, needs no more than the colours
      if (this.#limitPixels !== undefined) continue;
      for (let alpha = start + 3; alpha < end; alpha += 4) rgba[alpha] = 255;
    }
  }
}

/** Throws DISPLAY_FAILED unless the rectangle lies inside the display. */
function checkInside(framebuffer: Framebuffer, { x, y, width, height }: Rectangle): void {
  if (x + width <= framebuffer.width && y + height <= framebuffer.height) return;
  throw displayFault(
    `expected a rectangle inside ${framebuffer.width}x${framebuffer.height}, got ${width}x${height} at ${x},${y}`,
    { x, y, width, height },
  );
}

/** Reads a rectangle in raw encoding into the framebuffer. Throws DISPLAY_FAILED if it lies outside. */
export async function readRawRectangle(
  source: ByteSource,
  framebuffer: Framebuffer,
  rectangle: Rectangle,
): Promise<void> {
  checkInside(framebuffer, rectangle);
  const { x, y, width, height } = rectangle;
  if (width === 0) return;
  const bandRows = Math.max(1, Math.floor(BAND_BYTES / (width * 4)));
  for (let row = 0; row < height; row += bandRows) {
    const rowCount = Math.min(bandRows, height - row);
    framebuffer.putRows(x, y + row, width, rowCount, await source.read(rowCount * width * 4));
  }
}

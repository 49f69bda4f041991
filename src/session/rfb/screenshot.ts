// PNG files of what the display shows; the one place that knows pngjs.

import { PNG } from 'pngjs';
import type { Pixels } from './scaled-pixels.ts';

/** Pixels as the bytes of a PNG file (RGB, no alpha). */
export function encodePng({ width, height, rgba }: Pixels): Uint8Array {
  const png = new PNG({ width, height });
  png.data = Buffer.from(rgba.buffer, rgba.byteOffset, rgba.byteLength);
  return PNG.sync.write(png, { colorType: 2, inputHasAlpha: true, deflateLevel: 3, filterType: 0 });
}

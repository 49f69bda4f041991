// PNG files of what the display shows; the one place that knows pngjs.

import { PNG } from 'pngjs';
import type { Framebuffer } from './pixels.ts';

/** The framebuffer as the bytes of a PNG file (RGB, no alpha). */
export function encodePng(framebuffer: Framebuffer): Uint8Array {
  const { width, height, rgba } = framebuffer;
  const png = new PNG({ width, height });
  png.data = Buffer.from(rgba.buffer, rgba.byteOffset, rgba.byteLength);
  return PNG.sync.write(png, { colorType: 2, inputHasAlpha: true, deflateLevel: 3, filterType: 0 });
}

// PNG files of what the display shows; the one place that knows pngjs.

import { PNG } from 'pngjs';
import type { Pixels } from './scaled-pixels.ts';

/** The pixels of a PNG that {@link encodePng} made; whoever calls this knows where it is from. Throws Error for anything else. */
export function decodePng(png: Uint8Array): Pixels {
  const { width, height, data } = PNG.sync.read(Buffer.from(png));
  return { width, height, rgba: new Uint8Array(data) };
}

/** Pixels as the bytes of a PNG file (RGB, no alpha). */
export function encodePng({ width, height, rgba }: Pixels): Uint8Array {
  const rgb = Buffer.allocUnsafe(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = rgba[from] as number;
    rgb[to + 1] = rgba[from + 1] as number;
    rgb[to + 2] = rgba[from + 2] as number;
  }
  const png = new PNG({ width, height });
  png.data = rgb;
  // pngjs blends each pixel with a background if it is given one with alpha
  const input = { inputColorType: 2, inputHasAlpha: false } as const;
  return PNG.sync.write(png, { colorType: 2, ...input, deflateLevel: 3, filterType: 0 });
}

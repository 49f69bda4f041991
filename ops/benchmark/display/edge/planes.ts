// Pixels of a display as I420: a plane of brightness, and two of colour with one value for each four pixels.

/**
 * Converts pixels of blue, green, red and an unused byte; `planes` has room for half as many bytes again as there are
 * pixels. Colours are those of BT.601 over all of 0 to 255. Both sides are even numbers.
 */
export function fillPlanes(pixels: Uint8Array, width: number, height: number, planes: Uint8Array): void {
  const words = new Uint32Array(pixels.buffer, pixels.byteOffset, width * height);
  const columnCount = width / 2;
  let blueAt = width * height;
  let redAt = blueAt + columnCount * (height / 2);
  for (let y = 0; y < height; y += 2) {
    let upper = y * width;
    let lower = upper + width;
    for (let column = 0; column < columnCount; column++, upper += 2, lower += 2) {
      const a = words[upper] as number;
      const b = words[upper + 1] as number;
      const c = words[lower] as number;
      const d = words[lower + 1] as number;
      planes[upper] = brightness(a);
      planes[upper + 1] = brightness(b);
      planes[lower] = brightness(c);
      planes[lower + 1] = brightness(d);
      const blue = (a & 255) + (b & 255) + (c & 255) + (d & 255);
      const green = ((a >> 8) & 255) + ((b >> 8) & 255) + ((c >> 8) & 255) + ((d >> 8) & 255);
      const red = ((a >> 16) & 255) + ((b >> 16) & 255) + ((c >> 16) & 255) + ((d >> 16) & 255);
      // In 1024ths, around the middle; one less than half of one, so that the purest colours stay below 256.
      planes[blueAt++] = (128 * blue - 43 * red - 85 * green + 131_583) >> 10;
      planes[redAt++] = (128 * red - 107 * green - 21 * blue + 131_583) >> 10;
    }
  }
}

function brightness(pixel: number): number {
  return (77 * ((pixel >> 16) & 255) + 150 * ((pixel >> 8) & 255) + 29 * (pixel & 255) + 128) >> 8;
}

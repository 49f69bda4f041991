// What a display shows, made smaller: each pixel is the mean of the area that it stands for.
import { setImmediate } from 'node:timers/promises';

/** Pixels as a display gives them, 4 bytes each: red, green, blue, and one that means nothing here. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;
}

/** Source pixels after which other work gets its turn. */
const PIXELS_PER_TURN = 256 * 1024;

const CHANNELS = 3;

/** The size that fits into a square of `sidePixels`, in the shape of the display; its own if that fits. */
export function fittingSize(
  { width, height }: Pick<Pixels, 'width' | 'height'>,
  sidePixels: number,
): Pick<Pixels, 'width' | 'height'> {
  const scale = Math.min(1, sidePixels / Math.max(width, height));
  const scaled = (length: number): number => Math.max(1, Math.round(length * scale));
  return { width: scaled(width), height: scaled(height) };
}

/** The same picture in fewer pixels; `size` must not be larger in either direction. `source` may change once it is done. */
export async function scaleDown(source: Pixels, size: Pick<Pixels, 'width' | 'height'>): Promise<Pixels> {
  const { width, height, rgba } = source;
  const columns = spansOf(width, size.width);
  const rows = spansOf(height, size.height);
  const line = new Float64Array(size.width * CHANNELS);
  const sums = new Float64Array(line.length);
  const scaled = new Uint8Array(size.width * size.height * 4);
  let donePixels = 0;
  for (let row = 0; row < size.height; row++) {
    const [first, last] = [rows.first[row] as number, rows.last[row] as number];
    sums.fill(0);
    for (let y = first; y <= last; y++) {
      narrow(rgba, y * width * 4, columns, line);
      const weight = weightIn(rows, row, y);
      for (let index = 0; index < line.length; index++)
        sums[index] = (sums[index] as number) + (line[index] as number) * weight;
    }
    writeMeans(sums, width * height, scaled.subarray(row * size.width * 4));
    donePixels += (last - first + 1) * width;
    if (donePixels < PIXELS_PER_TURN) continue;
    donePixels = 0;
    await setImmediate();
  }
  return { ...size, rgba: scaled };
}

/** Which pixels of a longer row each pixel of a shorter one stands for; of the first and last of them perhaps a part only. */
interface Spans {
  readonly first: Uint32Array;
  readonly last: Uint32Array;
  /** How much of the first and the last one; of those between, {@link whole}. */
  readonly firstWeight: Uint32Array;
  readonly lastWeight: Uint32Array;
  readonly whole: number;
}

/** Of `from` pixels in `to`. A row is `from * to` long here, so all lengths are whole numbers, and sums are exact. */
function spansOf(from: number, to: number): Spans {
  const [first, last] = [new Uint32Array(to), new Uint32Array(to)];
  const [firstWeight, lastWeight] = [new Uint32Array(to), new Uint32Array(to)];
  for (let cell = 0; cell < to; cell++) {
    const [start, end] = [cell * from, (cell + 1) * from];
    const [firstPixel, lastPixel] = [Math.floor(start / to), Math.ceil(end / to) - 1];
    first[cell] = firstPixel;
    last[cell] = lastPixel;
    firstWeight[cell] = (firstPixel + 1) * to - start;
    lastWeight[cell] = end - lastPixel * to;
  }
  return { first, last, firstWeight, lastWeight, whole: to };
}

function weightIn({ first, last, firstWeight, lastWeight, whole }: Spans, cell: number, at: number): number {
  // with fewer or as many cells none lies within one pixel
  if (at === first[cell]) return firstWeight[cell] as number;
  return at === last[cell] ? (lastWeight[cell] as number) : whole;
}

/** Puts one row of pixels, from `at` on, into the cells of `line`. */
function narrow(rgba: Uint8Array, at: number, spans: Spans, line: Float64Array): void {
  const { first, last, firstWeight, lastWeight, whole } = spans;
  for (let cell = 0, to = 0; cell < first.length; cell++, to += CHANNELS) {
    let from = at + (first[cell] as number) * 4;
    const end = at + (last[cell] as number) * 4;
    let weight = firstWeight[cell] as number;
    let red = (rgba[from] as number) * weight;
    let green = (rgba[from + 1] as number) * weight;
    let blue = (rgba[from + 2] as number) * weight;
    for (from += 4; from <= end; from += 4) {
      weight = from === end ? (lastWeight[cell] as number) : whole;
      red += (rgba[from] as number) * weight;
      green += (rgba[from + 1] as number) * weight;
      blue += (rgba[from + 2] as number) * weight;
    }
    line[to] = red;
    line[to + 1] = green;
    line[to + 2] = blue;
  }
}

function writeMeans(sums: Float64Array, area: number, rgba: Uint8Array): void {
  for (let from = 0, to = 0; from < sums.length; from += CHANNELS, to += 4) {
    rgba[to] = Math.round((sums[from] as number) / area);
    rgba[to + 1] = Math.round((sums[from + 1] as number) / area);
    rgba[to + 2] = Math.round((sums[from + 2] as number) / area);
    rgba[to + 3] = 255;
  }
}

// Pixels made fewer: each is the mean of the area that it stands for, whatever the two sizes are.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fittingSize, type Pixels, scaleDown } from '../../src/session/rfb/scaled-pixels.ts';

/** The mean over an area, from its definition: how much of each source pixel lies in it, times its value. */
function meanOf(source: Pixels, size: { width: number; height: number }, x: number, y: number): number[] {
  const overlap = (at: number, from: number, to: number, cell: number): number =>
    Math.max(0, Math.min((cell + 1) * from, (at + 1) * to) - Math.max(cell * from, at * to));
  const sums = [0, 0, 0];
  for (let row = 0; row < source.height; row++) {
    for (let column = 0; column < source.width; column++) {
      const share =
        overlap(column, source.width, size.width, x) * overlap(row, source.height, size.height, y);
      for (const channel of [0, 1, 2])
        sums[channel] =
          (sums[channel] ?? 0) + share * (source.rgba[(row * source.width + column) * 4 + channel] ?? 0);
    }
  }
  return sums.map((sum) => Math.round(sum / (source.width * source.height)));
}

const side = fc.integer({ min: 1, max: 24 });
const scaling = fc
  .record({ width: side, height: side, seed: fc.infiniteStream(fc.integer({ min: 0, max: 255 })) })
  .chain(({ width, height, seed }) =>
    fc.record({
      source: fc.constant({
        width,
        height,
        rgba: Uint8Array.from({ length: width * height * 4 }, () => seed.next().value ?? 0),
      }),
      size: fc.record({
        width: fc.integer({ min: 1, max: width }),
        height: fc.integer({ min: 1, max: height }),
      }),
    }),
  );

describe('a picture in fewer pixels', () => {
  it('has in each pixel the mean of the area that it stands for', async () => {
    await fc.assert(
      fc.asyncProperty(scaling, async ({ source, size }) => {
        const { width, height, rgba } = await scaleDown(source, size);
        assert.deepEqual([width, height], [size.width, size.height]);
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const at = (y * width + x) * 4;
            assert.deepEqual([...rgba.subarray(at, at + 4)], [...meanOf(source, size, x, y), 255]);
          }
        }
      }),
    );
  });

  it('is the same picture if it has as many', async () => {
    const rgba = Uint8Array.from({ length: 4 * 6 }, (_, index) => (index % 4 === 3 ? 255 : index * 9));
    assert.deepEqual(await scaleDown({ width: 2, height: 3, rgba }, { width: 2, height: 3 }), {
      width: 2,
      height: 3,
      rgba,
    });
  });

  it('fits into a square in the shape of its display, has a pixel at least, and is never made larger', () => {
    const sizes = [
      ...[[1280, 800, 640, 400] as const, [1080, 1920, 360, 640] as const, [800, 600, 640, 480] as const],
      ...[[640, 480, 640, 480] as const, [3, 2, 3, 2] as const, [16_384, 2, 640, 1] as const],
    ];
    for (const [width, height, ...size] of sizes) {
      const fitting = fittingSize({ width, height }, 640);
      assert.deepEqual([fitting.width, fitting.height], size);
    }
  });
});

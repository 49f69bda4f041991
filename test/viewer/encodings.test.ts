// Every way of pictures to a canvas that `ops/bench encodings` measures, in small: a real display, and a real browser.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { CanvasPage, type Encoding } from '../../ops/benchmark/display/canvas-page.ts';
import { judge } from '../../ops/benchmark/display/clip.ts';
import { serveEdge } from '../../ops/benchmark/display/edge/edge.ts';
import { EDGE_WAYS, VIEWER_WAYS } from '../../ops/benchmark/display/ways.ts';
import { connectRfb } from '../../src/session/rfb/client.ts';
import { serveViewer } from '../../src/session/viewer/server.ts';
import { startDesktop, type TestDesktop } from './desktop.ts';

const [WIDTH, HEIGHT] = [1024, 768];
const PIXELS = WIDTH * HEIGHT;
const CELL = 40;
const BITS = 12;
const FRAME_COUNT = 12;
/** Windows of one colour each, beside each other. */
const COLOURS = [0xc83c28, 0x28a050, 0x2846c8, 0xe6c832, 0x787878];
const WINDOW = { y: 200, step: 150, side: 100 } as const;
/** What a coder may make of an area of one colour. */
const TOLERANCE = 6;

describe('a picture on its way to a canvas', function () {
  this.timeout(120_000);
  let desktop: TestDesktop;
  beforeEach(async () => {
    desktop = await startDesktop();
  });
  afterEach(() => desktop.stop());

  for (const [name, way] of Object.entries(VIEWER_WAYS))
    it(`has its colours and keeps its place as ${name} in the viewer`, async () => {
      const rfbConnect = async () => connect(desktop.socketPath);
      const viewer = await serveViewer({ rfbConnect });
      try {
        await expectFilm(viewer.url, { way, leastBytes: name === 'raw' ? PIXELS * 4 : 0 });
      } finally {
        await viewer.close();
      }
    });

  for (const [name, coding] of Object.entries(EDGE_WAYS))
    it(`has its colours and keeps its place as ${name}, encoded outside the session`, async () => {
      const edge = await serveEdge(async () => connect(desktop.socketPath), coding);
      try {
        await expectFilm(edge.url, { leastBytes: coding === 'i420' ? PIXELS * 1.5 * FRAME_COUNT : 0 });
      } finally {
        await edge.close();
      }
    });

  async function expectFilm(
    url: string,
    { way, leastBytes }: { readonly way?: Encoding | undefined; readonly leastBytes: number },
  ): Promise<void> {
    await showFrame(0);
    await openWindows();
    const page = await CanvasPage.open(url, join(desktop.folder, 'browser'), way);
    try {
      await page.watchFrames();
      const first = await page.pixels();
      assert.deepEqual([first.width, first.height], [WIDTH, HEIGHT]);
      for (const [i, colour] of COLOURS.entries()) {
        const [x, y] = middleOf(i);
        const at = (y * WIDTH + x) * 4;
        const shown = [...first.data.subarray(at, at + 3)];
        const off = shown.map((value, channel) => Math.abs(value - ((colour >> (16 - channel * 8)) & 255)));
        assert.ok(Math.max(...off) <= TOLERANCE, `${colour.toString(16)} was shown as ${shown.join(', ')}`);
      }
      for (let number = 1; number <= FRAME_COUNT; number++) {
        await showFrame(number);
        await page.untilFrame(number);
      }
      const tops = (await page.frames()).map(({ top }) => top);
      assert.deepEqual(
        // the picture before them may still have been on its way when the watch began
        tops.slice(tops.findIndex((top) => top > 0)),
        Array.from({ length: FRAME_COUNT }, (_, i) => i + 1),
      );
      // as fast as they can be drawn, so that several are on their way at a time
      const last = FRAME_COUNT * 2;
      for (let number = FRAME_COUNT + 1; number <= last; number++) await showFrame(number);
      await page.untilFrame(last);
      const { disorderCount, tornCount } = judge(await page.frames());
      assert.deepEqual({ disorderCount, tornCount }, { disorderCount: 0, tornCount: 0 });
      const { bytes } = await page.drawn();
      assert.ok(bytes >= leastBytes, `${bytes} bytes`);
    } finally {
      await page.close();
    }
  }

  /** As the clip of the bench has it: its number in two strips of blocks, on black. */
  async function showFrame(number: number): Promise<void> {
    const strip = Array.from({ length: WIDTH }, (_, x) => {
      const cell = Math.floor(x / CELL);
      return cell === 0 || (cell <= BITS && ((number >> (cell - 1)) & 1) === 1);
    });
    const bytesOf = (bits: readonly boolean[]) =>
      Array.from({ length: WIDTH / 8 }, (_, i) =>
        bits.slice(i * 8, i * 8 + 8).reduce((byte, bit, at) => byte | (Number(bit) << at), 0),
      );
    const [full, empty] = [bytesOf(strip), bytesOf(strip.map(() => false))];
    const rows = Array.from({ length: HEIGHT }, (_, y) => (y < CELL || y >= HEIGHT - CELL ? full : empty));
    const file = join(desktop.folder, 'frame.xbm');
    const head = `#define f_width ${WIDTH}\n#define f_height ${HEIGHT}\nstatic char f_bits[] = {\n`;
    await writeFile(file, `${head}${rows.flat().join(',')}};\n`);
    const [status] = await once(
      desktop.start('xsetroot', ['-bitmap', file, '-fg', 'white', '-bg', 'black']),
      'exit',
    );
    assert.equal(status, 0);
  }

  async function openWindows(): Promise<void> {
    const { side, y } = WINDOW;
    for (const [i, colour] of COLOURS.entries()) {
      const name = `#${colour.toString(16).padStart(6, '0')}`;
      const look = ['-bg', name, '-fg', name, '-cr', name, '-bw', '0', '-fn', '10x20'];
      const place = `${side / 10}x${side / 20}+${placeOf(i)}+${y}`;
      desktop.start('xterm', [...look, '-geometry', place, '-e', 'sleep', '60']);
    }
    const display = await connectRfb(desktop.socketPath, { timeoutMs: 10_000 });
    await display.waitForPixels(
      (framebuffer) => COLOURS.every((colour, i) => framebuffer.colorAt(...middleOf(i)) === colour),
      10_000,
    );
    display.close();
  }
});

function placeOf(i: number): number {
  return 100 + i * WINDOW.step;
}

function middleOf(i: number): [x: number, y: number] {
  return [placeOf(i) + WINDOW.side / 2, WINDOW.y + WINDOW.side / 2];
}

// A viewer's page in a browser of its own, ours or another's: what its canvas shows, and what that costs the browser.
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { processorSeconds } from './processor-time.ts';

const WATCH = fileURLToPath(new URL('./canvas-watch.js', import.meta.url));
const CHOOSE = fileURLToPath(new URL('./choose-encoding.js', import.meta.url));
const BROWSER = '/usr/bin/chromium';
const QUIET = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', ...QUIET];
const PATIENCE_MS = 30_000;
const POLL_MS = 20;
const STILL_MS = 300;
/** Longer than a picture takes, and not the same each time: a display that draws at a beat is met at all of its times. */
const BETWEEN_KEYS_MS = 80;

/** A frame of the clip as it was on the canvas. */
export interface SeenFrame {
  /** What its upper and its lower strip say; they differ if it is made of two. */
  readonly top: number;
  readonly bottom: number;
  /** How often it was drawn before the next. */
  readonly count: number;
  /** By the page's clock. */
  readonly atMs: number;
}

/** What came to the page and was drawn there up to now. */
export interface Drawn {
  readonly bytes: number;
  readonly draws: number;
}

/** How pixels are to come instead of as the page would ask for them. */
export interface Encoding {
  /** Of JPEG, 0 to 9. */
  readonly quality?: number;
  /** The only encoding of pixels that is asked for, by its number in RFB. */
  readonly only?: number;
  /** Without what the page does for JPEG. */
  readonly isAsNoVnc?: boolean;
}

/** Four bytes a pixel: red, green, blue and 255. */
export type Picture = Pick<PNG, 'width' | 'height' | 'data'>;

/** The page, open and connected. */
export class CanvasPage {
  readonly #context: BrowserContext;
  readonly #page: Page;
  #complaint = '';

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context;
    this.#page = page;
    page.on('pageerror', ({ message }) => {
      this.#complaint ||= `; the page says: ${message}`;
    });
  }

  /** Opens `url` and waits for the first picture; `profileDir` must not be there yet. */
  static async open(url: string, profileDir: string, encoding?: Encoding): Promise<CanvasPage> {
    const context = await chromium.launchPersistentContext(profileDir, {
      executablePath: BROWSER,
      args: FLAGS,
      headless: true,
      viewport: { width: 1280, height: 800 },
    });
    const page = await context.newPage();
    const opened = new CanvasPage(context, page);
    await page.addInitScript({ path: WATCH });
    if (encoding !== undefined) {
      await page.addInitScript(`globalThis.deskpodEncoding = ${JSON.stringify(encoding)}`);
      await page.addInitScript({ path: CHOOSE });
    }
    await page.goto(url);
    // a one-time link leads on from a page of its own
    await page.waitForURL(({ pathname }) => !pathname.startsWith('/open/'));
    await opened.#until('deskpodBench.counts.draws > 0', 'a first picture');
    await opened.untilStill();
    return opened;
  }

  async close(): Promise<void> {
    await this.#context.close();
  }

  /** Processor time of all of the browser's processes until now, in seconds. */
  browserSeconds(): number {
    return processorSeconds(process.pid, /^chromium/);
  }

  drawn(): Promise<Drawn> {
    return this.#page.evaluate<Drawn>('({ ...deskpodBench.counts })');
  }

  /** What the canvas shows, whole. */
  async pixels(): Promise<Picture> {
    return pictureIn(await this.#page.evaluate<string>("document.querySelector('canvas').toDataURL()"));
  }

  /** Waits until the canvas was drawn on more than `draws` times. */
  untilDrawn(draws: number): Promise<void> {
    return this.#until(`deskpodBench.counts.draws > ${draws}`, 'something new');
  }

  /** Gives the keyboard to the desktop, by a click into it. */
  async focus(): Promise<void> {
    await this.#page
      .locator('canvas')
      .first()
      .click({ position: { x: 400, y: 400 } });
    await this.untilStill();
  }

  /** Presses a key, and waits until the picture stands still again. */
  async press(key: string): Promise<void> {
    await this.#page.keyboard.press(key);
    await this.untilStill();
  }

  /** Waits until nothing has been drawn for a while. */
  untilStill(): Promise<void> {
    return this.#until(`deskpodBench.stillMs > ${STILL_MS}`, 'a picture that stands still');
  }

  /** Types letters one by one; returns how long each took from the browser's event to pixels on the canvas, in milliseconds. */
  async typeAndWatch(letters: string): Promise<readonly number[]> {
    await this.#page.evaluate("deskpodBench.watch('change')");
    for (const [i, letter] of [...letters].entries()) {
      await this.#page.keyboard.press(letter);
      await this.#until(`deskpodBench.changes.length > ${i}`, `the ${i + 1}th letter`);
      await delay(BETWEEN_KEYS_MS + ((i * 7) % 40));
    }
    return this.#page.evaluate<number[]>('deskpodBench.changes');
  }

  /** Presses a key that changes the whole picture; returns the milliseconds until the last of it was on the canvas. */
  async turnPage(key: string): Promise<number> {
    await this.#page.evaluate("deskpodBench.watch('off')");
    const { draws } = await this.drawn();
    await this.#page.keyboard.press(key);
    await this.untilDrawn(draws);
    await this.untilStill();
    return this.#page.evaluate<number>('deskpodBench.sinceKeyMs');
  }

  /** Notes frames of the clip from now on; with `keptEvery` it keeps a part of those whose numbers are multiples of that. */
  async watchFrames(keptEvery?: number): Promise<void> {
    await this.#page.evaluate(`deskpodBench.watch('frames', ${keptEvery})`);
  }

  /** The parts that were kept of frames since {@link watchFrames}, by their numbers, as they were when they were first drawn. */
  async keptFrames(): Promise<ReadonlyMap<number, Picture>> {
    const kept = new Map<number, Picture>();
    for (const number of await this.#page.evaluate<number[]>('deskpodBench.keptNumbers'))
      kept.set(number, pictureIn(await this.#page.evaluate<string>(`deskpodBench.pictureOf(${number})`)));
    return kept;
  }

  /** Waits until the newest frame that was seen is the one of this number. */
  untilFrame(number: number): Promise<void> {
    return this.#until(`deskpodBench.frames.at(-1)?.top === ${number}`, `frame ${number}`);
  }

  /** Waits until so many frames were seen. */
  untilFrames(count: number): Promise<void> {
    return this.#until(`deskpodBench.frames.length >= ${count}`, `${count} frames`);
  }

  /** The frames since {@link watchFrames}. */
  frames(): Promise<readonly SeenFrame[]> {
    return this.#page.evaluate<SeenFrame[]>('deskpodBench.frames');
  }

  async #until(condition: string, what: string): Promise<void> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    while (!(await this.#page.evaluate<boolean>(condition))) {
      if (performance.now() > deadlineMs)
        throw new Error(`${what} did not come within ${PATIENCE_MS} ms${this.#complaint}`);
      await delay(POLL_MS);
    }
  }
}

function pictureIn(dataUrl: string): Picture {
  return PNG.sync.read(Buffer.from(dataUrl.slice(dataUrl.indexOf(',') + 1), 'base64'));
}

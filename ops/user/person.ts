// A person at the display: opens programs, waits until they can be seen, types, clicks, reads what is there.
import { setTimeout as delay } from 'node:timers/promises';
import type { RfbClient } from '../../src/session/rfb/client.ts';
import { SHIFT } from '../../src/session/rfb/keysyms.ts';
import type { Program } from './program.ts';

/** Large programs take their time on a busy machine. */
const PATIENCE_MS = 90_000;
const POLL_MS = 100;
const STILL_MS = 1000;
/** A cursor, or the figures of a clock. */
const BLINKING_PIXELS = 1000;
/** Toolkits keep smaller ones, which nobody sees. */
const SMALLEST_WINDOW_PIXELS = 30;

/** A window: what it is called, and where it stands on the screen, in pixels. */
export interface Window {
  /** As X numbers it, in hexadecimal: `0x600007`. */
  readonly id: string;
  readonly title: string;
  readonly windowClass: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What a window is known by. */
export interface WindowMarks {
  readonly windowClass?: string;
  readonly title?: RegExp;
}

/** Someone who uses the session of `device` through its display. */
export class Person {
  readonly #program: Program;
  readonly #device: string;
  readonly #display: RfbClient;
  readonly #signal: AbortSignal;

  constructor(program: Program, device: string, display: RfbClient, signal: AbortSignal) {
    this.#program = program;
    this.#device = device;
    this.#display = display;
    this.#signal = signal;
  }

  /** What a command in the session prints. */
  exec(...argv: string[]): Promise<string> {
    return this.#program.exec(this.#device, ...argv);
  }

  /** Starts a program that stays. */
  async launch(...argv: string[]): Promise<void> {
    await this.exec('sh', '-c', 'cd; setsid -f "$@" >/dev/null 2>&1 </dev/null', 'sh', ...argv);
  }

  /** Starts a program that stays, and waits until a window of this class can be seen. */
  async open(windowClass: string, ...argv: string[]): Promise<Window> {
    await this.launch(...argv);
    return this.window({ windowClass });
  }

  /** Waits until a window with these marks can be seen. */
  window({ windowClass, title }: WindowMarks): Promise<Window> {
    return this.until(
      async () =>
        (await this.windows()).find(
          (window) =>
            (windowClass === undefined || window.windowClass === windowClass) &&
            (title === undefined || title.test(window.title)),
        ),
      `a window ${[windowClass, title].filter((mark) => mark !== undefined).join(' ')}`,
    );
  }

  /** Waits until the screen stands still with a window of these marks on it: it has its place and size then. */
  async stillWindow(marks: WindowMarks): Promise<Window> {
    await this.window(marks);
    await this.untilStill();
    return this.window(marks);
  }

  /** Every window that is large enough to be seen, from the top of the stack. */
  async windows(): Promise<readonly Window[]> {
    const tree = await this.exec('xwininfo', '-root', '-tree');
    return tree.split('\n').flatMap((line) => {
      const found =
        /^ *(0x\w+) (?:"(.*)"|\(has no name\)): \("[^"]*" "([^"]*)"\) {2}(\d+)x(\d+)\+-?\d+\+-?\d+ {2}\+(-?\d+)\+(-?\d+)/.exec(
          line,
        );
      if (found === null) return [];
      const [, id = '', title = '', windowClass = ''] = found;
      const [width = 0, height = 0, x = 0, y = 0] = found.slice(4).map(Number);
      if (Math.min(width, height) < SMALLEST_WINDOW_PIXELS) return [];
      return [{ id, title, windowClass, x, y, width, height }];
    });
  }

  /** Waits until the screen stands still for a while, but for what blinks: what was opened has come up then. */
  async untilStill(): Promise<void> {
    let former: Uint32Array | undefined;
    let changedAtMs = performance.now();
    await this.until(async () => {
      await this.#display.requestUpdate();
      const pixels = new Uint32Array(this.#display.framebuffer.rgba.slice().buffer);
      if (former === undefined || countDifferences(former, pixels) > BLINKING_PIXELS)
        changedAtMs = performance.now();
      former = pixels;
      return performance.now() - changedAtMs >= STILL_MS || undefined;
    }, 'a screen that stands still');
  }

  /** Clicks into the middle of a window, sees that it has the focus, and types. */
  async typeInto(window: Window, text: string): Promise<void> {
    await this.clickInto(window);
    // What is typed before the window manager has seen the click goes to the window before.
    await this.expect(
      () => this.#activeWindow(),
      (id) => id === window.id,
      `the focus on ${window.id}`,
      PATIENCE_MS,
    );
    await this.type(text);
  }

  /** Clicks into a window: `across` and `down` are fractions of its width and height. */
  clickInto({ x, y, width, height }: Window, across = 0.5, down = 0.5): Promise<void> {
    return this.#display.click(Math.round(x + width * across), Math.round(y + height * down));
  }

  /** Types into the window that has the focus. */
  type(text: string): Promise<void> {
    return this.#display.typeText(text);
  }

  /** Presses keys together in the window that has the focus. */
  press(chord: string): Promise<void> {
    return this.#display.pressChord(chord);
  }

  /** Presses the left button at one corner of a window, less a margin, and lets it go at the opposite one. */
  async dragAcross({ x, y, width, height }: Window, marginPixels: number): Promise<void> {
    const [left, top] = [x + marginPixels, y + marginPixels];
    const [right, bottom] = [x + width - 1 - marginPixels, y + height - 1 - marginPixels];
    this.#display.pointer(left, top);
    this.#display.pointer(left, top, 1);
    // A pointer that arrives at once is no drag to some programs.
    for (const part of [0.25, 0.5, 0.75, 1]) {
      this.#display.pointer(
        Math.round(left + (right - left) * part),
        Math.round(top + (bottom - top) * part),
        1,
      );
      await this.#display.roundTrip();
    }
    this.#display.pointer(right, bottom);
    await this.#display.roundTrip();
  }

  /** The text that a terminal shows: selected with shift held, so that programs which read the mouse do not see it. */
  async terminalText(terminal: Window): Promise<string> {
    this.#display.keyDown(SHIFT);
    await this.dragAcross(terminal, 3);
    this.#display.keyUp(SHIFT);
    await this.#display.roundTrip();
    return this.selection('primary').catch(() => '');
  }

  /** The text on the session's clipboard. */
  clipboard(): Promise<string> {
    return this.selection('clipboard');
  }

  /** The text of an X selection, or what it offers as another `target`; rejects if nothing owns it. */
  selection(name: 'primary' | 'clipboard', target = 'UTF8_STRING'): Promise<string> {
    return this.exec('timeout', '10', 'xclip', '-o', '-selection', name, '-t', target);
  }

  /** The number in the title of the terminal that counts; undefined before it counts. */
  async counter(): Promise<number | undefined> {
    const titles = (await this.windows()).map(({ title }) => /^counted (\d+)$/.exec(title)?.[1]);
    const count = titles.find((title) => title !== undefined);
    return count === undefined ? undefined : Number(count);
  }

  /** Every process in the session but those that look: id, name and arguments. */
  async processes(): Promise<string> {
    const listing = await this.exec(
      ...[
        'sh',
        '-c',
        'cd /proc; for p in [0-9]*; do printf "%s %s\\n" "$p" "$(tr "\\0" " " <$p/cmdline)"; done',
      ],
    );
    return listing
      .split('\n')
      .filter((line) => !/ (sh -c cd .proc|sleep |$)/.test(line) && !/^\d+ $/.test(line))
      .sort((one, other) => Number.parseInt(one, 10) - Number.parseInt(other, 10))
      .join('\n');
  }

  /** The window that has the focus, as X numbers it. */
  async #activeWindow(): Promise<string> {
    const property = await this.exec('xprop', '-root', '_NET_ACTIVE_WINDOW');
    return property.trim().split(' ').at(-1) ?? '';
  }

  /** Asks again and again until there is an answer. */
  async until<Answer>(ask: () => Promise<Answer | undefined>, what: string): Promise<Answer> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (;;) {
      this.#signal.throwIfAborted();
      const answer = await ask();
      if (answer !== undefined) return answer;
      if (performance.now() > deadlineMs) throw new Error(`${what} did not appear within ${PATIENCE_MS} ms`);
      await delay(POLL_MS);
    }
  }

  /** Asks again and again until the answer passes; throws with the last one. */
  async expect<Answer>(
    ask: () => Promise<Answer>,
    passes: (answer: Answer) => boolean,
    what: string,
    patienceMs = 15_000,
  ): Promise<Answer> {
    const deadlineMs = performance.now() + patienceMs;
    for (;;) {
      this.#signal.throwIfAborted();
      const answer = await ask();
      if (passes(answer)) return answer;
      if (performance.now() > deadlineMs) throw new Error(`expected ${what}, got ${JSON.stringify(answer)}`);
      await delay(POLL_MS);
    }
  }
}

function countDifferences(former: Uint32Array, latter: Uint32Array): number {
  let count = 0;
  for (let i = 0; i < latter.length; i++) if (former[i] !== latter[i]) count++;
  return count;
}

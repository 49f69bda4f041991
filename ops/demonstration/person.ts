// A person at the display: opens programs, waits until they can be seen, types.
import type { RfbClient } from '../../src/session/rfb/client.ts';
import type { Program } from './program.ts';

const WINDOW_TIMEOUT_MS = 20_000;
const POLL_MS = 100;

/** A window, and where it stands on the screen, in pixels. */
export interface Window {
  /** As X numbers it, in hexadecimal: `0x600007`. */
  readonly id: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
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

  /** Starts a program that stays, and waits until a window of this class can be seen. */
  async open(windowClass: string, ...argv: string[]): Promise<Window> {
    await this.#program.exec(
      this.#device,
      'sh',
      '-c',
      'setsid -f "$@" >/dev/null 2>&1 </dev/null',
      'sh',
      ...argv,
    );
    return this.until(() => this.#findWindow(windowClass), `a window of ${windowClass}`);
  }

  /** Clicks into the middle of a window, sees that it has the focus, and types. */
  async typeInto(window: Window, text: string): Promise<void> {
    const x = Math.round(window.x + window.width / 2);
    const y = Math.round(window.y + window.height / 2);
    await this.#display.click(x, y);
    // what is typed before the window manager has seen the click goes to the window before
    await this.until(async () => (await this.#isActive(window)) || undefined, `the focus on ${window.id}`);
    await this.#display.typeText(text);
  }

  /** Presses keys together in the window that has the focus. */
  press(chord: string): Promise<void> {
    return this.#display.pressChord(chord);
  }

  /** The text on the session's clipboard. */
  clipboard(): Promise<string> {
    return this.#program.exec(this.#device, 'xclip', '-o', '-selection', 'clipboard');
  }

  /** The number in the title of the terminal that counts; undefined before it counts. */
  async counter(): Promise<number | undefined> {
    const titles = await this.#program.exec(this.#device, 'xwininfo', '-root', '-tree');
    const [, count] = /"counted (\d+)"/.exec(titles) ?? [];
    return count === undefined ? undefined : Number(count);
  }

  /** Every process in the session but those that look: id, name and arguments. */
  async processes(): Promise<string> {
    const listing = await this.#program.exec(
      this.#device,
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

  /** Asks again and again until there is an answer. */
  async until<Answer>(ask: () => Promise<Answer | undefined>, what: string): Promise<Answer> {
    const deadlineMs = performance.now() + WINDOW_TIMEOUT_MS;
    for (;;) {
      this.#signal.throwIfAborted();
      const answer = await ask();
      if (answer !== undefined) return answer;
      if (performance.now() > deadlineMs)
        throw new Error(`${what} did not appear within ${WINDOW_TIMEOUT_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async #isActive({ id }: Window): Promise<boolean> {
    const property = await this.#program.exec(this.#device, 'xprop', '-root', '_NET_ACTIVE_WINDOW');
    return property.trim().endsWith(` ${id}`);
  }

  async #findWindow(windowClass: string): Promise<Window | undefined> {
    const tree = await this.#program.exec(this.#device, 'xwininfo', '-root', '-tree');
    const line = tree
      .split('\n')
      .find((each) => each.includes(`"${windowClass}")`) && !/ 1x1\+| 10x10\+/.test(each));
    const [, width, height, x, y] = (
      / (\d+)x(\d+)\+-?\d+\+-?\d+ {2}\+(-?\d+)\+(-?\d+)/.exec(line ?? '') ?? []
    ).map(Number);
    const [, id] = /^ *(0x[0-9a-f]+) /.exec(line ?? '') ?? [];
    if (id === undefined || x === undefined || y === undefined || width === undefined || height === undefined)
      return undefined;
    return { id, x, y, width, height };
  }
}

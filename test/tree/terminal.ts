// The program at a terminal of its own: what it shows is waited for, what is typed is sent.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../bin/deskpod', import.meta.url));
const PATIENCE_MS = 30_000;
/** What moves the cursor, colours and erases. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROLS = /\u001b\[[0-9;?]*[A-Za-z]|[\u0000-\u0009\u000b-\u001f]/g;

/** Keys as a terminal sends them. */
export const KEYS = { enter: '\r', up: '\u001b[A', down: '\u001b[B', interrupt: '\u0003' } as const;

/** A command that runs at a terminal. */
export class Terminal {
  readonly #child: ChildProcess;
  readonly #listeners = new Set<() => void>();
  readonly ended: Promise<number | null>;
  #shown = '';
  /** It has ended, and all that it showed has come: its process may be gone before that. */
  #hasEnded = false;
  /** What was waited for before does not count again. */
  #at = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    const take = (bytes: Buffer): void => {
      this.#shown += bytes.toString('utf8');
      for (const listener of this.#listeners) listener();
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    this.ended = once(child, 'close').then(([status]) => {
      this.#hasEnded = true;
      for (const listener of this.#listeners) listener();
      return status as number | null;
    });
  }

  /** Starts deskpod with these arguments; none may need quotes. */
  static start(args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}): Terminal {
    const command = `stty cols 120 rows 60; exec ${[PROGRAM, ...args].join(' ')}`;
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, DESKPOD_PASSPHRASE_FILE: undefined, TERM: 'xterm', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    return new Terminal(child);
  }

  /** All that was shown, without what steers the terminal. */
  get text(): string {
    return this.#shown.replace(CONTROLS, '');
  }

  /** Waits until it shows something that it had not shown before. */
  async shows(pattern: RegExp): Promise<void> {
    const isThere = (): boolean => {
      const found = pattern.exec(this.text.slice(this.#at));
      if (found === null) return false;
      this.#at += found.index + found[0].length;
      return true;
    };
    if (isThere()) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (isThere()) settle(resolve);
        else if (this.#hasEnded) settle(() => reject(this.#missing(pattern, 'before it ended')));
      };
      const settle = (end: () => void): void => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        end();
      };
      timer = setTimeout(() => settle(() => reject(this.#missing(pattern, 'in time'))), PATIENCE_MS);
      this.#listeners.add(look);
      look();
    });
  }

  /** Types. */
  type(...texts: readonly string[]): void {
    this.#child.stdin?.write(texts.join(''));
  }

  /** Waits for a question, and answers it. */
  async answer(question: RegExp, ...texts: readonly string[]): Promise<void> {
    await this.shows(question);
    this.type(...texts);
  }

  /** Ends whatever still runs there. */
  close(): void {
    const { pid } = this.#child;
    if (pid === undefined || this.#child.exitCode !== null) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  #missing(pattern: RegExp, when: string): Error {
    return new assert.AssertionError({
      message: `${pattern} was not shown ${when}:\n${this.text.slice(-3000)}`,
    });
  }
}

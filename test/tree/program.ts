// The program itself as a child process: what a user types, and what comes back.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { exitStatusOf } from '../../src/cli/exit-codes.ts';
import type { ErrorCode } from '../../src/core/errors.ts';
import type { Progress } from '../../src/core/progress.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/deskpod', import.meta.url));

/** How a command ended. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A failure as `--json` tells it. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** How a command is run. */
export interface Surroundings {
  /** Over this process's environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  /** A program that runs the command, with its arguments, such as one that takes rights away. */
  readonly through?: readonly string[];
}

/** A command that runs. */
export interface Running {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** Settles at the first progress that `matches`, or when the command has ended: then with undefined. */
  progress(matches: (progress: Progress) => boolean): Promise<Progress | undefined>;
  /** Ends the command itself, not what it has started. */
  kill(signal?: NodeJS.Signals): void;
}

/** Commands of one pod: they share surroundings, and what they leave running is ended by `close`. */
export class Program {
  readonly #surroundings: Surroundings;
  readonly #children = new Set<ChildProcess>();

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** The same commands in other surroundings. */
  with(surroundings: Surroundings): Program {
    const env = { ...this.#surroundings.env, ...surroundings.env };
    return new Program({ ...this.#surroundings, ...surroundings, env });
  }

  /** Starts a command that reports its progress. */
  start(args: readonly string[]): Running {
    const child = this.#spawn(['--ndjson', ...args]);
    const { pid, stdout } = child;
    assert.ok(pid !== undefined && stdout !== null);
    const listeners = new Set<(progress: Progress | undefined) => void>();
    const lines = createInterface({ input: stdout });
    const past: Progress[] = [];
    let hasEnded = false;
    lines.on('line', (line) => {
      const value = JSON.parse(line) as { type?: string } & Progress;
      if (value.type !== 'progress') return;
      past.push(value);
      for (const listener of listeners) listener(value);
    });
    const ended = collect(child).then((how) => {
      hasEnded = true;
      for (const listener of listeners) listener(undefined);
      return how;
    });
    return {
      pid,
      ended,
      progress: (matches) =>
        new Promise((resolve) => {
          const early = past.find(matches);
          if (early !== undefined || hasEnded) return resolve(early);
          const listener = (progress: Progress | undefined): void => {
            if (progress !== undefined && !matches(progress)) return;
            listeners.delete(listener);
            resolve(progress);
          };
          listeners.add(listener);
        }),
      kill: (signal = 'SIGKILL') => {
        child.kill(signal);
      },
    };
  }

  /** Runs a command to its end, whatever that is. */
  run(args: readonly string[]): Promise<Ended> {
    return collect(this.#spawn(args));
  }

  /** The object that a command prints; fails unless it is the only thing on stdout and the command did well. */
  async answer<Answer>(args: readonly string[]): Promise<Answer> {
    const { status, stdout, stderr } = await this.run(['--json', ...args]);
    assert.equal(status, 0, `deskpod ${args.join(' ')}: ${stderr}`);
    return onlyObject(stdout) as Answer;
  }

  /** The failure of a command, which must have `code` and the exit status that the table promises for it. */
  async failure(code: ErrorCode, args: readonly string[]): Promise<Failure> {
    const { status, stdout, stderr } = await this.run(['--json', ...args]);
    const said = `deskpod ${args.join(' ')}: ${stdout}${stderr}`;
    assert.notEqual(status, 0, said);
    const { error } = onlyObject(stdout) as { error: Failure };
    assert.equal(error.code, code, said);
    assert.equal(status, exitStatusOf(code), said);
    assert.ok(stderr.includes(`deskpod: ${error.message}\n`), said);
    assert.doesNotMatch(stderr, /defect of deskpod/);
    return error;
  }

  /** Ends everything that these commands, or what they started, left running. */
  async close(): Promise<void> {
    for (const child of this.#children) endGroup(child);
  }

  #spawn(args: readonly string[]): ChildProcess {
    const { env, cwd, input, through = [] } = this.#surroundings;
    const [file = PROGRAM, ...rest] = [...through, PROGRAM, ...args];
    const child = spawn(file, rest, {
      cwd,
      // A group of its own: what a killed command has started can be found and ended by it.
      detached: true,
      env: { ...process.env, ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    child.stdin?.end(input);
    this.#children.add(child);
    return child;
  }
}

async function collect(child: ChildProcess): Promise<Ended> {
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout?.on('data', (bytes: Buffer) => stdout.push(bytes));
  child.stderr?.on('data', (bytes: Buffer) => stderr.push(bytes));
  // Not `close`: what a killed command has started may hold its output open.
  const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (...how) => {
      if (how[1] !== null) resolve(how);
      else child.once('close', () => resolve(how));
    });
  });
  return { status, signal, stdout: text(stdout), stderr: text(stderr) };
}

function text(pieces: readonly Buffer[]): string {
  return Buffer.concat(pieces).toString('utf8');
}

function onlyObject(stdout: string): unknown {
  assert.match(stdout, /^\{.*\}\n$/, `expected one line with one object, got ${JSON.stringify(stdout)}`);
  return JSON.parse(stdout);
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

// Programs of the system: the one place where execa is used.
import { statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { ExecaError } from 'execa';
import { closeDescriptorsOnExec } from './posix/descriptors.ts';

/** How much of a failed program's output is kept in its error. */
const TAIL_CHARACTERS = 4096;

/** The exit code of a program that a signal ended, as shells begin to count. */
const SIGNALLED = 128;

/** Programs whose output is parsed speak one language and one number format. */
const PLAIN_LOCALE = { LANG: 'C', LC_ALL: 'C' } as const;

/** Environment variables for a program, over those of this process; `undefined` takes one away. */
type Environment = Readonly<Record<string, string | undefined>>;

/** How {@link run} starts a program. */
export interface RunOptions {
  /** Bytes for the program's standard input; without it standard input is what `stdin` says. */
  readonly input?: string | Uint8Array | Readable;
  /** Over this process's environment, in which LANG and LC_ALL are C. */
  readonly env?: Environment;
  readonly cwd?: string;
  /** The program is ended (SIGTERM, 5 s later SIGKILL) after this time. */
  readonly timeoutMs?: number;
  /** Ends the program when it aborts. */
  readonly signal?: AbortSignal;
  /** Standard input when there is no `input`: nothing (the default), this process's own, or a file descriptor. */
  readonly stdin?: 'ignore' | 'inherit' | number;
  /** Called for every line as it comes; a carriage return ends a line too, empty lines are left out. */
  readonly onStdoutLine?: (line: string) => void;
  readonly onStderrLine?: (line: string) => void;
  /** What it prints is not kept, as it may run for ever: it is heard by line, or not at all. */
  readonly isEndless?: boolean;
  /** Called once with the process id, as soon as the program runs. */
  readonly onStart?: (pid: number) => void;
}

/** What a program that ended with exit code 0 printed, as UTF-8 text without its final newline. */
export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** A program that could not be started, or did not end with exit code 0. */
export class ProcessError extends Error {
  readonly program: string;
  readonly args: readonly string[];
  /** The exit code, or `undefined` if it was ended by a signal or never started. */
  readonly exitCode: number | undefined;
  /** The signal that ended it. */
  readonly signal: NodeJS.Signals | undefined;
  /** The last 4096 characters of what it printed. */
  readonly stderrTail: string;
  readonly stdoutTail: string;
  /** True if there is no such program. */
  readonly notFound: boolean;
  /** True if it was ended because `timeoutMs` had passed. */
  readonly timedOut: boolean;
  /** True if it was ended by its AbortSignal. */
  readonly cancelled: boolean;

  constructor(program: string, args: readonly string[], cwd: string | undefined, failure: ExecaError) {
    const stderrTail = tail(failure.stderr);
    const notFound = failure.exitCode === undefined && isFolder(cwd) && isMissing(program, cwd, failure);
    super(`${program}: ${describe(failure, notFound)}${stderrTail === '' ? '' : `: ${stderrTail.trim()}`}`, {
      cause: failure,
    });
    this.name = 'ProcessError';
    this.program = program;
    this.args = args;
    this.exitCode = failure.exitCode;
    this.signal = failure.signal;
    this.stderrTail = stderrTail;
    this.stdoutTail = tail(failure.stdout);
    this.notFound = notFound;
    this.timedOut = failure.timedOut;
    this.cancelled = failure.isCanceled;
  }
}

/**
 * Runs a program to its end. Arguments go to it as they are, there is no shell.
 * @throws ProcessError if it is not there or ends with anything but exit code 0.
 */
export async function run(
  program: string,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<RunResult> {
  const { ExecaError, execa } = await loadExeca();
  closeDescriptorsOnExec();
  try {
    const child = execa(program, args, {
      env: { ...PLAIN_LOCALE, ...options.env } as Record<string, string>,
      ...(options.input === undefined ? { stdin: stdio(options.stdin) } : inputOf(options.input)),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
      ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
      ...(options.isEndless === true ? { buffer: false } : {}),
    });
    if (options.isEndless === true) for (const stream of [child.stdout, child.stderr]) stream?.resume();
    if (options.onStdoutLine !== undefined) eachLine(child.stdout, options.onStdoutLine);
    if (options.onStderrLine !== undefined) eachLine(child.stderr, options.onStderrLine);
    if (child.pid !== undefined) options.onStart?.(child.pid);
    const result = await child;
    return { stdout: result.stdout ?? '', stderr: result.stderr ?? '', exitCode: result.exitCode ?? 0 };
  } catch (error) {
    if (error instanceof ExecaError) throw new ProcessError(program, args, options.cwd, error);
    throw error;
  }
}

/**
 * Runs a program to its end on this process's own standard input, output and error. Gives its exit code, 128 if a signal
 * ended it.
 * @throws ProcessError if there is no such program.
 */
export async function runAttached(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<number> {
  const { ExecaError, execa } = await loadExeca();
  closeDescriptorsOnExec();
  try {
    await execa(program, args, { ...options, env: PLAIN_LOCALE, stdio: 'inherit' });
    return 0;
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    if (error.exitCode !== undefined) return error.exitCode;
    if (error.signal !== undefined) return SIGNALLED;
    throw new ProcessError(program, args, options.cwd, error);
  }
}

/** How {@link spawnDetached} starts a daemon. */
export interface DetachedOptions {
  readonly env?: Environment;
  readonly cwd?: string;
  /** Where its output goes: nowhere (the default) or an open file descriptor. The caller closes its own copy. */
  readonly stdout?: 'ignore' | number;
  readonly stderr?: 'ignore' | number;
  readonly stdin?: 'ignore' | number;
}

/** A program that lives on by itself. */
export interface DetachedProcess {
  readonly pid: number;
  /** Settles when it ends while this process still runs: never rejects, never keeps this process alive. */
  readonly ended: Promise<{
    readonly exitCode: number | undefined;
    readonly signal: NodeJS.Signals | undefined;
  }>;
}

/**
 * Starts a daemon: in its own session, not ended with this process, which does not wait for it. Its locale is this
 * process's, as nobody parses its output.
 * @throws ProcessError if there is no such program.
 */
export async function spawnDetached(
  program: string,
  args: readonly string[] = [],
  options: DetachedOptions = {},
): Promise<DetachedProcess> {
  const { ExecaError, execa } = await loadExeca();
  closeDescriptorsOnExec();
  const child = execa(program, args, {
    env: { ...options.env } as Record<string, string>,
    detached: true,
    cleanup: false,
    buffer: false,
    reject: false,
    stdin: stdio(options.stdin),
    stdout: stdio(options.stdout),
    stderr: stdio(options.stderr),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  if (child.pid === undefined) {
    const failure: unknown = await child;
    if (failure instanceof ExecaError) throw new ProcessError(program, args, options.cwd, failure);
    throw new Error(`${program}: did not start`);
  }
  child.unref();
  return {
    pid: child.pid,
    ended: child.then((result) => ({ exitCode: result.exitCode, signal: result.signal })),
  };
}

/** Most commands on a folder start no program, and loading this is a fifth of a start. */
function loadExeca() {
  return import('execa');
}

function inputOf(input: string | Uint8Array | Readable) {
  return { stdin: 'pipe', input } as {
    readonly stdin: 'pipe';
    readonly input: string | Uint8Array<ArrayBuffer> | Readable;
  };
}

/** Execa takes any descriptor; its types know only 0 to 2, each on its own stream. */
function stdio(stream: 'ignore' | 'inherit' | number = 'ignore'): 'ignore' | 'inherit' {
  return stream as 'ignore' | 'inherit';
}

function eachLine(stream: Readable | null, onLine: (line: string) => void): void {
  if (stream === null) return;
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const take = (text: string): void => {
    const lines = (rest + text).split(/[\r\n]+/);
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') onLine(line);
  };
  stream.on('data', (bytes: Buffer) => take(decoder.write(bytes)));
  stream.on('end', () => take(`${decoder.end()}\n`));
}

/** Looking for a name, the system tells of the folder in PATH that this user may not look into, if there is one. */
function isMissing(program: string, cwd: string | undefined, { code }: ExecaError): boolean {
  return code === 'ENOENT' || (code === 'EACCES' && !program.includes('/') && cwd === undefined);
}

function describe(failure: ExecaError, notFound: boolean): string {
  if (notFound) return 'no such program';
  if (failure.timedOut) return 'took too long and was ended';
  if (failure.isCanceled) return 'was cancelled';
  if (failure.exitCode !== undefined) return `ended with exit code ${failure.exitCode}`;
  if (failure.signal !== undefined) return `was ended by ${failure.signal}`;
  return failure.originalMessage ?? 'could not be started';
}

function tail(output: unknown): string {
  return typeof output === 'string' ? output.slice(-TAIL_CHARACTERS) : '';
}

function isFolder(path: string | undefined): boolean {
  return path === undefined || statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

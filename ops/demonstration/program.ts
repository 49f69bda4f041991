// The deskpod program as a user runs it: as a child process, asked for JSON.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../bin/deskpod', import.meta.url));

/** A command of deskpod that failed. */
export class CommandFailure extends Error {
  readonly code: string;

  constructor(args: readonly string[], code: string, stderr: string) {
    super(`deskpod ${args.join(' ')}: ${code}\n${stderr.trim()}`);
    this.name = 'CommandFailure';
    this.code = code;
  }
}

/** Runs deskpod commands on one pod after another with the same passphrase. */
export class Program {
  readonly #passphraseFile: string;
  readonly #signal: AbortSignal;

  constructor(passphraseFile: string, signal: AbortSignal) {
    this.#passphraseFile = passphraseFile;
    this.#signal = signal;
  }

  /** What the command printed as JSON. Throws CommandFailure with the error's code. */
  async json<Answer>(...args: string[]): Promise<Answer> {
    const { stdout, stderr, status } = await this.#run(['--json', ...args]);
    const last = stdout.trim().split('\n').at(-1) ?? '';
    if (status !== 0) throw new CommandFailure(args, errorCode(last), stderr);
    return JSON.parse(last) as Answer;
  }

  /** What a command prints in the session of `device`, without its last line ending. */
  async exec(device: string, ...argv: string[]): Promise<string> {
    const { stdout, stderr, status } = await this.#run(['exec', '-d', device, '--', ...argv]);
    if (status !== 0) throw new CommandFailure(['exec', ...argv], `status ${status}`, stderr);
    return stdout.replace(/\n$/, '');
  }

  #run(args: string[]): Promise<{ stdout: string; stderr: string; status: number | null }> {
    this.#signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const child = spawn(PROGRAM, args, {
        env: { ...process.env, DESKPOD_PASSPHRASE_FILE: this.#passphraseFile },
        stdio: ['ignore', 'pipe', 'pipe'],
        signal: this.#signal,
      });
      const output = { stdout: '', stderr: '' };
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output.stdout += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        output.stderr += text;
      });
      child.once('error', reject);
      child.once('close', (status) => resolve({ ...output, status }));
    });
  }
}

function errorCode(line: string): string {
  try {
    return (JSON.parse(line) as { error?: { code?: string } }).error?.code ?? 'no code';
  } catch (error) {
    if (error instanceof SyntaxError) return 'no code';
    throw error;
  }
}

// The deskpod program as a user runs it: as a child process, asked for JSON.
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../bin/deskpod', import.meta.url));

/** Gives the pod to a process of its own: interrupted halfway, nobody would know of that one. It takes a few seconds. */
const HANDING_OVER = 'start';
const GROUP_TIMEOUT_MS = 5000;
const POLL_MS = 5;

interface Output {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
}

/** What deskpod tells machines of a failure. */
interface FailureReport {
  readonly code?: string;
  readonly message?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A command of deskpod that failed. */
export class CommandFailure extends Error {
  readonly code: string;
  readonly report: FailureReport;

  constructor(args: readonly string[], code: string, stderr: string, report: FailureReport = {}) {
    super(`deskpod ${args.join(' ')}: ${code}\n${stderr.trim()}`);
    this.name = 'CommandFailure';
    this.code = code;
    this.report = report;
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
  async json<Answer>(command: string, ...args: string[]): Promise<Answer> {
    const { stdout, stderr, status } = await this.#run(command, ['--json', command, ...args]);
    const last = stdout.trim().split('\n').at(-1) ?? '';
    if (status !== 0) {
      const report = failureIn(last);
      throw new CommandFailure([command, ...args], report.code ?? 'no code', stderr, report);
    }
    return JSON.parse(last) as Answer;
  }

  /** What a command prints in the session of `device`, without its last line ending. */
  async exec(device: string, ...argv: string[]): Promise<string> {
    const { stdout, stderr, status } = await this.#run('exec', ['exec', '-d', device, '--', ...argv]);
    if (status !== 0) throw new CommandFailure(['exec', ...argv], `status ${status}`, stderr);
    return stdout.replace(/\n$/, '');
  }

  /** When it throws because of the signal, the command and the programs that it had started have ended. */
  #run(command: string, args: readonly string[]): Promise<Output> {
    this.#signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      // A group of its own: an interrupted terminal leaves it to us, and we end it as a whole.
      const child = spawn(PROGRAM, args, {
        env: { ...process.env, DESKPOD_PASSPHRASE_FILE: this.#passphraseFile },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      });
      const { pid } = child;
      const interrupt = (): void => {
        if (pid !== undefined && command !== HANDING_OVER) signalGroup(pid, 'SIGTERM');
      };
      this.#signal.addEventListener('abort', interrupt, { once: true });
      const output = { stdout: '', stderr: '' };
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output.stdout += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        output.stderr += text;
      });
      child.once('error', reject);
      child.once('close', (status) => {
        this.#signal.removeEventListener('abort', interrupt);
        if (!this.#signal.aborted) return resolve({ ...output, status });
        groupEnded(pid).then(() => reject(this.#signal.reason), reject);
      });
    });
  }
}

/** Sends a signal to every process of a group, or none (0); false if there is none left. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Waits for the rest of a group: what it does after the device was released would stay behind. */
async function groupEnded(pid: number | undefined): Promise<void> {
  const deadlineMs = performance.now() + GROUP_TIMEOUT_MS;
  while (pid !== undefined && performance.now() < deadlineMs && signalGroup(pid, 0)) await delay(POLL_MS);
}

function failureIn(line: string): FailureReport {
  try {
    return (JSON.parse(line) as { error?: FailureReport }).error ?? {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

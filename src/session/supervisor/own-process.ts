// Processes of our own that live on: each is told what to do through a pipe, answers once, and is left to itself.
import { spawn } from 'node:child_process';
import type { DeskPodError } from '../../core/errors.ts';
import { closeDescriptorsOnExec } from '../../sync/posix/descriptors.ts';
import { fromWireError, type LaunchLine, linesOf } from './wire.ts';

/** How such a process is listened to. */
export interface OwnProcess {
  /** Where it says what nobody is there to be told; nowhere without it. */
  readonly logFd?: number;
  /** Told all that it says before its answer. */
  readonly onLine?: (line: Exclude<LaunchLine, { result: unknown } | { error: unknown }>) => void;
  /** What is thrown if it could not be started or ended early; `what` says which. */
  readonly failed: (what: string, cause?: unknown) => DeskPodError;
}

/**
 * Starts `script`, gives it `order` through its stdin, so that no secret is in an argument or the environment, and waits
 * for its answer.
 *
 * @throws what it answered with instead, or `failed`
 */
export async function askOwnProcess<Result>(
  script: string,
  order: object,
  { logFd, onLine, failed }: OwnProcess,
): Promise<Result> {
  // whoever starts it may have another pod open, whose drive it would keep in use for as long as it lives
  closeDescriptorsOnExec();
  const child = spawn(process.execPath, [script], {
    detached: true,
    cwd: '/',
    stdio: ['pipe', 'pipe', logFd ?? 'ignore'],
  });
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new TypeError('a process without pipes');
  const died = new Promise<never>((_resolve, reject) => {
    child.once('error', (cause) => reject(failed('could not be started', cause)));
    child.once('exit', (status, signal) => reject(failed(`ended early (${signal ?? `status ${status}`})`)));
  });
  // Its end is only of interest until it has answered.
  died.catch(() => undefined);
  stdin.on('error', () => undefined);
  stdin.end(JSON.stringify(order));
  const result = await Promise.race([readAnswer(stdout, onLine), died]);
  stdout.destroy();
  child.unref();
  return result as Result;
}

async function readAnswer(stdout: NodeJS.ReadableStream, onLine: OwnProcess['onLine']): Promise<unknown> {
  for await (const text of linesOf(stdout)) {
    const line = JSON.parse(text) as LaunchLine;
    if ('result' in line) return line.result;
    if ('error' in line) throw fromWireError(line.error);
    onLine?.(line);
  }
  // Its exit tells more than the end of its output: let that win.
  return new Promise(() => undefined);
}

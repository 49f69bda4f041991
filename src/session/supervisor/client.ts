// The client of a supervisor: asks it for an operation over its unix socket.

import type { IncomingMessage } from 'node:http';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { request } from '../host/http.ts';
import { type AnswerLine, fromWireError, linesOf } from './wire.ts';

/** Operations that change nothing: whoever gets no answer may ask again. */
const READING: ReadonlySet<string> = new Set([
  ...['status', 'log', 'timeline', 'checkpoints', 'home-list', 'key-list', 'branches', 'screenshot', 'ping'],
  'schedule-list',
]);

/**
 * Asks the supervisor behind `socketPath` for one operation and waits for its outcome.
 *
 * @throws DeskPodError SUPERVISOR_UNREACHABLE if nothing listens or it dies before it answers, with `isEnding` if nothing
 * was done; otherwise what the operation itself threw, with its code.
 */
export async function callSupervisor<Result>(
  socketPath: string,
  operation: string,
  parameters: object,
  onProgress: ProgressListener,
): Promise<Result> {
  const response = await post(socketPath, operation, JSON.stringify(parameters));
  try {
    for await (const text of linesOf(response)) {
      const line = JSON.parse(text) as AnswerLine;
      if ('progress' in line) onProgress(line.progress);
      else if ('error' in line) throw fromWireError(line.error);
      else return line.result as Result;
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ECONNRESET')
      throw unreachable(socketPath, operation, cause);
    throw cause;
  }
  throw unreachable(socketPath, operation, new Error('the answer ended early'));
}

/** True if a supervisor listens on `socketPath`. */
export async function supervisorListens(socketPath: string): Promise<boolean> {
  try {
    const response = await post(socketPath, 'ping', '{}');
    response.resume();
    return true;
  } catch (error) {
    if (error instanceof DeskPodError) return false;
    throw error;
  }
}

function post(socketPath: string, operation: string, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method: 'POST', path: `/v1/${operation}`, agent: false }, resolve);
    outgoing.on('error', (cause) => reject(unreachable(socketPath, operation, cause)));
    outgoing.end(body);
  });
}

function unreachable(socketPath: string, operation: string, cause: unknown): DeskPodError {
  const { code } = cause as NodeJS.ErrnoException;
  const wasNotAsked = code === 'ECONNREFUSED' || code === 'ENOENT';
  return new DeskPodError('SUPERVISOR_UNREACHABLE', `the supervisor behind ${socketPath} does not answer`, {
    cause,
    hint: 'Run the command again: it takes over what the supervisor left.',
    details: wasNotAsked || READING.has(operation) ? { isEnding: true } : {},
  });
}

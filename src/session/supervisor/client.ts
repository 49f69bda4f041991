// The client of a supervisor: asks it for an operation over its unix socket.

import type { IncomingMessage } from 'node:http';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { request } from '../host/http.ts';
import { type AnswerLine, fromWireError, linesOf } from './wire.ts';

/**
 * Asks the supervisor behind `socketPath` for one operation and waits for its outcome.
 *
 * @throws DeskPodError SUPERVISOR_UNREACHABLE if nothing listens or it dies before it answers; otherwise what the
 * operation itself threw, with its code.
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
    if ((cause as NodeJS.ErrnoException).code === 'ECONNRESET') throw unreachable(socketPath, cause);
    throw cause;
  }
  throw unreachable(socketPath, new Error('the answer ended early'));
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
    outgoing.on('error', (cause) => reject(unreachable(socketPath, cause)));
    outgoing.end(body);
  });
}

function unreachable(socketPath: string, cause: unknown): DeskPodError {
  return new DeskPodError('SUPERVISOR_UNREACHABLE', `the supervisor behind ${socketPath} does not answer`, {
    cause,
    hint: 'Run the command again: it takes over what the supervisor left.',
  });
}

// The client of a supervisor: asks it for an operation over its unix socket.
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { request } from '../host/http.ts';
import { type AnswerLine, fromWireError, linesOf } from './wire.ts';

/** Operations that change nothing: whoever gets no answer may ask again. */
const READING: ReadonlySet<string> = new Set([
  ...['status', 'log', 'timeline', 'checkpoints', 'home-list', 'key-list', 'branches', 'screenshot', 'ping'],
  'schedule-list',
]);

/** One that is stopped is still connected to by the kernel, and says nothing; one that works answers a ping at any time. */
const SILENCE_MS = 15_000;
/** How often it is asked whether it still answers, while it does something that may take long. */
const ATTENTION_MS = 15_000;

/**
 * Asks the supervisor behind `socketPath` for one operation and waits for its outcome.
 *
 * @param signal ends the waiting, and not what is asked for
 * @throws DeskPodError SUPERVISOR_UNREACHABLE if nothing listens or it dies before it answers, with `isEnding` if nothing
 * was done; the signal's reason if that is a DeskPodError; otherwise what the operation itself threw, with its code.
 */
export async function callSupervisor<Result>(
  socketPath: string,
  operation: string,
  parameters: object,
  onProgress: ProgressListener,
  signal?: AbortSignal,
): Promise<Result> {
  const response = await post(socketPath, operation, JSON.stringify(parameters), signal);
  const leave = (): void => void response.destroy();
  signal?.addEventListener('abort', leave, { once: true });
  try {
    for await (const text of linesOf(response)) {
      const line = JSON.parse(text) as AnswerLine;
      if ('progress' in line) onProgress(line.progress);
      else if ('error' in line) throw fromWireError(line.error);
      else return line.result as Result;
    }
  } catch (cause) {
    if (signal?.aborted === true) throw given(signal, () => unreachable(socketPath, operation, cause));
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ECONNRESET') throw unreachable(socketPath, operation, cause);
    throw cause;
  } finally {
    signal?.removeEventListener('abort', leave);
  }
  throw unreachable(socketPath, operation, new Error('the answer ended early'));
}

/**
 * Asks as {@link callSupervisor}, for whoever waits for many: what is asked for may take as long as it likes, but one that is
 * stopped keeps nobody waiting.
 *
 * @throws DeskPodError as {@link callSupervisor}; SUPERVISOR_UNREACHABLE if it has become silent
 */
export async function callAttentively<Result>(
  socketPath: string,
  operation: string,
  parameters: object,
  { onProgress, signal, silenceMs = SILENCE_MS }: AttentiveOptions,
): Promise<Result> {
  const silent = new AbortController();
  const answered = new AbortController();
  const listen = async (): Promise<void> => {
    for (;;) {
      await delay(Math.min(ATTENTION_MS, silenceMs), undefined, { signal: answered.signal });
      await supervisorListens(socketPath, silenceMs);
    }
  };
  listen().catch((error: unknown) => silent.abort(error));
  const stop = AbortSignal.any([silent.signal, ...(signal === undefined ? [] : [signal])]);
  try {
    return await callSupervisor<Result>(socketPath, operation, parameters, onProgress, stop);
  } finally {
    answered.abort();
  }
}

/** How attentively a supervisor is listened to. */
export interface AttentiveOptions {
  readonly onProgress: ProgressListener;
  readonly signal?: AbortSignal;
  /** How long it may say nothing. */
  readonly silenceMs?: number | undefined;
}

/**
 * True if a supervisor listens on `socketPath`.
 * @throws DeskPodError SUPERVISOR_UNREACHABLE if somebody does who says nothing: the pod is in use then, and cannot be asked
 */
export async function supervisorListens(socketPath: string, silenceMs = SILENCE_MS): Promise<boolean> {
  const silence = AbortSignal.timeout(silenceMs);
  try {
    const response = await post(socketPath, 'ping', '{}', silence);
    response.resume();
    return true;
  } catch (error) {
    if (!(error instanceof DeskPodError)) throw error;
    if (!silence.aborted) return false;
    throw new DeskPodError(
      'SUPERVISOR_UNREACHABLE',
      `the supervisor behind ${socketPath} has said nothing for ${Math.ceil(silenceMs / 1000)} s: it is stopped, or hangs`,
      {
        hint: 'Its session goes on. `ps -C node -o pid,stat,args` shows it; T in STAT is stopped, which `kill -CONT PID` ends.',
        details: { socketPath },
        cause: error,
      },
    );
  }
}

function given(signal: AbortSignal, otherwise: () => DeskPodError): DeskPodError {
  return signal.reason instanceof DeskPodError ? signal.reason : otherwise();
}

function post(
  socketPath: string,
  operation: string,
  body: string,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const stop = signal === undefined ? {} : { signal };
    const call = { socketPath, method: 'POST', path: `/v1/${operation}`, agent: false, ...stop };
    const outgoing = request(call, resolve);
    outgoing.on('error', (cause) => {
      const lost = (): DeskPodError => unreachable(socketPath, operation, cause);
      reject(signal?.aborted === true ? given(signal, lost) : lost());
    });
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

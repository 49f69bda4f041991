// The supervisor's wire: requests as HTTP over a unix socket, answers as JSON lines, errors that keep their code.
import { DeskPodError, ERROR_CODES, type ErrorCode } from '../../core/errors.ts';
import type { Progress } from '../../core/progress.ts';
import { storageError } from '../../sync/storage-failure.ts';

/** How many causes of causes are told. */
const CAUSES_MAX = 8;

/** One line of an answer. The last line is a result or an error. */
export type AnswerLine =
  | { readonly progress: Progress }
  | { readonly result: unknown }
  | { readonly error: WireError };

/** One line of the answer of a process that was started. */
export type LaunchLine =
  | AnswerLine
  /** What the screen showed when the session was suspended that is about to go on. */
  | { readonly picture: { readonly pngBase64: string } };

/** A DeskPodError as it crosses the socket. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly trace?: string;
}

/** Any failure, made ready for the wire. */
export function toWireError(failure: unknown): WireError {
  const error = storageError(failure);
  const trace = error instanceof Error ? { trace: traceOf(error) } : {};
  if (!(error instanceof DeskPodError)) return { code: 'INTERNAL', message: String(error), ...trace };
  const { code, message, hint, details } = error;
  return { code, message, details, ...(hint === undefined ? {} : { hint }), ...trace };
}

/** The error's stack, and those of its causes. */
function traceOf(error: Error): string {
  const traces: string[] = [];
  for (let at: unknown = error; at !== undefined && traces.length < CAUSES_MAX; at = causeOf(at))
    traces.push(at instanceof Error ? (at.stack ?? at.message) : String(at));
  return traces.join('\ncaused by: ');
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

/** The failure that crossed the wire, thrown again on this side with its code. */
export function fromWireError(wire: WireError): Error {
  const cause = wire.trace === undefined ? {} : { cause: new Error(wire.trace) };
  if (!Object.hasOwn(ERROR_CODES, wire.code)) return new Error(wire.message, cause);
  return new DeskPodError(wire.code as ErrorCode, wire.message, {
    ...(wire.hint === undefined ? {} : { hint: wire.hint }),
    ...(wire.details === undefined ? {} : { details: wire.details }),
    ...cause,
  });
}

/**
 * Whole lines as they are asked for: readline would read ahead by a thousand, each of up to 90 KB, and give what a killed
 * supervisor has written of its last one.
 */
export async function* linesOf(response: AsyncIterable<unknown>): AsyncGenerator<string> {
  let pieces: Buffer[] = [];
  for await (const piece of response) {
    let rest = piece as Buffer;
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      yield Buffer.concat([...pieces, rest.subarray(0, end)]).toString('utf8');
      pieces = [];
      rest = rest.subarray(end + 1);
    }
    if (rest.length > 0) pieces.push(rest);
  }
}

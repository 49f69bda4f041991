// Requests and answers of the API as HTTP has them: bodies with a limit, JSON, lines no faster than they are read, refusals.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Emit } from '../../sync/browse/browsed-pod.ts';
import { drained } from '../process/drained.ts';
import { toWireError, type WireError } from '../supervisor/wire.ts';
import type { PageAnswerLine, Refusal } from './contract.ts';

const BODY_MAX_BYTES = 64 * 1024;
const PATIENCE_BYTES = 1024 * 1024;
/** A line of bytes carries so many at most. */
const LINE_BYTES = 256 * 1024;
const JSON_TYPE = /^application\/json(?:; ?charset=utf-8)?$/i;

/** The HTTP status of an answer that is none; 409 for all that is about the pod and not about the request. */
const STATUSES: Readonly<Record<string, number>> = {
  USAGE: 400,
  PASSPHRASE_WRONG: 403,
  KEYRING_NO_IDENTITY: 403,
  UNLOCK_REFUSED: 429,
  POD_NOT_FOUND: 404,
  CHECKPOINT_NOT_FOUND: 404,
  PATH_NOT_FOUND: 404,
  PATH_NOT_A_FILE: 404,
};

/** A refusal with a status of its own. */
export class HttpRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Answers with one JSON value. */
export function answerJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}

/** Says why there is no answer; an answer that has begun is broken off. */
export function refuse(response: ServerResponse, failure: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const error = told(failure);
  const status =
    failure instanceof HttpRefusal
      ? failure.status
      : isDeskPodError(failure)
        ? (STATUSES[failure.code] ?? 409)
        : 500;
  response
    .writeHead(status, { 'Content-Type': 'application/json', Connection: 'close' })
    .end(JSON.stringify({ error } satisfies Refusal));
}

/** The JSON of a request's body. @throws HttpRefusal 413, 415; DeskPodError USAGE */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  if (!JSON_TYPE.test(request.headers['content-type'] ?? ''))
    throw new HttpRefusal(415, 'expected a body of the type application/json');
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  // whoever still sends would not hear why: some of what is too long is read, and kept nowhere
  for await (const piece of request.iterator({ destroyOnReturn: false })) {
    sizeBytes += piece.length;
    if (sizeBytes <= BODY_MAX_BYTES) pieces.push(piece);
    if (sizeBytes > PATIENCE_BYTES) break;
  }
  if (sizeBytes > BODY_MAX_BYTES)
    throw new HttpRefusal(413, `expected a body of at most ${BODY_MAX_BYTES} bytes`);
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch (cause) {
    throw new DeskPodError('USAGE', 'the body is not JSON', { cause });
  }
}

/** What an operation writes its answer with. */
export interface Lines {
  readonly onProgress: ProgressListener;
  readonly emit: Emit<unknown>;
  /** Aborts when nobody reads the answer any more. */
  readonly signal: AbortSignal;
}

/** Runs `act` and writes what it tells, its result or its error as JSON lines. */
export async function answerLines(
  response: ServerResponse,
  act: (lines: Lines) => Promise<unknown>,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort(new DeskPodError('CANCELLED', 'nobody reads the answer any more')));
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  const send = async (line: PageAnswerLine): Promise<void> => {
    gone.signal.throwIfAborted();
    if (!response.write(`${JSON.stringify(line)}\n`)) await drained(response);
    gone.signal.throwIfAborted();
  };
  const emit: Emit<unknown> = async (item) => {
    if (!(item instanceof Uint8Array)) return send({ item });
    for (let at = 0; at < item.length; at += LINE_BYTES) {
      const piece = item.subarray(at, at + LINE_BYTES);
      await send({ bytes: Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('base64') });
    }
  };
  // what is not read yet is one step at most: the next one says all that matters
  const onProgress: ProgressListener = (progress) => {
    if (!response.writableNeedDrain) response.write(`${JSON.stringify({ progress })}\n`);
  };
  let last: PageAnswerLine;
  try {
    last = { result: (await act({ onProgress, emit, signal: gone.signal })) ?? {} };
  } catch (error) {
    last = { error: told(error) };
  }
  response.end(`${JSON.stringify(last)}\n`);
}

/** A failure as a page is told of it: without the trace, which is for the log of this program. */
export function told(failure: unknown): WireError {
  if (failure instanceof HttpRefusal) return { code: 'USAGE', message: failure.message };
  const { trace: _trace, ...error } = toWireError(failure);
  return error;
}

// A stream operation over the supervisor's socket: items as JSON lines, bytes in base64, no faster than they are read.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { BrowseOptions, Emit } from '../../sync/browse/browsed-pod.ts';
import { request } from '../host/http.ts';
import { drained } from '../process/drained.ts';
import { readJson, type StreamOperation } from './server.ts';
import { type AnswerLine, fromWireError, linesOf, toWireError } from './wire.ts';

type StreamLine = AnswerLine | { readonly item: unknown } | { readonly bytes: string };

/** A line of bytes carries so many at most. */
const LINE_BYTES = 256 * 1024;

/** One stream operation, as a server runs it for a request. */
type Read = (parameters: never, emit: Emit<unknown>, options: BrowseOptions) => Promise<unknown>;

/** The readings that a server has under way. They end when their client goes, or all together with the pod. */
export class OpenReads {
  readonly #open = new Map<AbortController, Promise<void>>();
  #isOver = false;

  /** The server's side of a stream operation. */
  serving(read: Read): StreamOperation {
    return async (incoming, response) => {
      const stop = new AbortController();
      if (this.#isOver) stop.abort(ending());
      response.once('close', () =>
        stop.abort(new DeskPodError('CANCELLED', 'nobody reads the answer any more')),
      );
      const answered = answer(read, incoming, response, stop.signal);
      this.#open.set(stop, answered);
      try {
        await answered;
      } finally {
        this.#open.delete(stop);
      }
    };
  }

  /** Stops them all, and those that are asked for from now on; settles when none touches the pod any more. */
  async stop(): Promise<void> {
    this.#isOver = true;
    for (const stop of this.#open.keys()) stop.abort(ending());
    await Promise.allSettled(this.#open.values());
  }
}

function ending(): DeskPodError {
  return new DeskPodError('SUPERVISOR_UNREACHABLE', 'the pod is being locked, and is read no further', {
    hint: 'Run the command again.',
  });
}

async function answer(
  read: Read,
  incoming: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  const send = async (line: StreamLine): Promise<void> => {
    if (!response.write(`${JSON.stringify(line)}\n`)) await unlessAborted(drained(response), signal);
    signal.throwIfAborted();
  };
  const emit = async (item: unknown): Promise<void> => {
    if (!(item instanceof Uint8Array)) return send({ item });
    for (let at = 0; at < item.length; at += LINE_BYTES) {
      const piece = item.subarray(at, at + LINE_BYTES);
      const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
      await send({ bytes: bytes.toString('base64') });
    }
  };
  const onProgress: ProgressListener = (progress) => {
    response.write(`${JSON.stringify({ progress } satisfies StreamLine)}\n`);
  };
  try {
    const parameters = (await readJson(incoming)) as never;
    signal.throwIfAborted();
    const result = await read(parameters, emit, { onProgress, signal });
    response.write(`${JSON.stringify({ result } satisfies StreamLine)}\n`);
  } catch (error) {
    response.write(`${JSON.stringify({ error: toWireError(error) } satisfies StreamLine)}\n`);
  }
  // a client that takes nothing would keep the server, and so the pod's supervisor, from ending
  if (signal.aborted && response.writableNeedDrain) response.destroy();
  else response.end();
}

/** A client that reads no more must not keep a pod from being locked. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  const settle = (): void => aborted.resolve();
  signal.addEventListener('abort', settle, { once: true });
  await Promise.race([work, aborted.promise]);
  signal.removeEventListener('abort', settle);
}

/**
 * Asks the supervisor behind `socketPath` for a stream operation, hands over its items and gives its answer.
 * @param signal stops it, with its reason
 * @throws DeskPodError SUPERVISOR_UNREACHABLE, what the operation throws, with its code; what `emit` throws
 */
export async function readFromSupervisor<Item, Answer>(
  socketPath: string,
  name: string,
  parameters: object,
  emit: Emit<Item>,
  onProgress: ProgressListener,
  signal?: AbortSignal,
): Promise<Answer> {
  const response = await post(socketPath, name, parameters);
  const stop = (): void => void response.destroy(signal?.reason);
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted === true) stop();
  try {
    if (response.statusCode !== 200)
      throw unreachable(socketPath, new Error(`it answered with status ${response.statusCode}`));
    for await (const text of linesOf(response)) {
      const line = JSON.parse(text) as StreamLine;
      if ('progress' in line) onProgress(line.progress);
      else if ('item' in line) await emit(line.item as Item);
      else if ('bytes' in line) await emit(Buffer.from(line.bytes, 'base64') as Item);
      else if ('error' in line) throw fromWireError(line.error);
      else return line.result as Answer;
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ECONNRESET') throw unreachable(socketPath, cause);
    throw cause;
  } finally {
    signal?.removeEventListener('abort', stop);
    response.destroy();
  }
  throw unreachable(socketPath, new Error('the answer ended early'));
}

function post(socketPath: string, name: string, parameters: object): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method: 'POST', path: `/v1/${name}`, agent: false }, resolve);
    outgoing.on('error', (cause) => reject(unreachable(socketPath, cause)));
    outgoing.end(JSON.stringify(parameters));
  });
}

function unreachable(socketPath: string, cause: unknown): DeskPodError {
  return new DeskPodError('SUPERVISOR_UNREACHABLE', `the supervisor behind ${socketPath} does not answer`, {
    cause,
    hint: 'It may be of another version: suspend the pod, then run the command again.',
  });
}

// The supervisor's server: each POST to /v1/NAME runs one operation and streams its progress and outcome.

import { chmod, rm } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { createServer } from '../host/http.ts';
import { tell } from './record.ts';
import { type AnswerLine, toWireError } from './wire.ts';

const MAX_REQUEST_BYTES = 1 << 20;

/** One operation: takes the request's JSON, reports progress, answers with JSON. */
export type Operation = (
  parameters: unknown,
  onProgress: ProgressListener,
  signal?: AbortSignal,
) => Promise<unknown>;

/** A request that speaks for itself, such as a command with its input and output. */
export type StreamOperation = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** What a server answers to. */
export interface Service {
  readonly operations: Readonly<Record<string, Operation>>;
  readonly streams: Readonly<Record<string, StreamOperation>>;
}

/**
 * Serves on a unix socket that only its owner can open. A socket file left by a killed process is replaced: whoever
 * calls this holds the pod's lock.
 */
export async function serveSupervisor(socketPath: string, service: Service): Promise<Server> {
  await rm(socketPath, { force: true });
  const server = createServer((request, response) => {
    answer(service, request, response).catch((error: unknown) => {
      tell(`${request.method} ${request.url}`, error);
      response.destroy();
    });
  });
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, resolve);
  });
  await chmod(socketPath, 0o600);
  return server;
}

async function answer(service: Service, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const name = /^\/v1\/([a-z-]+)$/.exec(request.url ?? '')?.[1] ?? '';
  const stream = Object.hasOwn(service.streams, name) ? service.streams[name] : undefined;
  if (request.method === 'POST' && stream !== undefined) return stream(request, response);
  const operation = Object.hasOwn(service.operations, name) ? service.operations[name] : undefined;
  if (request.method !== 'POST' || operation === undefined) {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: { code: 'USAGE', message: `no operation at ${request.url}` } }));
    return;
  }
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  const send = (line: AnswerLine) => response.write(`${JSON.stringify(line)}\n`);
  try {
    const result = await operation(await readJson(request), (progress) => send({ progress }));
    send({ result: result ?? {} });
  } catch (error) {
    send({ error: toWireError(error) });
  }
  await new Promise<void>((resolve) => response.end(resolve));
}

/** The JSON of a request's body; an empty one is an empty object. @throws DeskPodError USAGE */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for await (const piece of request) {
    sizeBytes += piece.length;
    if (sizeBytes > MAX_REQUEST_BYTES) {
      throw new DeskPodError('USAGE', `a request of more than ${MAX_REQUEST_BYTES} bytes`);
    }
    pieces.push(piece);
  }
  const text = Buffer.concat(pieces).toString('utf8');
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch (cause) {
    throw new DeskPodError('USAGE', 'the request is not JSON', { cause });
  }
}

// A command in the session over the supervisor's socket: input as the request's body, output as framed answer.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import { DeskPodError } from '../../core/errors.ts';
import type { Desktop } from '../pod/desktop.ts';
import { execInSession } from '../process/processes.ts';
import { toWireError } from './wire.ts';

/** One line of the answer: output in base64, the exit code at the end, or why there is none. */
export type ExecLine =
  | { readonly stdout: string }
  | { readonly stderr: string }
  | { readonly exitCode: number }
  | { readonly error: ReturnType<typeof toWireError> };

/** The header that carries the command, as base64 of a JSON array of words. */
export const ARGV_HEADER = 'x-deskpod-argv';

/** Runs a command for one request. A client that goes away leaves the command running. */
export async function answerExec(
  desktop: Desktop,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  const send = (line: ExecLine) => response.write(`${JSON.stringify(line)}\n`);
  try {
    const { session } = desktop;
    if (session === undefined) throw new DeskPodError('SESSION_NOT_RUNNING', 'no session is running');
    // Not the request itself: whoever is done with the input ends it, and the answer's socket with it.
    const stdin = request.pipe(new PassThrough());
    const command = await execInSession(session, readArgv(request), { stdin });
    response.on('close', () => command.abandon());
    const [exit] = await Promise.all([
      command.ended,
      pump(command.stdout, response, (text) => ({ stdout: text })),
      pump(command.stderr, response, (text) => ({ stderr: text })),
    ]);
    send({ exitCode: exit.exitCode });
  } catch (error) {
    send({ error: toWireError(error) });
  }
  // Closed while input still comes, the connection would break before the client has read the last line.
  request.unpipe().resume();
  if (!request.readableEnded && !request.destroyed) {
    await new Promise<void>((resolve) => {
      request.once('end', resolve);
      request.once('close', resolve);
    });
  }
  response.end();
}

function readArgv(request: IncomingMessage): string[] {
  const words: unknown = JSON.parse(
    Buffer.from(String(request.headers[ARGV_HEADER] ?? ''), 'base64').toString('utf8'),
  );
  if (Array.isArray(words) && words.length > 0 && words.every((word) => typeof word === 'string'))
    return words;
  throw new DeskPodError('USAGE', 'expected a command and its arguments, got none');
}

async function pump(
  output: Readable,
  response: ServerResponse,
  frame: (base64: string) => ExecLine,
): Promise<void> {
  for await (const piece of output) {
    const line = `${JSON.stringify(frame((piece as Buffer).toString('base64')))}\n`;
    if (!response.write(line) && !response.destroyed) {
      await new Promise<void>((resolve) => {
        response.once('drain', resolve);
        response.once('close', resolve);
      });
    }
  }
}

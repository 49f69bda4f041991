// A command in the session over the supervisor's socket: input as the request's body, output as framed answer.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import { DeskPodError } from '../../core/errors.ts';
import type { Desktop } from '../pod/desktop.ts';
import { drained } from '../process/drained.ts';
import { execInSession } from '../process/processes.ts';
import { toWireError } from './wire.ts';

/** One line of the answer: output in base64, the exit code at the end, or why there is none. */
export type ExecLine =
  | { readonly stdout: string }
  | { readonly stderr: string }
  | { readonly exitCode: number }
  | { readonly error: ReturnType<typeof toWireError> };

/** The request's first line is the command, a JSON array of words; what follows is its input. */
const COMMAND_MAX_BYTES = 8 * 1024 * 1024;

/** Runs a command for one request. A client that goes away leaves the command running. */
export async function answerExec(
  desktop: Pick<Desktop, 'session'>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  const send = (line: ExecLine) => response.write(`${JSON.stringify(line)}\n`);
  try {
    const { session } = desktop;
    if (session === undefined) throw new DeskPodError('SESSION_NOT_RUNNING', 'no session is running');
    const argv = parseCommand(await readFirstLine(request));
    // Not the request itself: whoever is done with the input ends it, and the answer's socket with it.
    const stdin = request.pipe(new PassThrough());
    const command = await execInSession(session, argv, { stdin });
    const abandon = (): void => {
      command.abandon();
      stdin.destroy();
    };
    response.on('close', abandon);
    if (response.destroyed) abandon();
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

/** The first line of a request's body; what follows it stays there to be read. */
function readFirstLine(request: IncomingMessage): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  const settle = (act: () => void): void => {
    request.off('readable', look).off('end', miss).off('close', miss);
    act();
  };
  const miss = (): void =>
    settle(() => reject(new DeskPodError('USAGE', 'expected a command and its arguments, got none')));
  const look = (): void => {
    for (let piece: Buffer | null = request.read(); piece !== null; piece = request.read()) {
      const end = piece.indexOf('\n');
      pieces.push(end < 0 ? piece : piece.subarray(0, end));
      sizeBytes += piece.length;
      if (end >= 0) {
        if (end + 1 < piece.length) request.unshift(piece.subarray(end + 1));
        settle(() => resolve(Buffer.concat(pieces).toString('utf8')));
        return;
      }
      if (sizeBytes > COMMAND_MAX_BYTES) {
        settle(() => reject(new DeskPodError('USAGE', `a command of more than ${COMMAND_MAX_BYTES} bytes`)));
        return;
      }
    }
  };
  request.on('readable', look).on('end', miss).on('close', miss);
  return promise;
}

function wordsOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new DeskPodError('USAGE', 'the command is not JSON', { cause });
  }
}

/** @throws DeskPodError USAGE */
export function parseCommand(line: string): string[] {
  const words = wordsOf(line);
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
    if (!response.write(line)) await drained(response);
  }
}

// A command in the session of a pod, for the command line: streams go through the pod's supervisor.

import type { IncomingMessage } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import { DeskPodError } from '../../core/errors.ts';
import { request } from '../host/http.ts';
import { drained } from '../process/drained.ts';
import type { ExecLine } from '../supervisor/exec-stream.ts';
import { fromWireError, linesOf } from '../supervisor/wire.ts';
import { findPod } from './target.ts';

/** Where the command's streams lead. */
export interface ExecStreams {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/**
 * Runs a command in the session of the pod at `path` and waits for its end.
 *
 * @returns its exit status; 128 + number if a signal ended it
 * @throws DeskPodError SESSION_NOT_RUNNING, EXEC_FAILED
 */
export async function execInPod(
  path: string | undefined,
  argv: readonly string[],
  streams: ExecStreams,
): Promise<number> {
  const target = await findPod(path);
  if (target.kind === 'tree')
    throw new DeskPodError('USAGE', `${target.dir} is a tree pod: it has no session`);
  return execOverSocket(target.staging.supervisorSocket, argv, streams, target.path);
}

/**
 * Runs a command through the supervisor that listens on `socketPath`. No more of its output is kept than the streams
 * take: if they are slow, the command waits.
 * @param devicePath names the pod in errors.
 * @throws as {@link execInPod}.
 */
export async function execOverSocket(
  socketPath: string,
  argv: readonly string[],
  streams: ExecStreams,
  devicePath: string,
): Promise<number> {
  const response = await open(socketPath, argv, streams.stdin, devicePath);
  try {
    if (response.statusCode !== 200) throw refused(response.statusCode, devicePath);
    for await (const text of linesOf(response)) {
      const line = JSON.parse(text) as ExecLine;
      if ('stdout' in line) await pass(streams.stdout, line.stdout);
      else if ('stderr' in line) await pass(streams.stderr, line.stderr);
      else if ('exitCode' in line) return line.exitCode;
      else throw fromWireError(line.error);
    }
  } finally {
    // The command has ended; input that nobody wants any more must not keep this one waiting.
    response.destroy();
  }
  throw new DeskPodError('EXEC_FAILED', 'the supervisor went away before the command ended', {
    hint: 'The command may still run in the session; `deskpod status` tells how the session is.',
  });
}

async function pass(output: Writable, base64: string): Promise<void> {
  if (!output.write(Buffer.from(base64, 'base64'))) await drained(output);
}

function refused(statusCode: number | undefined, devicePath: string): DeskPodError {
  return new DeskPodError(
    'SUPERVISOR_UNREACHABLE',
    `${devicePath}: the supervisor answered with status ${statusCode}, expected 200`,
    { hint: 'It may be of another version: suspend the pod, then start it again.', details: { statusCode } },
  );
}

function open(
  socketPath: string,
  argv: readonly string[],
  stdin: Readable,
  devicePath: string,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method: 'POST', path: '/v1/exec', agent: false }, (response) => {
      response.once('close', () => stdin.unpipe(outgoing).destroy());
      resolve(response);
    });
    outgoing.on('error', (cause) => {
      reject(
        new DeskPodError(
          'SESSION_NOT_RUNNING',
          `${devicePath}: no supervised session of this pod runs on this host`,
          {
            hint: `Start it with \`deskpod start ${devicePath}\`; \`deskpod status\` takes over a session that was left.`,
            cause,
          },
        ),
      );
    });
    outgoing.write(`${JSON.stringify(argv)}\n`);
    stdin.pipe(outgoing);
  });
}

// A command in the session of a pod, for the command line: streams go through the pod's supervisor.
import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { DeskPodError } from '../../core/errors.ts';
import { ARGV_HEADER, type ExecLine } from '../supervisor/exec-stream.ts';
import { fromWireError } from '../supervisor/wire.ts';
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
  const response = await open(target.staging.supervisorSocket, argv, streams.stdin, target.path);
  try {
    for await (const text of createInterface({ input: response })) {
      const line = JSON.parse(text) as ExecLine;
      if ('stdout' in line) streams.stdout.write(Buffer.from(line.stdout, 'base64'));
      else if ('stderr' in line) streams.stderr.write(Buffer.from(line.stderr, 'base64'));
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

function open(
  socketPath: string,
  argv: readonly string[],
  stdin: Readable,
  devicePath: string,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { [ARGV_HEADER]: Buffer.from(JSON.stringify(argv)).toString('base64') };
    const outgoing = request(
      { socketPath, method: 'POST', path: '/v1/exec', headers, agent: false },
      (response) => {
        response.once('close', () => stdin.unpipe(outgoing).destroy());
        resolve(response);
      },
    );
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
    outgoing.flushHeaders();
    stdin.pipe(outgoing);
  });
}

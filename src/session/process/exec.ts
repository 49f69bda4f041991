// Commands run inside a session, for the host: they live behind the barrier and are checkpointed with the rest.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { PassThrough, type Readable } from 'node:stream';
import { DeskPodError } from '../../core/errors.ts';
import { endsWithin } from '../host/deadline.ts';
import { drained } from './drained.ts';
import { createFrameReader, encodeFrame, LARGEST_PAYLOAD_BYTES, parseExit } from './exec-frames.ts';
import { connectToSession } from './session-socket.ts';

/** How long the agent may take to start a command: whoever stopped it could otherwise keep the host waiting for ever. */
const START_TIMEOUT_MS = 30_000;
/** How long it may take to let go of a command, or to take it up: a checkpoint waits for that. */
const ANSWER_TIMEOUT_MS = 2000;
/** What may still come of a command that is let go of: several times what an agent holds that keeps the rules. */
const HELD_MAX_BYTES = 4 * 1024 * 1024;

/** How a command is run. */
export interface ExecOptions {
  /** Its standard input; empty by default. */
  readonly stdin?: string | Uint8Array | Readable;
  /** Over the session's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The home folder by default. */
  readonly cwd?: string;
  /** How long the agent may take to start it; 30 s by default. */
  readonly startTimeoutMs?: number;
}

/** How a command ended. */
interface ExecExit {
  /** 0 to 255; 128 + the signal's number if one ended it, as a shell says. */
  readonly exitCode: number;
  /** Number of the signal that ended it, 0 if none did. */
  readonly signal: number;
}

/** A command that runs in a session. Both outputs must be read, or the command waits. */
export interface SessionCommand {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Rejects with EXEC_FAILED if it could not be run, or if the session is suspended or ends before the command. */
  readonly ended: Promise<ExecExit>;
  /** Sends a signal, by its name without SIG, to the command and its children. */
  kill(signal: string): void;
  /** Goes away; the command goes on and its output is dropped. */
  abandon(): void;
  /**
   * Lets go of the session for a checkpoint: no socket leads to the host then. The command keeps its output. If the
   * agent does not let go of it in 2 s, the command is abandoned.
   * @returns false then: the agent's end of the socket is still open.
   */
  hold(): Promise<boolean>;
  /**
   * Takes the command up again after {@link hold}.
   * @throws DeskPodError EXEC_FAILED, also if the agent does not answer in 2 s.
   */
  takeUp(): Promise<void>;
}

/** What a command printed, and how it ended. */
export interface CapturedCommand extends ExecExit {
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Starts a command in the session whose pid 1 is `rootPid`.
 * @throws DeskPodError EXEC_FAILED if the session does not answer or has no such program.
 */
export async function startCommand(
  rootPid: number,
  argv: readonly string[],
  options: ExecOptions = {},
): Promise<SessionCommand> {
  if (argv.length === 0) throw new TypeError('a command needs at least its name');
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const ended = Promise.withResolvers<ExecExit>();
  // Whoever starts a command may look at its end later, or never.
  ended.promise.catch(() => undefined);
  let started = Promise.withResolvers<number>();
  let held: PromiseWithResolvers<void> | undefined;
  let resumed = Promise.withResolvers<void>();
  let heldBytes = 0;
  let isOver = false;
  let job = 0;

  const finish = (settle: () => void): void => {
    if (isOver) return;
    isOver = true;
    stdout.end();
    stderr.end();
    settle();
  };
  const fail = (why: string, cause?: unknown): void => {
    const error = execFailure(argv, why, cause);
    started.reject(error);
    held?.reject(error);
    finish(() => ended.reject(error));
  };
  const pass = (output: PassThrough, bytes: Buffer, from: Socket): void => {
    // While the session waits for a checkpoint the agent's answer must be read, whether or not the output is.
    if (isOver) return;
    const takesMore = output.write(bytes);
    if (held !== undefined) {
      heldBytes += bytes.length;
      if (heldBytes > HELD_MAX_BYTES) throw new RangeError(`the agent does not let go of ${argv[0]}`);
      return;
    }
    if (takesMore) return;
    from.pause();
    output.once('drain', () => from.resume());
  };
  const open = async (): Promise<Socket> => {
    const connected = await connectToSession(rootPid, 'exec').catch((error: unknown) => {
      throw execFailure(argv, 'the session does not answer', error);
    });
    const read = createFrameReader();
    const take = (bytes: Buffer): void => {
      for (const { type, payload } of read(bytes)) {
        if (type === 'H') {
          job = Number(payload.toString());
          started.resolve(job);
        } else if (type === 'O') pass(stdout, payload, connected);
        else if (type === 'R') pass(stderr, payload, connected);
        else if (type === 'Q') {
          const exit = parseExit(payload);
          finish(() => ended.resolve(exit));
          connected.end();
        } else if (type === 'K') connected.end();
        else if (type === 'F') fail(payload.toString());
      }
    };
    connected.on('data', (bytes: Buffer) => {
      try {
        take(bytes);
      } catch (error) {
        // The agent is behind the barrier: whatever it sends must end no more than its own command.
        connected.destroy();
        fail('the session does not answer as it should', error);
      }
    });
    connected.on('error', (error) => fail('the session went away', error));
    connected.on('close', () => {
      if (held !== undefined) held.resolve();
      else fail('the session went away');
    });
    return connected;
  };

  const request = encodeRequest(argv, options);
  let socket = await open();
  socket.write(request);
  const awaitStart = async (timeoutMs: number): Promise<void> => {
    if (!(await endsWithin(started.promise, timeoutMs))) {
      throw execFailure(argv, `the session did not answer in ${timeoutMs / 1000} s`);
    }
  };
  try {
    await awaitStart(options.startTimeoutMs ?? START_TIMEOUT_MS);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  sendInput(options.stdin ?? '', async (frame) => {
    while (held !== undefined && !isOver) await resumed.promise;
    if (!isOver && !socket.destroyed && !socket.write(frame)) {
      await drained(socket);
    }
  }).catch((error: unknown) => {
    socket.destroy();
    fail('its input could not be read', error);
  });

  return {
    stdout,
    stderr,
    ended: ended.promise,
    kill: (signal) => {
      if (!isOver) socket.write(encodeFrame('S', signal));
    },
    abandon: () => {
      socket.destroy();
      fail('it was left alone');
    },
    hold: async () => {
      if (isOver || held !== undefined) return true;
      held = Promise.withResolvers<void>();
      // Whoever lets go of the command may be waiting no more when it fails.
      held.promise.catch(() => undefined);
      heldBytes = 0;
      resumed = Promise.withResolvers<void>();
      socket.resume();
      socket.write(encodeFrame('K'));
      if (await endsWithin(held.promise, ANSWER_TIMEOUT_MS).catch(() => false)) return true;
      socket.destroy();
      fail('the session did not let go of it for a checkpoint');
      return false;
    },
    takeUp: async () => {
      if (isOver || held === undefined) return;
      started = Promise.withResolvers<number>();
      // It may fail when nobody waits any more.
      started.promise.catch(() => undefined);
      held = undefined;
      socket = await open();
      socket.write(encodeFrame('J', `${job}`));
      await awaitStart(ANSWER_TIMEOUT_MS);
      resumed.resolve();
    },
  };
}

/** Runs a command to its end and gives what it printed, as UTF-8 text. */
export async function captureCommand(
  rootPid: number,
  argv: readonly string[],
  options: ExecOptions = {},
): Promise<CapturedCommand> {
  const command = await startCommand(rootPid, argv, options);
  const [stdout, stderr, exit] = await Promise.all([
    textOf(command.stdout),
    textOf(command.stderr),
    command.ended,
  ]);
  return { stdout, stderr, ...exit };
}

/**
 * Tells the agent of a resumed session that nobody comes back for the commands that ran at the checkpoint.
 * @throws DeskPodError EXEC_FAILED, also if it does not answer in 2 s.
 */
export async function dropKeptCommands(rootPid: number): Promise<void> {
  const socket = await connectToSession(rootPid, 'exec').catch((error: unknown) => {
    throw execFailure(['-'], 'the session does not answer', error);
  });
  socket.end(encodeFrame('Z'));
  socket.resume();
  try {
    if (!(await endsWithin(once(socket, 'close'), ANSWER_TIMEOUT_MS))) {
      throw execFailure(['-'], `the session did not answer in ${ANSWER_TIMEOUT_MS / 1000} s`);
    }
  } finally {
    // It may fail afterwards, when nobody listens.
    socket.on('error', () => socket.destroy());
    socket.destroy();
  }
}

/** Everything that the agent needs to run a command. */
function encodeRequest(argv: readonly string[], options: ExecOptions): Buffer {
  try {
    return Buffer.concat([
      ...argv.map((word) => encodeFrame('A', word)),
      ...Object.entries(options.env ?? {}).map(([name, value]) => encodeFrame('E', `${name}=${value}`)),
      ...(options.cwd === undefined ? [] : [encodeFrame('D', options.cwd)]),
      encodeFrame('X'),
    ]);
  } catch (error) {
    throw execFailure([argv[0] ?? ''], 'a word of it is too long', error);
  }
}

async function sendInput(
  input: string | Uint8Array | Readable,
  send: (frame: Buffer) => Promise<void>,
): Promise<void> {
  const pieces: AsyncIterable<unknown> | readonly unknown[] =
    typeof input === 'string' ? [Buffer.from(input)] : input instanceof Uint8Array ? [input] : input;
  for await (const piece of pieces) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    if (!(bytes instanceof Uint8Array)) throw new TypeError('the input of a command is text or bytes');
    for (let start = 0; start < bytes.length; start += LARGEST_PAYLOAD_BYTES / 16) {
      await send(encodeFrame('I', bytes.subarray(start, start + LARGEST_PAYLOAD_BYTES / 16)));
    }
  }
  await send(encodeFrame('C'));
}

async function textOf(stream: Readable): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString('utf8');
}

function execFailure(argv: readonly string[], why: string, cause?: unknown): DeskPodError {
  return new DeskPodError('EXEC_FAILED', `${argv[0]}: could not be run to its end in the session: ${why}`, {
    hint: 'Run `deskpod status` to see whether the session runs, and `deskpod exec -- sh -c "command -v NAME"` for the program.',
    details: { argv: argv.slice(0, 20), reason: why },
    ...(cause === undefined ? {} : { cause }),
  });
}

// A link to a session's display that a checkpoint does not break: pipes to a relay inside, which is checkpointed with it.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DeskPodError } from '../../core/errors.ts';
import { openInProcessRoot } from '../barrier/rooted-path.ts';
import { endsWithin } from '../host/deadline.ts';
import type { SessionCommand } from './exec.ts';
import { execInSession, isAlive, type ProcessSession } from './processes.ts';
import { endAgent } from './session-members.ts';
import { SESSION_SOCKET_DIR } from './session-socket.ts';

const RELAY = fileURLToPath(new URL('./guest/display-relay.pl', import.meta.url));
const READY_TIMEOUT_MS = 10_000;
/** How long an agent that works may take on a busy host. */
const START_TIMEOUT_MS = 3000;
/** How long it may take until there is another one. */
const RESTART_TIMEOUT_MS = 8000;
const RESTART_POLL_MS = 100;
const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;

/**
 * Opens a connection to the display that stays while checkpoints are made of a session that goes on. It ends with the
 * session. In the session of a later resume nothing is left of it.
 *
 * The relay is given as text: a session that was dumped by an earlier version has no file of it.
 * @throws DeskPodError DISPLAY_FAILED
 */
export async function openDisplayLink(session: ProcessSession): Promise<Duplex> {
  const token = randomBytes(8).toString('hex');
  const [fromHost, toHost] = ['in', 'out'].map((way) => `${SESSION_SOCKET_DIR}/display-${token}.${way}`);
  if (fromHost === undefined || toHost === undefined) throw new TypeError('no pipes');
  const relay = await startRelay(session, [fromHost, toHost]);
  try {
    const firstLine = once(relay.stdout, 'data').then(([bytes]) => `${bytes}`.trim());
    let answer = 'nothing';
    await endsWithin(
      firstLine.then((line) => {
        answer = line;
      }),
      READY_TIMEOUT_MS,
    );
    if (answer !== 'ready') throw new Error(`expected the relay to be ready, got "${answer}"`);
    relay.stdout.resume();
    relay.stderr.resume();
    const writable = await openPipe(session.rootPid, fromHost, O_WRONLY);
    try {
      const readable = await openPipe(session.rootPid, toHost, O_RDONLY);
      return Duplex.from({ readable, writable });
    } catch (error) {
      writable.destroy();
      throw error;
    }
  } catch (cause) {
    relay.kill('KILL');
    throw new DeskPodError('DISPLAY_FAILED', 'the display could not be reached', {
      hint: 'Run `deskpod status` to see whether the session runs.',
      cause,
    });
  }
}

/** A program of the session may have stopped the agent, which must keep no viewer out: then pid 1 starts another one. */
async function startRelay(session: ProcessSession, pipes: readonly string[]): Promise<SessionCommand> {
  const program = await readFile(RELAY, 'utf8');
  const argv = ['perl', '-e', program, `${SESSION_SOCKET_DIR}/rfb.sock`, ...pipes];
  const deadline = performance.now() + RESTART_TIMEOUT_MS;
  for (let attempt = 1; ; attempt++) {
    try {
      return await execInSession(session, argv, { startTimeoutMs: START_TIMEOUT_MS });
    } catch (error) {
      if (!isAlive(session) || performance.now() > deadline) throw error;
      if (attempt === 1) await endAgent(session.rootPid);
      await delay(RESTART_POLL_MS);
    }
  }
}

/** The session's user could have put anything in the place of the pipe: what is no pipe is not used. */
async function openPipe(rootPid: number, path: string, access: number): Promise<Socket> {
  const place = await openInProcessRoot(rootPid, path);
  try {
    const fd = openSync(place.path, access | O_NONBLOCK);
    if (fstatSync(fd).isFIFO())
      return new Socket({ fd, readable: access === O_RDONLY, writable: access === O_WRONLY });
    closeSync(fd);
    throw new TypeError(`${path}: expected a pipe`);
  } finally {
    await place.close();
  }
}

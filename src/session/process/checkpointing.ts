// Checkpoints of a running session, which goes on or is ended by it: the host's commands let go of it meanwhile.
import { readdir } from 'node:fs/promises';
import type { DeskPodError } from '../../core/errors.ts';
import { endsWithin } from '../host/deadline.ts';
import { type CheckpointFigures, type CheckpointOptions, dumpWithRetries, lostSession } from './dump.ts';
import { asWarning, endProcesses, isAlive, type ProcessSession, SETTLE_TIMEOUT_MS } from './processes.ts';
import { endAgent } from './session-members.ts';

/** How long a command that is being started may keep a dump waiting. */
const COMMAND_START_TIMEOUT_MS = 2000;

/**
 * Checkpoints a session and ends it; what is left of it to be taken away, {@link forgetSession} does. If it throws, the
 * session goes on, with its network. It throws no more once CRIU has killed the processes: their images are all there is of
 * them then, however long a drive may keep them from being gone.
 * Clients of its display must have gone before: CRIU does not dump half a connection.
 * @throws DeskPodError SUSPEND_FAILED, or SESSION_LOST if the session ended; whatever the work on the session threw.
 */
export async function suspendSession(
  session: ProcessSession,
  options: CheckpointOptions,
): Promise<CheckpointFigures> {
  const figures = await dumpSession(session, options, false);
  for (const command of session.commands) command.abandon();
  // whoever forgets the session waits once more, and says what is left
  await Promise.allSettled([endProcesses(session)]);
  return figures;
}

/**
 * Checkpoints a session, which goes on. Commands run by the host are let go of and taken up again.
 * Clients of its display must have gone before: CRIU does not dump half a connection.
 * @returns with what it took, what the session is without from now on: its network, if that cannot be plugged in.
 * @throws as {@link suspendSession}.
 */
export async function checkpointSession(
  session: ProcessSession,
  options: CheckpointOptions,
): Promise<CheckpointFigures & { readonly warnings: readonly DeskPodError[] }> {
  const figures = await dumpSession(session, options, true);
  return { ...figures, warnings: await reconnect(session) };
}

async function dumpSession(
  session: ProcessSession,
  options: CheckpointOptions,
  leaveRunning: boolean,
): Promise<CheckpointFigures> {
  if ((await readdir(options.imagesDir)).length > 0)
    throw new TypeError(`the folder for images is not empty: ${options.imagesDir}`);
  if (!isAlive(session)) throw lostSession(session);
  const startedAtMs = performance.now();
  session.gate.close();
  try {
    await endsWithin(session.settled, SETTLE_TIMEOUT_MS);
    // An agent that does not answer would keep the start of a command under way.
    if (!(await endsWithin(session.gate.settled(), COMMAND_START_TIMEOUT_MS)))
      await endAgent(session.rootPid);
    const areHeld = await Promise.all([...session.commands].map((command) => command.hold()));
    // CRIU does not dump the agent's end of a socket whose other end is gone. Pid 1 starts it again.
    if (areHeld.includes(false)) await endAgent(session.rootPid);
    return await dumpWithRetries(session, options, leaveRunning, startedAtMs);
  } catch (error) {
    // This failure is the one to tell; a cable that could not be plugged in, the next checkpoint's warnings tell of.
    if (isAlive(session)) await reconnect(session);
    throw error;
  } finally {
    session.gate.open();
  }
}

/** After a checkpoint the session has the host's commands again, and a network if it had none; or the reason why not. */
async function reconnect(session: ProcessSession): Promise<readonly DeskPodError[]> {
  const [noNetwork] = await Promise.all([
    session.network?.plug().catch(asWarning),
    // A command that cannot be taken up says so by its own `ended`.
    ...[...session.commands].map((command) => command.takeUp().catch(() => command.abandon())),
  ]);
  return noNetwork === undefined ? [] : [noNetwork];
}

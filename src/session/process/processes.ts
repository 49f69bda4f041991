// The running session as the supervisor sees it: start, resume, commands, end.
import { mkdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { DeskPodError } from '../../core/errors.ts';
import type { ProcessorLevel } from '../../core/processor.ts';
import type { SessionLimits } from '../../core/session-limits.ts';
import { type Geometry, writeBundle } from '../barrier/bundle.ts';
import {
  enforceLimits,
  joiningFiles,
  makeControlGroup,
  removeControlGroup,
} from '../barrier/control-group.ts';
import { runcDelete, runcStart } from '../barrier/runc.ts';
import { sessionProcessorHere } from '../barrier/session-processor.ts';
import { requireOwnMachine } from '../base/base-machine.ts';
import { endsWithin } from '../host/deadline.ts';
import { endProcess, identifyProcess, isRunning, type ProcessIdentity } from '../host/process-identity.ts';
import { type Programs, programsIn } from '../host/programs.ts';
import { bindPrivately, unmount } from '../pod/layer.ts';
import type { Obstacle } from '../preflight/obstacle.ts';
import { findObstacles } from '../preflight/preflight.ts';
import { criuRestore, warmUpCriu } from './criu.ts';
import { DumpGate } from './dump-gate.ts';
import {
  type CapturedCommand,
  captureCommand,
  dropKeptCommands,
  type ExecOptions,
  type SessionCommand,
  startCommand,
} from './exec.ts';
import { prepareGuest, readAccount } from './guest-files.ts';
import { type NetworkCable, networkCable } from './network.ts';
import { endAgent, endMembers } from './session-members.ts';
import { isReady, readSessionOutput } from './session-output.ts';
import { isSessionSocket } from './session-socket.ts';

/** How long a fresh desktop may take until its display answers. */
const START_TIMEOUT_MS = 30_000;
const START_POLL_MS = 10;

/** How long a dump or the end of a session waits for what its start left to be done. */
export const SETTLE_TIMEOUT_MS = 10_000;

/** A session that runs, or ran. */
export interface ProcessSession {
  readonly sessionId: string;
  /** The host's pid of the session's pid 1. */
  readonly rootPid: number;
  /** Its start time in clock ticks since boot. With the pid it is this process and no later one. */
  readonly startTicks: number;
  readonly mergedDir: string;
  /** The host's folder for bundle, logs and pid files of this session. */
  readonly bundleDir: string;
  readonly programs: Programs;
  readonly network: NetworkCable | undefined;
  /** Settles when it has its network, or with the reason why it has none. Never rejects. */
  readonly plugged: Promise<DeskPodError | undefined>;
  /** Commands that the host runs in it now. */
  readonly commands: Set<SessionCommand>;
  readonly gate: DumpGate;
  /** Settles when what may come after the start is done (the network), with what did not work. Never rejects. */
  readonly settled: Promise<readonly DeskPodError[]>;
}

/** What start and resume have in common. */
export interface SessionPlaces {
  /** 1 to 64 letters, digits, - and _; unique on the host. */
  readonly sessionId: string;
  readonly mergedDir: string;
  readonly bundleDir: string;
  readonly programs?: Programs;
  /** False leaves the session without a network; true by default. */
  readonly hasNetwork?: boolean;
  /** How much of the host it may use; of no consequence for one that runs already. */
  readonly limits?: SessionLimits;
  /** The kernel module protects it, and this process may act on it; of consequence for one that is adopted. */
  readonly isGuarded?: boolean;
  /** Given the host's pid of its first process as soon as that is there; what it throws ends the session. */
  readonly onRoot?: (rootPid: number) => void;
}

/** How a fresh session is started. */
export interface StartOptions extends SessionPlaces {
  readonly geometry: Geometry;
  /** 32 hexadecimal digits, the same as long as the pod lives. */
  readonly machineId: string;
  /** What the session is kept to; everything that most computers have if left out. */
  readonly processorLevel?: ProcessorLevel;
}

/** How a session is resumed. */
export interface ResumeOptions extends SessionPlaces {
  readonly imagesDir: string;
  /** A folder of the host where the root file system is bound while CRIU works. */
  readonly stagingDir: string;
}

/**
 * Starts a fresh session in a mounted root file system, and waits until its display takes clients.
 * @throws DeskPodError SESSION_START_FAILED with the end of the session's output in `details`; HOST_UNSUPPORTED if this
 * host cannot keep it to its limits, or its base is for another processor. Nothing is left then.
 */
export async function startSession(options: StartOptions): Promise<ProcessSession> {
  const { sessionId, mergedDir, bundleDir, geometry, processorLevel, programs = programsIn() } = options;
  await forget(programs, sessionId);
  const share = { level: processorLevel, count: options.limits?.processorCount };
  await prepareGuest(mergedDir, options.machineId, sessionProcessorHere(share));
  await writeBundle({
    sessionId,
    mergedDir,
    bundleDir,
    geometry,
    processorLevel,
    account: await readAccount(mergedDir),
  });
  await requireOwnMachine(mergedDir);
  const group = await makeControlGroup(sessionId, options.limits ?? {});
  try {
    await enforceLimits(group);
    const rootPid = await runcStart(programs, sessionId, bundleDir, options.onRoot);
    const session = describeSession(options, programs, rootPid, () => [
      // While nobody waits for it: the first dump is then as quick as the next.
      warmUpCriu(programs).then(() => undefined, asWarning),
    ]);
    await waitUntilReady(session);
    return session;
  } catch (error) {
    await forget(programs, sessionId);
    throw error;
  }
}

/**
 * Makes the session of a checkpoint again, in a root file system with the files of that same checkpoint.
 * @throws DeskPodError RESUME_FAILED; HOST_UNSUPPORTED if this host cannot keep it to its limits. Nothing runs and nothing
 * is mounted at `stagingDir` then.
 */
export async function resumeSession(
  options: ResumeOptions,
): Promise<ProcessSession & { readonly restoreMs: number }> {
  const { sessionId, mergedDir, bundleDir, imagesDir, stagingDir, programs = programsIn() } = options;
  const startedAtMs = performance.now();
  await mkdir(bundleDir, { recursive: true, mode: 0o700 });
  await forget(programs, sessionId);
  const group = await makeControlGroup(sessionId, options.limits ?? {});
  let rootPid: number;
  try {
    await bindPrivately(mergedDir, stagingDir);
    // CRIU itself is in the group that its processes are to be in: none of them is ever outside. It may need more than they.
    const joins = joiningFiles(group);
    rootPid = await criuRestore(programs, { imagesDir, workDir: bundleDir, rootDir: stagingDir, joins });
    options.onRoot?.(rootPid);
    await enforceLimits(group);
  } catch (error) {
    await endMembers(mergedDir, stagingDir);
    await unmount(stagingDir);
    await removeControlGroup(sessionId);
    throw error;
  }
  // The session has its own copy of this mount.
  await unmount(stagingDir);
  const restoreMs = performance.now() - startedAtMs;
  return { ...describeSession(options, programs, rootPid, dropKept), restoreMs };
}

/**
 * Takes over a session that a former supervisor left running: its network and its host's commands as they are found.
 * @throws DeskPodError SESSION_LOST if it does not run.
 */
export function adoptSession(options: SessionPlaces & { readonly rootPid: number }): ProcessSession {
  return describeSession(options, options.programs ?? programsIn(), options.rootPid, dropKept);
}

/**
 * Takes away what a session leaves, its last processes and what runc and the kernel have of it. Nothing happens if nothing
 * is left.
 * @throws DeskPodError SESSION_LOST or NETWORK_FAILED if a process does not end
 */
export async function forgetSession(session: ProcessSession): Promise<void> {
  await endProcesses(session);
  await forget(session.programs, session.sessionId);
}

/** Ends a session at once, with all its processes; nothing happens if it has ended. */
export async function killSession(session: ProcessSession): Promise<void> {
  for (const command of session.commands) command.abandon();
  await forgetSession(session);
}

/**
 * What would be in the way of a checkpoint now. While one is being made that cannot be told: CRIU itself traces every
 * process then.
 */
export async function foreseeObstacles(session: ProcessSession): Promise<readonly Obstacle[] | undefined> {
  if (session.gate.isClosed) return undefined;
  const obstacles = await findObstacles(identityOf(session));
  // Viewers and commands of the host let go of the session by themselves.
  return obstacles.filter(({ kind, detail }) => kind !== 'outside-connection' || !isSessionSocket(detail));
}

/** True while the session's first process runs. */
export function isAlive(session: Pick<ProcessSession, 'rootPid' | 'startTicks'>): boolean {
  return isRunning(identityOf(session));
}

/**
 * Starts a command in a session; after the checkpoint, if one is being made.
 * @throws DeskPodError EXEC_FAILED.
 */
export async function execInSession(
  session: ProcessSession,
  argv: readonly string[],
  options: ExecOptions = {},
): Promise<SessionCommand> {
  const command = await session.gate.start(async () => {
    const started = await startCommand(session.rootPid, argv, options);
    session.commands.add(started);
    return started;
  });
  const forget = () => session.commands.delete(command);
  command.ended.then(forget, forget);
  return command;
}

/** Runs a short command in a session to its end. */
export function captureInSession(
  session: ProcessSession,
  argv: readonly string[],
  options: ExecOptions = {},
): Promise<CapturedCommand> {
  return captureCommand(session.rootPid, argv, options);
}

function describeSession(
  { sessionId, mergedDir, bundleDir, hasNetwork = true, isGuarded = false }: SessionPlaces,
  programs: Programs,
  rootPid: number,
  followUps: (rootPid: number) => readonly Promise<DeskPodError | undefined>[],
): ProcessSession {
  const identity = identifyProcess(rootPid);
  if (identity === undefined) {
    throw new DeskPodError('SESSION_LOST', 'the session ended as soon as it ran', {
      hint: 'Start the pod again; `deskpod log` tells what happened before.',
      details: { sessionId, bundleDir },
    });
  }
  const network = hasNetwork ? networkCable(programs, rootPid, bundleDir, { isGuarded }) : undefined;
  const plugged = network?.plug().catch(asWarning) ?? Promise.resolve(undefined);
  const pending = [plugged, ...followUps(rootPid)];
  const settled = Promise.all(pending).then((results) => results.filter((result) => result !== undefined));
  const { startTicks } = identity;
  return {
    sessionId,
    rootPid,
    startTicks,
    mergedDir,
    bundleDir,
    programs,
    network,
    plugged,
    commands: new Set(),
    gate: new DumpGate(),
    settled,
  };
}

/** Commands of a host that is not there any more go on, and nobody collects their output. */
function dropKept(rootPid: number): readonly Promise<DeskPodError | undefined>[] {
  const drop = async (): Promise<DeskPodError | undefined> => {
    try {
      await dropKeptCommands(rootPid);
      return undefined;
    } catch (error) {
      await endAgent(rootPid);
      return asWarning(error);
    }
  };
  return [drop().catch(asWarning)];
}

async function waitUntilReady(session: ProcessSession): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await isReady(session.rootPid))) {
    if (isAlive(session) && performance.now() < deadline) {
      await delay(START_POLL_MS);
      continue;
    }
    throw new DeskPodError('SESSION_START_FAILED', 'the desktop did not come up', {
      hint: 'Look at the output in the details: the base may lack Xvnc or openbox.',
      details: { sessionId: session.sessionId, output: await readSessionOutput(session.mergedDir) },
    });
  }
}

/**
 * Ends its processes, and what the host runs for it.
 * @throws DeskPodError SESSION_LOST or NETWORK_FAILED if one does not end
 */
export async function endProcesses(session: ProcessSession): Promise<void> {
  // The kernel ends everything in the session's pid namespace together with its pid 1.
  if (!(await endProcess(identityOf(session)))) {
    throw new DeskPodError('SESSION_LOST', `process ${session.rootPid} of the session does not end`, {
      hint: 'A program waits for the drive: reconnect it, or restart this host.',
      details: { rootPid: session.rootPid },
    });
  }
  await endsWithin(session.settled, SETTLE_TIMEOUT_MS);
  await session.network?.unplug();
}

async function forget(programs: Programs, sessionId: string): Promise<void> {
  await runcDelete(programs, sessionId);
  await removeControlGroup(sessionId);
}

function identityOf({
  rootPid,
  startTicks,
}: Pick<ProcessSession, 'rootPid' | 'startTicks'>): ProcessIdentity {
  return { pid: rootPid, startTicks };
}

/** What became of something that a session can do without. */
export function asWarning(error: unknown): DeskPodError {
  if (error instanceof DeskPodError) return error;
  return new DeskPodError('SESSION_LOST', 'the session does not answer as it should', { cause: error });
}

// A dump of a session: tried again while what is in the way passes, and a failure that names who is in the way.
import { readdir, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { DeskPodError } from '../../core/errors.ts';
import { ProcessError } from '../../sync/process.ts';
import { isRunning, type ProcessIdentity } from '../host/process-identity.ts';
import type { Programs } from '../host/programs.ts';
import { lookUpEntries } from '../pod/layer.ts';
import { describeObstacle, describeProcess, type Obstacle } from '../preflight/obstacle.ts';
import { OBSTACLE_KINDS } from '../preflight/obstacle-kinds.ts';
import { findObstacles, findUnrestorable, identifyTask } from '../preflight/preflight.ts';
import { criuDump, DumpFailure, emptyImages } from './criu.ts';
import type { FrozenWork } from './freeze-hook.ts';

/** How long a dump is tried again, from its first failure, while something that passes is in the way. */
const DUMP_RETRY_MS = 2000;
const DUMP_RETRY_PAUSE_MS = 40;

/**
 * Where a checkpoint goes, and what is done at its instant; again if the dump has to be tried again. When the signal of that work
 * aborts, the session goes on, and what is read of it is of that instant no more.
 */
export interface CheckpointOptions extends FrozenWork {
  /** An empty folder; on a tmpfs, as the session stands still while it is written. */
  readonly imagesDir: string;
}

/** What a checkpoint took. */
export interface CheckpointFigures {
  /** How long the session stood still, the work on it included. */
  readonly pauseMs: number;
  readonly imageBytes: number;
  /** From the first attempt to the end of CRIU. */
  readonly dumpMs: number;
  readonly attemptCount: number;
}

/** What a dump needs to know of a session. */
export interface DumpedSession {
  readonly sessionId: string;
  readonly rootPid: number;
  readonly startTicks: number;
  readonly mergedDir: string;
  readonly bundleDir: string;
  readonly programs: Programs;
}

/**
 * Dumps a session of whose unix sockets none is connected to the host any more. CRIU's log of the last attempt stays in `bundleDir`.
 * @param leaveRunning false ends the session when its images are written.
 * @param startedAtMs when the checkpoint began, by performance.now().
 * @throws DeskPodError SUSPEND_FAILED, with `obstacles` in its details, if the session goes on; SESSION_LOST if it ended;
 * whatever the work on the session threw
 */
export async function dumpWithRetries(
  session: DumpedSession,
  { imagesDir, ...work }: CheckpointOptions,
  leaveRunning: boolean,
  startedAtMs: number,
): Promise<CheckpointFigures> {
  const { rootPid, startTicks, mergedDir, bundleDir: workDir, programs } = session;
  // A program may still come to that before it is stopped; it harms nothing but its own session.
  const unrestorable = findUnrestorable({ pid: rootPid, startTicks });
  if (unrestorable !== undefined) throw await suspendFailure(session, unrestorable, 0);
  let failedAtMs: number | undefined;
  for (let attemptCount = 1; ; attemptCount++) {
    try {
      const options = { rootPid, mergedDir, imagesDir, workDir, leaveRunning, ...work };
      const { pauseMs } = await criuDump(programs, options);
      const dumpMs = performance.now() - startedAtMs;
      return { pauseMs, imageBytes: await folderBytes(imagesDir), dumpMs, attemptCount };
    } catch (error) {
      // CRIU was ended while it ended the session, whose tasks never ran again: the checkpoint is whole. A session that
      // lives on has run since, and its images are of the past.
      if (error instanceof DumpFailure && error.areImagesComplete && !leaveRunning && hasEnded(session)) {
        const dumpMs = performance.now() - startedAtMs;
        return { pauseMs: dumpMs, imageBytes: await folderBytes(imagesDir), dumpMs, attemptCount };
      }
      await emptyImages(imagesDir);
      if (hasEnded(session)) throw lostSession(session, error);
      if (!(error instanceof DumpFailure)) throw error;
      failedAtMs ??= performance.now();
      if (await mayPass(error, mergedDir, performance.now() - failedAtMs)) continue;
      throw await suspendFailure(session, error, attemptCount, error);
    }
  }
}

/** The SESSION_LOST of a session that ended before it could be checkpointed. */
export function lostSession(session: DumpedSession, cause?: unknown): DeskPodError {
  return new DeskPodError('SESSION_LOST', 'the session ended before it could be checkpointed', {
    hint: 'Start the pod again: it resumes from its last checkpoint.',
    details: { sessionId: session.sessionId, rootPid: session.rootPid },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Why there is no checkpoint, as far as it is known. */
type Refusal = Partial<Pick<DumpFailure, 'kind' | 'isOfHost' | 'hostPid' | 'sentence' | 'logFile'>>;

/** The SUSPEND_FAILED that names who is in the way, and says what can be done. CRIU is no cause if it was not asked. */
async function suspendFailure(
  session: DumpedSession,
  refusal: Refusal,
  attemptCount: number,
  cause?: DumpFailure,
): Promise<DeskPodError> {
  const { kind, sentence, logFile } = refusal;
  const root = { pid: session.rootPid, startTicks: session.startTicks };
  let obstacles: readonly Obstacle[] = [];
  let problem: ProcessError | undefined;
  try {
    obstacles = await findObstacles(root);
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error;
    problem = error;
  }
  const culprit = refusal.isOfHost === true ? undefined : await accuse(root, refusal, obstacles);
  const known = kind === undefined ? undefined : OBSTACLE_KINDS[kind].advice;
  return new DeskPodError('SUSPEND_FAILED', `the session could not be checkpointed: ${culprit ?? sentence}`, {
    hint: `The session goes on. Either ${known ?? adviceFor(refusal, culprit)}, or end the session with \`deskpod stop\`, which keeps its files only.`,
    details: { obstacles, attemptCount, ...(logFile === undefined ? {} : { logFile }) },
    cause: problem === undefined ? cause : new AggregateError([cause, problem], problem.message),
  });
}

/** What to do about what no row of the table is about. */
function adviceFor({ isOfHost }: Refusal, culprit: string | undefined): string {
  if (isOfHost === true) return 'end other programs of this host and suspend again';
  return culprit === undefined
    ? 'close the window that was used last and suspend again'
    : 'close that program and suspend again';
}

/** What the host's kernel shows counts first, as it says which file it is; then the process that CRIU was at. */
async function accuse(
  root: ProcessIdentity,
  { kind, hostPid }: Refusal,
  obstacles: readonly Obstacle[],
): Promise<string | undefined> {
  const found = obstacles.find((each) => each.kind === kind) ?? obstacles.find((each) => !each.isTransient);
  if (found !== undefined) return describeObstacle(found);
  const task = hostPid === undefined ? undefined : await identifyTask(root, hostPid);
  if (task === undefined) return undefined;
  const text = kind === undefined ? 'is in a state that cannot be checkpointed' : OBSTACLE_KINDS[kind].text;
  return `${describeProcess(task)} ${text}`;
}

/** Whether another attempt may succeed; does or waits for what it takes. */
async function mayPass(failure: DumpFailure, mergedDir: string, spentMs: number): Promise<boolean> {
  if (spentMs >= DUMP_RETRY_MS || !(failure.isTransient || failure.needsEntries)) return false;
  // CRIU itself has waited for that, with all others stopped.
  if (failure.kind === 'unstoppable') return false;
  if (failure.needsEntries) await lookUpEntries(mergedDir);
  else await delay(DUMP_RETRY_PAUSE_MS);
  return true;
}

function hasEnded({ rootPid, startTicks }: DumpedSession): boolean {
  return !isRunning({ pid: rootPid, startTicks });
}

async function folderBytes(dir: string): Promise<number> {
  let sizeBytes = 0;
  for (const name of await readdir(dir)) sizeBytes += (await stat(`${dir}/${name}`)).size;
  return sizeBytes;
}

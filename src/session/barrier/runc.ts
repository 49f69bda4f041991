// runc: makes a session from its bundle and forgets it again.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DeskPodError } from '../../core/errors.ts';
import { statusAt } from '../../sync/posix/path-status.ts';
import { ProcessError, run } from '../../sync/process.ts';
import { missingProgram, type Programs } from '../host/programs.ts';
import { OutputError, runToFile } from '../host/run-to-file.ts';

/** Where runc keeps what it knows of sessions; gone with the boot. */
const RUNC_ROOT = '/run/deskpod/runc';

/** What the kernel calls the first process until it has become the session's own. */
const RUNC_INIT = 'runc:[';
const BECOME_TIMEOUT_MS = 5000;
const BECOME_POLL_MS = 1;

/** What `runc state` says of a session. */
export interface RuncState {
  readonly id: string;
  readonly pid: number;
  readonly status: string;
  /** Its bundle's folder. */
  readonly bundle: string;
}

/**
 * Creates a session from a bundle and starts its first process.
 * @param onCreated is given the pid of that process before it runs a program of the session
 * @returns the host's pid of that process.
 * @throws DeskPodError SESSION_START_FAILED; RUNTIME_MISSING without runc; what `onCreated` throws. Nothing of the session is left
 * then.
 */
export async function runcStart(
  programs: Programs,
  sessionId: string,
  bundleDir: string,
  onCreated: (rootPid: number) => void = () => undefined,
): Promise<number> {
  const logFile = `${bundleDir}/runc.log`;
  try {
    await runcCreate(programs, sessionId, bundleDir, ['--log', logFile]);
    const rootPid = Number(await readFile(pidFileOf(bundleDir), 'utf8'));
    onCreated(rootPid);
    await runc(programs, ['--log', logFile, 'start', sessionId]);
    await untilOwnProgram(rootPid);
    return rootPid;
  } catch (error) {
    await runcDelete(programs, sessionId);
    throw error instanceof ProcessError ? startFailure(error.stderrTail, logFile, error) : error;
  }
}

/** Where the pid of a session's first process is kept that runc has made. */
export function pidFileOf(bundleDir: string): string {
  return `${bundleDir}/session.pid`;
}

/**
 * `runc start` returns a moment before the first process is the session's own program. Until then it is runc, whose
 * namespaces only the host's root with all rights may enter: pasta, which has given up most, may not.
 */
async function untilOwnProgram(rootPid: number): Promise<void> {
  const deadlineMs = performance.now() + BECOME_TIMEOUT_MS;
  while (performance.now() < deadlineMs) {
    // One that has ended already is found so by who waits for the desktop.
    const name = await readFile(`/proc/${rootPid}/comm`, 'utf8').catch(() => '');
    if (!name.startsWith(RUNC_INIT)) return;
    await delay(BECOME_POLL_MS);
  }
}

/** Ends whatever of the session still runs under runc, and makes runc forget it. Nothing happens if it is unknown. */
export async function runcDelete(programs: Programs, sessionId: string): Promise<void> {
  // It keeps a folder for each. None is there for a session that CRIU made, and asking runc would cost a resume its time.
  if ((await statusAt(join(RUNC_ROOT, sessionId))) === undefined) return;
  await runc(programs, ['delete', '--force', sessionId]);
}

/** What runc knows of its sessions; an empty list if it never made one. */
export async function runcList(programs: Programs): Promise<readonly RuncState[]> {
  const { stdout } = await runc(programs, ['list', '--format', 'json']);
  const states: unknown = JSON.parse(stdout === '' ? 'null' : stdout);
  return Array.isArray(states) ? (states as RuncState[]) : [];
}

/**
 * `runc create`: the session's first process inherits its output, so a shell sends that to a file. A pipe to here would
 * stay open as long as the session runs, and whoever reads it would wait as long.
 */
async function runcCreate(
  programs: Programs,
  sessionId: string,
  bundleDir: string,
  options: readonly string[],
) {
  const outputFile = `${bundleDir}/create.log`;
  const args = [
    '--root',
    RUNC_ROOT,
    ...options,
    'create',
    '--bundle',
    bundleDir,
    '--pid-file',
    pidFileOf(bundleDir),
  ];
  try {
    await runToFile(programs.runc, [...args, sessionId], outputFile);
  } catch (error) {
    throw error instanceof OutputError ? startFailure(error.output, outputFile, error) : error;
  }
}

async function runc(programs: Programs, args: readonly string[]) {
  try {
    return await run(programs.runc, ['--root', RUNC_ROOT, ...args]);
  } catch (error) {
    if (error instanceof ProcessError && error.notFound) {
      throw missingProgram(programs.runc, error);
    }
    throw error;
  }
}

function startFailure(output: string, logFile: string, cause?: unknown): DeskPodError {
  return new DeskPodError('SESSION_START_FAILED', `runc did not start the session: ${lastLine(output)}`, {
    hint: 'Run `deskpod doctor` to see what this host lacks.',
    details: { logFile, output },
    ...(cause === undefined ? {} : { cause }),
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

// A process that stays itself: a pid together with its start time, so that a reused pid is never mistaken for it.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** How often the end of a process is looked for. */
const POLL_MS = 5;

/** One process of this boot. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time in clock ticks since boot: field 22 of /proc/PID/stat. */
  readonly startTicks: number;
}

/** The process that has this pid now, or `undefined` if there is none or it has ended already. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) throw new TypeError(`not a process id: ${pid}`);
  const stat = readStat(pid);
  if (stat === undefined) return undefined;
  // The name, in parentheses, may hold spaces and parentheses itself: the fields count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  const threadCount = Number(fields[17]);
  const startTicks = Number(fields[19]);
  if (state === 'X' || !Number.isSafeInteger(startTicks)) return undefined;
  // A zombie has ended; somebody has only not asked for its exit code yet. Not so one with other threads: what they have
  // open, locks too, they hold until the last has come out of the kernel.
  if (state === 'Z' && threadCount <= 1) return undefined;
  return { pid, startTicks };
}

/** True while this very process runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startTicks === identity.startTicks;
}

/** Sends a signal to this very process; false if it has ended. */
function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isRunning(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Waits for the end of a process; false if it still runs after `timeoutMs`. */
async function waitForEnd(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (isRunning(identity)) {
    if (performance.now() >= deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

/** Ends a process (SIGKILL) and waits until it is gone; false if it still runs after `timeoutMs`. */
export async function endProcess(identity: ProcessIdentity, timeoutMs = 5000): Promise<boolean> {
  signalProcess(identity, 'SIGKILL');
  return waitForEnd(identity, timeoutMs);
}

function readStat(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}

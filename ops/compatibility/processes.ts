// Which processes of an application run, and that a resume brought back these and no others.
import type { Person } from '../user/person.ts';

/** Of proc(5), on every architecture that Linux has now. */
const TICK_MS = 10;

/** A process as the session sees it. */
export interface SessionProcess {
  readonly pid: number;
  /** After the start of the session's pid 1, in clock ticks of 10 ms. A restore starts every process anew. */
  readonly startedTicks: number;
}

/** Processes of this name, by pid. */
export async function processesNamed(person: Person, name: string): Promise<readonly SessionProcess[]> {
  const stats = await person.exec('sh', '-c', 'cat /proc/[0-9]*/stat 2>/dev/null; true');
  const processes = stats.split('\n').flatMap((line) => {
    const [, pid, command, rest] = /^(\d+) \((.*)\) (.*)$/.exec(line) ?? [];
    if (pid === undefined || rest === undefined) return [];
    // Of proc(5): the third field is the first of the rest.
    const fields = rest.split(' ');
    const startTicks = Number(fields[19]);
    if (fields[0] === 'Z') return [];
    return [{ pid: Number(pid), command, startTicks }];
  });
  const origin = processes.find(({ pid }) => pid === 1)?.startTicks ?? Number.NaN;
  return processes
    .filter(({ command }) => command === name)
    .map(({ pid, startTicks }) => ({ pid, startedTicks: startTicks - origin }))
    .sort((a, b) => a.pid - b.pid);
}

/**
 * Throws unless the first of the processes of before runs after a resume that took `resumeMs`, made by that and not
 * started since. Others may come and go while the application runs.
 */
export function requireSame(
  before: readonly SessionProcess[],
  after: readonly SessionProcess[],
  resumeMs: number,
): void {
  const [main] = [...before].sort((a, b) => a.startedTicks - b.startedTicks);
  const process = after.find(({ pid }) => pid === main?.pid);
  if (process === undefined) throw new Error(`process ${main?.pid} did not come back`);
  const startedMs = process.startedTicks * TICK_MS;
  if (startedMs > resumeMs) {
    throw new Error(`process ${process.pid} was started ${startedMs} ms after the session's first`);
  }
}

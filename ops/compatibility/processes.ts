// Which processes of an application run, and that a resume brought back these and no others.
import type { Person } from '../user/person.ts';

/** A process as the session sees it. */
export interface SessionProcess {
  readonly pid: number;
  /** After the start of the session's pid 1, in clock ticks of 10 ms. A restore starts every process anew. */
  readonly startedTicks: number;
  readonly threadCount: number;
}

/** Processes of this name, by pid. */
export async function processesNamed(person: Person, name: string): Promise<readonly SessionProcess[]> {
  const stats = await person.exec('sh', '-c', 'cat /proc/[0-9]*/stat 2>/dev/null; true');
  const processes = stats.split('\n').flatMap((line) => {
    const [, pid, command, rest] = /^(\d+) \((.*)\) (.*)$/.exec(line) ?? [];
    if (pid === undefined || rest === undefined) return [];
    // Of proc(5): the third field is the first of the rest.
    const fields = rest.split(' ');
    const [threadCount, startTicks] = [fields[17], fields[19]].map(Number);
    if (threadCount === undefined || startTicks === undefined || fields[0] === 'Z') return [];
    return [{ pid: Number(pid), command, startTicks, threadCount }];
  });
  const origin = processes.find(({ pid }) => pid === 1)?.startTicks ?? Number.NaN;
  return processes
    .filter(({ command }) => command === name)
    .map(({ pid, startTicks, threadCount }) => ({ pid, startedTicks: startTicks - origin, threadCount }))
    .sort((a, b) => a.pid - b.pid);
}

/**
 * Throws unless every process of before runs after a resume that took `resumeMs`, made by that and not started since.
 */
export function requireSame(
  before: readonly SessionProcess[],
  after: readonly SessionProcess[],
  resumeMs: number,
): void {
  const found = new Map(after.map((process) => [process.pid, process]));
  for (const { pid } of before) {
    const process = found.get(pid);
    if (process === undefined) throw new Error(`process ${pid} did not come back`);
    if (process.startedTicks * 10 > resumeMs) {
      throw new Error(`process ${pid} was started ${process.startedTicks * 10} ms after the session's first`);
    }
  }
}

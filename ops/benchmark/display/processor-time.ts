// Processor time that the kernel has counted for some of the processes below another.
import { readFileSync } from 'node:fs';
import { listSessionTasks } from '../../../src/session/preflight/session-tasks.ts';

/** What `getconf CLK_TCK` says on every Linux that Debian has. */
const TICKS_PER_SECOND = 100;

/** Of `rootPid` and what descends from it, those whose name matches: user and system time together, in seconds. */
export function processorSeconds(rootPid: number, name: RegExp): number {
  const tasks = listSessionTasks(rootPid).filter(({ program }) => name.test(program));
  return tasks.reduce((sum, { hostPid }) => sum + ticksOf(hostPid), 0) / TICKS_PER_SECOND;
}

function ticksOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11]) + Number(fields[12]);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(String((error as NodeJS.ErrnoException).code))) return 0;
    throw error;
  }
}

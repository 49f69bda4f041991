// The processes of a session as the host's /proc shows them, at one moment.
import { listProc, readProc } from './proc-files.ts';

/** One process. */
export interface SessionTask {
  readonly hostPid: number;
  /** Its number inside the session. */
  readonly pid: number;
  /** Host pid of its parent. */
  readonly parentHostPid: number;
  /** What it calls itself: at most 15 bytes. */
  readonly program: string;
  /** One letter, as in /proc/PID/stat. */
  readonly state: string;
  readonly threadCount: number;
}

/** The process `rootPid` and all that descend from it: whoever loses its parent becomes a child of the first process. */
export function listSessionTasks(rootPid: number): readonly SessionTask[] {
  const children = new Map<number, SessionTask[]>();
  let root: SessionTask | undefined;
  for (const name of listProc('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const task = readTask(Number(name));
    if (task === undefined) continue;
    if (task.hostPid === rootPid) root = task;
    const siblings = children.get(task.parentHostPid);
    if (siblings === undefined) children.set(task.parentHostPid, [task]);
    else siblings.push(task);
  }
  const found = root === undefined ? [] : [root];
  for (const { hostPid } of found) found.push(...(children.get(hostPid) ?? []));
  // Only those of the session have numbers in it that end with their own.
  return found.map((task) => ({ ...task, pid: pidInside(task.hostPid) ?? task.hostPid }));
}

/**
 * The state of what calls itself `program` and was started by the session's first process itself, as its display is; undefined
 * if there is none. It costs much less than looking through all processes of a host.
 */
export function stateOfService(rootPid: number, program: string): SessionTask['state'] | undefined {
  const children = readProc(`/proc/${rootPid}/task/${rootPid}/children`).split(' ').filter(Boolean);
  const tasks = children.map((pid) => readTask(Number(pid)));
  return tasks.find((task) => task?.program === program)?.state;
}

/** The memory of processes that their images may come to: what is theirs alone or shared between them, counted for each of them. */
export function ownMemoryBytes(tasks: readonly Pick<SessionTask, 'hostPid'>[]): number {
  let kibibytes = 0;
  for (const { hostPid } of tasks)
    for (const [, amount] of readProc(`/proc/${hostPid}/status`).matchAll(
      /^(?:RssAnon|RssShmem|VmSwap):\s+(\d+) kB/gm,
    ))
      kibibytes += Number(amount);
  return kibibytes * 1024;
}

function readTask(hostPid: number): SessionTask | undefined {
  const stat = readProc(`/proc/${hostPid}/stat`);
  const nameEnd = stat.lastIndexOf(')');
  if (nameEnd < 0) return undefined;
  const fields = stat.slice(nameEnd + 2).split(' ');
  return {
    hostPid,
    pid: hostPid,
    parentHostPid: Number(fields[1]),
    program: stat.slice(stat.indexOf('(') + 1, nameEnd),
    state: fields[0] ?? '',
    threadCount: Number(fields[17]),
  };
}

function pidInside(hostPid: number): number | undefined {
  const numbers = /^NSpid:\s+(.*)$/m.exec(readProc(`/proc/${hostPid}/status`))?.[1];
  const last = numbers?.split(/\s+/).at(-1);
  return last === undefined ? undefined : Number(last);
}

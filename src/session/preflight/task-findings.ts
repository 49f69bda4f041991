// What of a process itself is in the way of a checkpoint: its state, its tracer, its namespaces.
import type { Finding } from './finding.ts';
import { linkOf, listProc, readProc } from './proc-files.ts';
import type { SessionTask } from './session-tasks.ts';

/** Where a parent waits until a child that shares its memory has started another program. */
const SHARED_MEMORY_WAIT = /vfork|kernel_clone/;

/** The namespaces of a process, by their names in /proc/PID/ns. */
export type NamespaceLinks = ReadonlySet<string>;

/** The namespaces of the session, of which its first process has one each. */
export function namespacesOf(rootPid: number): NamespaceLinks {
  const dir = `/proc/${rootPid}/ns`;
  return new Set(listProc(dir).flatMap((name) => linkOf(`${dir}/${name}`) ?? []));
}

/** Everything of one process that is no file. */
export function findInTask(task: SessionTask, known: NamespaceLinks): readonly Finding[] {
  const { hostPid, state, threadCount } = task;
  // Its parent has only not asked for its exit code yet: CRIU takes such a one.
  if (state === 'Z' && threadCount <= 1) return [];
  const findings: Finding[] = [];
  if (state === 'Z') findings.push({ kind: 'ended-leader', task, detail: `${threadCount - 1} threads` });
  if (state === 'D' && SHARED_MEMORY_WAIT.test(readProc(`/proc/${hostPid}/wchan`)))
    findings.push({ kind: 'unstoppable', task, detail: 'for a child that has not started its program yet' });
  const tracer = tracerOf(hostPid);
  if (tracer !== undefined) findings.push({ kind: 'traced', task, detail: `process ${tracer} of the host` });
  const stranger = strangeNamespace(hostPid, known);
  if (stranger !== undefined) findings.push({ kind: 'other-namespace', task, detail: stranger });
  return findings;
}

/** The host's number of the process that traces one of its threads. */
function tracerOf(hostPid: number): string | undefined {
  for (const thread of listProc(`/proc/${hostPid}/task`)) {
    const tracer = /^TracerPid:\s+(\d+)$/m.exec(readProc(`/proc/${hostPid}/task/${thread}/status`))?.[1];
    if (tracer !== undefined && tracer !== '0') return tracer;
  }
  return undefined;
}

function strangeNamespace(hostPid: number, known: NamespaceLinks): string | undefined {
  const dir = `/proc/${hostPid}/ns`;
  for (const name of listProc(dir)) {
    const link = linkOf(`${dir}/${name}`);
    if (link !== undefined && !known.has(link)) return link;
  }
  return undefined;
}

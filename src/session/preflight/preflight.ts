// The pre-flight: what of a running session would be in the way of a checkpoint, found from the outside.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeskPodError } from '../../core/errors.ts';
import { isRunning, type ProcessIdentity } from '../host/process-identity.ts';
import {
  findInFile,
  findInMappings,
  findTornMemory,
  listOpenFiles,
  type OpenFile,
  type SessionFacts,
} from './file-findings.ts';
import type { Finding } from './finding.ts';
import type { Obstacle, ObstacleProcess } from './obstacle.ts';
import { OBSTACLE_KINDS } from './obstacle-kinds.ts';
import { readProc } from './proc-files.ts';
import { listSessionTasks, type SessionTask } from './session-tasks.ts';
import { findInSockets } from './socket-findings.ts';
import { findInTask, namespacesOf } from './task-findings.ts';
import { readWindowTitles, type WindowTitles, windowOf } from './windows.ts';

/** Kinds of file systems whose files CRIU cannot find again by a handle. */
const NAMELESS_KINDS = new Set(['proc', 'devpts']);

/**
 * Everything that would be in the way of a checkpoint at this moment, as far as the host's kernel shows it: one for each
 * process and kind. None if the session has ended. Not for while it is dumped: CRIU traces every process then.
 * @throws ProcessError if the host lacks nsenter or ss
 */
export async function findObstacles(root: ProcessIdentity): Promise<readonly Obstacle[]> {
  try {
    const tasks = listSessionTasks(root.pid);
    const findings = await findAll(root.pid, tasks, factsOf(root.pid));
    const titles = findings.length > 0 ? await titlesIn(root.pid) : new Map<number, string>();
    return distinct(findings).map((finding) => describe(finding, tasks, titles));
  } catch (error) {
    if (!isRunning(root)) return [];
    throw error;
  }
}

/** The first thing that CRIU would put into a checkpoint without an error, and could not restore. */
export function findUnrestorable(root: ProcessIdentity): Pick<Obstacle, 'kind' | 'hostPid'> | undefined {
  for (const task of listSessionTasks(root.pid)) {
    const finding = findTornMemory(task);
    if (finding !== undefined) return { kind: finding.kind, hostPid: task.hostPid };
  }
  return undefined;
}

/** The process of a session with that number inside, with its window. */
export async function identifyTask(
  root: ProcessIdentity,
  hostPid: number,
): Promise<ObstacleProcess | undefined> {
  const tasks = listSessionTasks(root.pid);
  const task = tasks.find((each) => each.hostPid === hostPid);
  if (task === undefined) return undefined;
  return whoIs(task, tasks, await titlesIn(root.pid));
}

async function findAll(
  rootPid: number,
  tasks: readonly SessionTask[],
  facts: SessionFacts,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const files: OpenFile[] = [];
  for (const task of tasks) {
    const own = listOpenFiles(task);
    findings.push(...findInTask(task, facts.namespaces), ...findInMappings(task));
    findings.push(...own.flatMap((file) => findInFile(file, facts) ?? []));
    files.push(...own);
    // Whoever looks has other things to do: a viewer's pixels pass through the same process.
    await nextTurn();
  }
  return [...findings, ...(await findInSockets(rootPid, files))];
}

function factsOf(rootPid: number): SessionFacts {
  const mountIds = new Set<string>();
  const namelessDevices = new Map<string, string>();
  for (const line of readProc(`/proc/${rootPid}/mountinfo`).split('\n')) {
    const [id = '', , device = '', , place = '', ...rest] = line.split(' ');
    mountIds.add(id);
    const kind = rest[rest.indexOf('-') + 1] ?? '';
    // The read-only parts of /proc are mounts of the same file system.
    if (NAMELESS_KINDS.has(kind) && !namelessDevices.has(printedDevice(device)))
      namelessDevices.set(printedDevice(device), place);
  }
  return { namespaces: namespacesOf(rootPid), mountIds, namelessDevices };
}

/** A device number such as 0:53 as fdinfo prints it: one hexadecimal number, 20 bits of it for the second part. */
function printedDevice(device: string): string {
  const [major = 0, minor = 0] = device.split(':').map(Number);
  return (major * 2 ** 20 + minor).toString(16);
}

/** A display that does not answer keeps nobody from being told what is in the way. */
async function titlesIn(rootPid: number): Promise<WindowTitles> {
  try {
    return await readWindowTitles(rootPid);
  } catch (error) {
    if (isDeskPodError(error, 'DISPLAY_FAILED') || isSystemFailure(error)) return new Map();
    throw error;
  }
}

function isSystemFailure(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

function distinct(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.map((each) => [`${each.kind} ${each.task.hostPid}`, each])).values()];
}

function describe(finding: Finding, tasks: readonly SessionTask[], titles: WindowTitles): Obstacle {
  const { kind, task, detail } = finding;
  return { kind, isTransient: OBSTACLE_KINDS[kind].isTransient, ...whoIs(task, tasks, titles), detail };
}

function whoIs(task: SessionTask, tasks: readonly SessionTask[], titles: WindowTitles): ObstacleProcess {
  const byHostPid = new Map(tasks.map((each) => [each.hostPid, each]));
  const { pid, hostPid, program } = task;
  return { pid, hostPid, program, window: windowOf(task, byHostPid, titles) };
}

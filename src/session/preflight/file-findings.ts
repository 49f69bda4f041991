// What of a process's open files and mappings is in the way of a checkpoint.
import type { Stats } from 'node:fs';
import { socketProtocol } from '../../sync/posix/socket-facts.ts';
import type { Finding } from './finding.ts';
import { GHOST_LIMIT_MEBIBYTES } from './obstacle-kinds.ts';
import { linkOf, listProc, readProc, statOf } from './proc-files.ts';
import type { SessionTask } from './session-tasks.ts';
import type { NamespaceLinks } from './task-findings.ts';

const MEBIBYTE = 2 ** 20;
/** st_blocks counts in these, whatever the file system's own. */
const BLOCK_BYTES = 512;
const DELETED = ' (deleted)';
/** O_EXCL in the flags of a pidfd: it is one of a thread. */
const PIDFD_THREAD = 0o200;

/** Objects of the kernel that CRIU checkpoints, as links in /proc/PID/fd name them. */
const KNOWN_OBJECTS = new Set([
  ...['[eventfd]', '[eventpoll]', '[signalfd]', '[timerfd]', '[pidfd]', '[fanotify]'],
  'inotify',
]);

/** Protocols of sockets that CRIU checkpoints, as the kernel names them. */
const KNOWN_PROTOCOLS = new Set([
  ...['UNIX', 'UNIX-STREAM', 'NETLINK', 'PACKET'],
  ...['TCP', 'TCPv6', 'UDP', 'UDPv6', 'UDP-Lite', 'UDPLITEv6', 'RAW', 'RAWv6', 'PING', 'PINGv6'],
]);

/** Files of no mount that CRIU checkpoints: memory that has a name only. */
const MEMORY_FILES = /^\/(?:memfd:|SYSV|dev\/zero \(deleted\)|\[aio\])/;

/** How mappings of SysV shared memory are called. */
const SHARED_SEGMENT = '/SYSV';
/** A line of maps: its range (start and end), rights, offset in the file, device, inode, name. */
const MAPPING = /^((\w+)-(\w+)) \S+ (\w+) \S+ \d+ +(\S.*)$/;

/** What is known of the session as a whole. */
export interface SessionFacts {
  readonly namespaces: NamespaceLinks;
  /** Ids of its mounts. */
  readonly mountIds: ReadonlySet<string>;
  /** Its file systems that find no file by a lasting name, by their device numbers as fdinfo prints them. */
  readonly namelessDevices: ReadonlyMap<string, string>;
}

/** One open file. */
export interface OpenFile {
  readonly task: SessionTask;
  readonly fd: number;
  /** Where its link leads, such as `/home/user/notes` or `socket:[123]`. */
  readonly link: string;
}

/** The open files of a process. */
export function listOpenFiles(task: SessionTask): readonly OpenFile[] {
  const dir = `/proc/${task.hostPid}/fd`;
  return listProc(dir).flatMap((fd) => {
    const link = linkOf(`${dir}/${fd}`);
    return link === undefined ? [] : [{ task, fd: Number(fd), link }];
  });
}

/** What of one open file is in the way. */
export function findInFile(file: OpenFile, facts: SessionFacts): Finding | undefined {
  const { task, fd, link } = file;
  const path = `/proc/${task.hostPid}/fd/${fd}`;
  if (link.startsWith('anon_inode:')) return findInObject(file, facts);
  if (link.startsWith('socket:')) {
    const protocol = socketProtocol(path);
    if (protocol === undefined || KNOWN_PROTOCOLS.has(protocol)) return undefined;
    return { kind: 'unknown-socket', task, detail: protocol };
  }
  if (/^[a-z_]+:\[\d+\]$/.test(link)) {
    if (link.startsWith('pipe:') || facts.namespaces.has(link)) return undefined;
    return { kind: 'other-namespace', task, detail: link };
  }
  if (!link.startsWith('/') || MEMORY_FILES.test(link)) return undefined;
  const mount = /^mnt_id:\s+(\d+)$/m.exec(fileInfo(file))?.[1];
  if (mount !== undefined && !facts.mountIds.has(mount)) return { kind: 'outside-file', task, detail: link };
  return link.endsWith(DELETED) ? findGhost(task, link, statOf(path)) : undefined;
}

/** What of a process's mappings is in the way. */
export function findInMappings(task: SessionTask): readonly Finding[] {
  const text = readProc(`/proc/${task.hostPid}/maps`);
  const torn = tornMemoryIn(text, task);
  return torn === undefined ? findMapped(text, task) : [...findMapped(text, task), torn];
}

function findMapped(text: string, task: SessionTask): readonly Finding[] {
  // A browser maps thousands of pieces: most processes are done with one look.
  if (!text.includes('anon_inode:') && !text.includes(DELETED)) return [];
  const findings = new Map<string, Finding>();
  for (const line of text.split('\n')) {
    const [, range = '', , , , name = ''] = MAPPING.exec(line) ?? [];
    if (findings.has(name)) continue;
    if (name.startsWith('anon_inode:')) {
      findings.set(name, { kind: 'kernel-object', task, detail: objectOf(name) });
    } else if (name.endsWith(DELETED) && !MEMORY_FILES.test(name)) {
      const ghost = findGhost(task, name, statOf(`/proc/${task.hostPid}/map_files/${range}`));
      if (ghost !== undefined) findings.set(name, ghost);
    }
  }
  return [...findings.values()];
}

/**
 * Whether a process has given back a part of a SysV shared memory. A checkpoint of one with a hole is made without an
 * error, and cannot be restored.
 */
export function findTornMemory(task: SessionTask): Finding | undefined {
  return tornMemoryIn(readProc(`/proc/${task.hostPid}/maps`), task);
}

function tornMemoryIn(text: string, task: SessionTask): Finding | undefined {
  if (!text.includes(SHARED_SEGMENT)) return undefined;
  let expected: { readonly address: number; readonly offset: number; readonly sizeBytes: number } | undefined;
  const isWhole = () => expected === undefined || expected.offset >= expected.sizeBytes;
  for (const line of text.split('\n')) {
    const [, range = '', start = '', end = '', at = '0', name = ''] = MAPPING.exec(line) ?? [];
    if (!name.startsWith(SHARED_SEGMENT)) continue;
    const [address, offset] = [Number.parseInt(start, 16), Number.parseInt(at, 16)];
    const isNext = expected?.address === address && expected.offset === offset && !isWhole();
    if (!isNext && (offset !== 0 || !isWhole())) return { kind: 'torn-shared-memory', task };
    const sizeBytes = statOf(`/proc/${task.hostPid}/map_files/${range}`)?.size ?? 0;
    const length = Number.parseInt(end, 16) - address;
    expected = { address: address + length, offset: offset + length, sizeBytes };
  }
  return isWhole() ? undefined : { kind: 'torn-shared-memory', task };
}

function findInObject(file: OpenFile, facts: SessionFacts): Finding | undefined {
  const { task, link } = file;
  const object = objectOf(link);
  if (!KNOWN_OBJECTS.has(object)) return { kind: 'kernel-object', task, detail: object };
  if (object === '[pidfd]') {
    const flags = Number.parseInt(/^flags:\s+(\d+)$/m.exec(fileInfo(file))?.[1] ?? '0', 8);
    return (flags & PIDFD_THREAD) === 0
      ? undefined
      : { kind: 'kernel-object', task, detail: 'pidfd of a thread' };
  }
  return object === 'inotify' ? findInWatches(file, facts) : undefined;
}

function findInWatches(file: OpenFile, facts: SessionFacts): Finding | undefined {
  for (const [, device = ''] of fileInfo(file).matchAll(/^inotify .*?sdev:([0-9a-f]+) /gm)) {
    const place = facts.namelessDevices.get(device);
    if (place !== undefined) return { kind: 'unnamed-watch', task: file.task, detail: `in ${place}` };
  }
  return undefined;
}

function findGhost(task: SessionTask, link: string, stat: Stats | undefined): Finding | undefined {
  if (stat === undefined || !stat.isFile() || stat.nlink > 0) return undefined;
  const sizeMebibytes = (stat.blocks * BLOCK_BYTES) / MEBIBYTE;
  if (sizeMebibytes <= GHOST_LIMIT_MEBIBYTES) return undefined;
  const name = link.slice(0, -DELETED.length);
  return { kind: 'deleted-file', task, detail: `${name}, ${Math.ceil(sizeMebibytes)} MiB` };
}

function fileInfo({ task, fd }: OpenFile): string {
  return readProc(`/proc/${task.hostPid}/fdinfo/${fd}`);
}

function objectOf(name: string): string {
  return name.slice('anon_inode:'.length);
}

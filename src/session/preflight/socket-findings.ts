// What of a session's sockets is in the way of a checkpoint: messages that nobody reads, connections out of the session.
import { highestNetlinkGroup, passesCredentials } from '../../sync/posix/socket-facts.ts';
import { run } from '../../sync/process.ts';
import type { OpenFile } from './file-findings.ts';
import type { Finding } from './finding.ts';
import { readProc } from './proc-files.ts';

/** A line of `ss -x`: kind, state, bytes or messages to be read, to be sent, own name and inode, the other end's. */
const UNIX_LINE = /^\S+\s+(\S+)\s+(\d+)\s+\d+\s+(.*?)\s+(\d+)\s+\S+\s+(\d+)\s*$/;

/** So many groups of a netlink socket CRIU checkpoints. */
const NETLINK_GROUPS = 32;

/** One unix socket. */
interface UnixSocket {
  readonly state: string;
  readonly unreadCount: number;
  /** Where it is bound; undefined if it is not. */
  readonly name: string | undefined;
  readonly inode: string;
  readonly peerInode: string;
}

/** Everything about the sockets among `files`, in the network namespace of the process `rootPid`. */
export async function findInSockets(
  rootPid: number,
  files: readonly OpenFile[],
): Promise<readonly Finding[]> {
  const owners = new Map<string, OpenFile>();
  for (const file of files) {
    const inode = /^socket:\[(\d+)\]$/.exec(file.link)?.[1];
    if (inode !== undefined && !owners.has(inode)) owners.set(inode, file);
  }
  return [...findInNetlink(rootPid, owners), ...findInUnix(await listUnixSockets(rootPid), owners)];
}

function* findInUnix(
  sockets: readonly UnixSocket[],
  owners: ReadonlyMap<string, OpenFile>,
): Generator<Finding> {
  const inside = new Set(sockets.map(({ inode }) => inode));
  for (const { state, unreadCount, name, inode, peerInode } of sockets) {
    const owner = owners.get(inode);
    if (owner === undefined) continue;
    const { task, fd } = owner;
    if (state === 'LISTEN') {
      if (unreadCount > 0) yield { kind: 'unaccepted-connection', task, ...at(name) };
    } else if (peerInode !== '0' && !inside.has(peerInode))
      yield { kind: 'outside-connection', task, ...at(name) };
    else if (unreadCount > 0 && passesCredentials(task.hostPid, fd))
      yield { kind: 'unread-credentials', task };
  }
}

function at(name: string | undefined): Pick<Finding, 'detail'> {
  return name === undefined ? {} : { detail: name };
}

/** A netlink socket's row: address, protocol, port id, groups, bytes to be read, …, inode. */
function* findInNetlink(rootPid: number, owners: ReadonlyMap<string, OpenFile>): Generator<Finding> {
  for (const line of readProc(`/proc/${rootPid}/net/netlink`).split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    const owner = owners.get(fields.at(-1) ?? '');
    if (owner === undefined) continue;
    const { task, fd } = owner;
    const group = highestNetlinkGroup(task.hostPid, fd);
    if (group > NETLINK_GROUPS) yield { kind: 'unknown-socket', task, detail: `netlink group ${group}` };
    if (Number(fields[4]) > 0) yield { kind: 'unread-netlink', task };
  }
}

async function listUnixSockets(rootPid: number): Promise<readonly UnixSocket[]> {
  const { stdout } = await run('nsenter', ['--target', `${rootPid}`, '--net', 'ss', '-Hxan']);
  return stdout.split('\n').flatMap((line) => {
    const [, state = '', unread, name, inode = '', peerInode = ''] = UNIX_LINE.exec(line) ?? [];
    if (inode === '') return [];
    return [{ state, unreadCount: Number(unread), name: name === '*' ? undefined : name, inode, peerInode }];
  });
}

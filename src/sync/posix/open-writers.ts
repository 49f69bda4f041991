// Who can write to files of a tree without the kernel telling of it: programs that have them mapped or still open, and
// loop devices.
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Files of a tree that some program or loop device of this host holds, as paths in the tree. */
export interface OpenFiles {
  /** Mapped and written to in memory: what is written shows in no time of the file until the kernel stores it. */
  readonly mapped: readonly Buffer[];
  /** Open for writing. */
  readonly open: readonly Buffer[];
}

const SLASH = 0x2f;
const WRITABLE_BIT = 0o200;
/** A line of /proc/PID/maps: addresses, rights, offset, device, inode, path. */
const SHARED_WRITABLE = /^\S+ .w.s \S+ \S+ (\d+) +(\/.*)$/gm;

/**
 * Looks through the processes of this host that this one may look into (all, as root; its user's own otherwise). Paths
 * are those that this process sees. Takes a few microseconds for each open file of each process.
 */
export function findOpenWriters(root: string): OpenFiles {
  const prefix = Buffer.from(root === '/' ? root : `${root}/`);
  const mapped = new Map<string, Buffer>();
  const open = new Map<string, Buffer>();
  for (const pid of processes()) {
    for (const path of mappedBy(pid, prefix)) mapped.set(path.toString('latin1'), path);
    for (const path of openedBy(pid, prefix)) open.set(path.toString('latin1'), path);
  }
  for (const path of openedByLoops(prefix)) open.set(path.toString('latin1'), path);
  return { mapped: [...mapped.values()], open: [...open.values()] };
}

/**
 * The inodes that programs have mapped to write to, of `pids` or of all that this process may look into. By their numbers
 * alone: what a file system in layers says of the device is not what its files themselves do.
 */
export function findMappedInodes(pids: Iterable<string | number> = processes()): ReadonlySet<bigint> {
  const inodes = new Set<bigint>();
  for (const pid of pids) {
    const maps = unlessClosed(() => readFileSync(`/proc/${pid}/maps`, 'latin1')) ?? '';
    for (const [, inode = ''] of maps.matchAll(SHARED_WRITABLE)) inodes.add(BigInt(inode));
  }
  return inodes;
}

function processes(): string[] {
  return readdirSync('/proc').filter((name) => {
    const first = name.charCodeAt(0);
    return first >= 0x31 && first <= 0x39;
  });
}

function* mappedBy(pid: string, prefix: Buffer): Generator<Buffer> {
  const maps = unlessClosed(() => readFileSync(`/proc/${pid}/maps`));
  // most map nothing of the tree: its name is looked for before the lines are read
  if (maps === undefined || !maps.includes(prefix)) return;
  for (const [, , path = ''] of maps.toString('latin1').matchAll(SHARED_WRITABLE)) {
    const place = Buffer.from(path.replace(/\\012/g, '\n'), 'latin1');
    if (place.subarray(0, prefix.length).equals(prefix)) yield place.subarray(prefix.length);
  }
}

function* openedBy(pid: string, prefix: Buffer): Generator<Buffer> {
  const dir = `/proc/${pid}/fd`;
  for (const fd of unlessClosed(() => readdirSync(dir)) ?? []) {
    const place = unlessClosed(() => readlinkSync(`${dir}/${fd}`, { encoding: 'buffer' }));
    // pipes and sockets are no paths
    if (place?.[0] !== SLASH || !place.subarray(0, prefix.length).equals(prefix)) continue;
    const mode = unlessClosed(() => lstatSync(`${dir}/${fd}`).mode) ?? 0;
    if ((mode & WRITABLE_BIT) !== 0) yield place.subarray(prefix.length);
  }
}

/** The kernel itself writes to the file of a loop device, which is open in no process. */
function* openedByLoops(prefix: Buffer): Generator<Buffer> {
  for (const name of unlessClosed(() => readdirSync('/sys/block')) ?? []) {
    if (!name.startsWith('loop')) continue;
    const line = unlessClosed(() => readFileSync(`/sys/block/${name}/loop/backing_file`));
    if (line?.subarray(0, prefix.length).equals(prefix) === true) yield line.subarray(prefix.length, -1);
  }
}

/** What a process shows; undefined if it has ended, or is not this one's to look into. */
function unlessClosed<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

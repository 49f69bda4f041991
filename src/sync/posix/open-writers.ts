// Who can write to files of a tree without the kernel telling of it: programs that have them mapped or still open, and
// loop devices.
import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { knownStats } from './path-status.ts';

/** Files of a tree that some program or loop device of this host holds, as paths in the tree. */
export interface OpenFiles {
  /** Mapped and written to in memory: what is written shows in no time of the file until the kernel stores it. */
  readonly mapped: readonly Buffer[];
  /** Open for writing. */
  readonly open: readonly Buffer[];
  /** Open for writing by a name that is gone, and with another one still, which may be in the tree and nothing tells. */
  readonly nameless: readonly NamelessFile[];
}

/** A file that lies on the file system of a tree's folder. */
export interface NamelessFile {
  /** The name that is gone, as an absolute path. */
  readonly formerPlace: Buffer;
  readonly ino: bigint;
  readonly ctimeNs: bigint;
}

const SLASH = 0x2f;
const WRITABLE_BIT = 0o200;
/** What the kernel puts behind a name that is gone. */
const GONE = Buffer.from(' (deleted)');
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
  const nameless = new Map<bigint, NamelessFile>();
  const device = unlessClosed(() => statSync(root, { bigint: true }).dev);
  for (const pid of processes()) {
    for (const path of mappedBy(pid, prefix)) mapped.set(path.toString('latin1'), path);
    for (const { fd, place } of openedBy(pid, prefix)) {
      if (isBelow(place, prefix)) open.set(place.toString('latin1'), place.subarray(prefix.length));
      const file = isGone(place) && device !== undefined ? namelessAt(fd, place, device) : undefined;
      if (file !== undefined) nameless.set(file.ino, file);
    }
  }
  for (const place of openedByLoops())
    if (isBelow(place, prefix)) open.set(place.toString('latin1'), place.subarray(prefix.length));
  return { mapped: [...mapped.values()], open: [...open.values()], nameless: [...nameless.values()] };
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
    if (isBelow(place, prefix)) yield place.subarray(prefix.length);
  }
}

/** What it has open to write to that is below `prefix`, or whose name is gone. */
function* openedBy(pid: string, prefix: Buffer): Generator<{ readonly fd: string; readonly place: Buffer }> {
  const dir = `/proc/${pid}/fd`;
  for (const name of unlessClosed(() => readdirSync(dir)) ?? []) {
    const fd = `${dir}/${name}`;
    const place = unlessClosed(() => readlinkSync(fd, { encoding: 'buffer' }));
    // pipes and sockets are no paths
    if (place?.[0] !== SLASH || !(isBelow(place, prefix) || isGone(place))) continue;
    const mode = unlessClosed(() => lstatSync(fd).mode) ?? 0;
    if ((mode & WRITABLE_BIT) !== 0) yield { fd, place };
  }
}

/** The kernel itself writes to the file of a loop device, which is open in no process. */
function* openedByLoops(): Generator<Buffer> {
  for (const name of unlessClosed(() => readdirSync('/sys/block')) ?? []) {
    if (!name.startsWith('loop')) continue;
    const line = unlessClosed(() => readFileSync(`/sys/block/${name}/loop/backing_file`));
    if (line !== undefined) yield line.subarray(0, -1);
  }
}

function isBelow(place: Buffer, prefix: Buffer): boolean {
  return place.subarray(0, prefix.length).equals(prefix);
}

function isGone(place: Buffer): boolean {
  return place.subarray(-GONE.length).equals(GONE);
}

/** Undefined for a file that has no name any more, for one of another file system, and for one that is really called so. */
function namelessAt(fd: string, place: Buffer, device: bigint): NamelessFile | undefined {
  const stats = unlessClosed(() => statSync(fd, { bigint: true }));
  if (stats?.dev !== device || stats.nlink === 0n || !stats.isFile()) return undefined;
  const { ino, ctimeNs } = stats;
  if (knownStats(place)?.ino === ino) return undefined;
  return { formerPlace: place.subarray(0, -GONE.length), ino, ctimeNs };
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

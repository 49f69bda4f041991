// statx(2) and getdents64(2) into buffers that are used again: a walk by them costs half of one by Node's own calls.
import { constants } from 'node:fs';
import { declareFunction, ErrnoError, lastErrno, uninterrupted } from './libc.ts';

const statx = declareFunction(
  'int statx(int folder, const uint8_t *path, int flags, uint32_t mask, uint8_t *result)',
);
const getdents = declareFunction('int64_t getdents64(int fd, uint8_t *entries, size_t size)');

const AT_FDCWD = -100;
/** Not through a symlink, and mounting nothing that is mounted when it is looked at. */
const AS_IT_LIES = 0x100 | 0x800;
const AT_EMPTY_PATH = 0x1000;
const BASIC_STATS = 0x7ff;
/** Offsets in struct statx, the same on every architecture (statx(2)). */
const LINKS_AT = 16;
const UID_AT = 20;
const GID_AT = 24;
const MODE_AT = 28;
const INO_AT = 32;
const SIZE_AT = 40;
const BLOCKS_AT = 48;
const CTIME_AT = 96;
const MTIME_AT = 112;
const RDEV_AT = 128;
const DEV_AT = 136;
const STATX_BYTES = 256;
const TIME_BYTES = 12;
const NANOSECONDS = 1_000_000_000n;
const EARLIEST_NS = -(2n ** 63n);
const LATEST_NS = 2n ** 63n - 1n;
const NO_PATH = Buffer.of(0);

/** The length of a stamp in bytes: device (8), inode (8), length (8), modification and change time (12 each). */
export const STAMP_BYTES = 48;
/** A file system may get another device number at its next mount; what follows it stays. */
export const STAMP_DEVICE_BYTES = 8;

/** Reads stats. Those of one call are there until the next; the stamp is the one thing to keep. */
export class StatReader {
  readonly #result = new Uint8Array(STATX_BYTES);
  readonly #view = new DataView(this.#result.buffer);
  readonly #stamp = Buffer.alloc(STAMP_BYTES);

  /** Reads the stats of a path that ends with NUL, not through a symlink. @throws ErrnoError */
  read(cpath: Uint8Array): void {
    if (uninterrupted(() => statx(AT_FDCWD, cpath, AS_IT_LIES, BASIC_STATS, this.#result)) < 0)
      throw new ErrnoError('statx', lastErrno(), Buffer.from(cpath.subarray(0, -1)).toString());
  }

  /** Reads the stats of an open file. @throws ErrnoError */
  readOpen(fd: number): void {
    if (uninterrupted(() => statx(fd, NO_PATH, AT_EMPTY_PATH, BASIC_STATS, this.#result)) < 0)
      throw new ErrnoError('statx', lastErrno(), `file descriptor ${fd}`);
  }

  get mode(): number {
    return this.#view.getUint16(MODE_AT, true);
  }

  get linkCount(): number {
    return this.#view.getUint32(LINKS_AT, true);
  }

  get uid(): number {
    return this.#view.getUint32(UID_AT, true);
  }

  get gid(): number {
    return this.#view.getUint32(GID_AT, true);
  }

  get rdevMajor(): number {
    return this.#view.getUint32(RDEV_AT, true);
  }

  get rdevMinor(): number {
    return this.#view.getUint32(RDEV_AT + 4, true);
  }

  /** True if it takes less space than its length: it may have holes. */
  get isSmallerOnDisk(): boolean {
    return this.#view.getBigUint64(BLOCKS_AT, true) * 512n < this.#view.getBigUint64(SIZE_AT, true);
  }

  /** Equal stamps are of one inode whose content and metadata did not change. A copy. */
  stamp(): Uint8Array {
    this.#fillStamp();
    return new Uint8Array(this.#stamp);
  }

  /** True if {@link stamp} would give these bytes. */
  isStamped(stamp: Uint8Array): boolean {
    this.#fillStamp();
    return this.#stamp.equals(stamp);
  }

  #fillStamp(): void {
    const result = this.#result;
    const stamp = this.#stamp;
    for (let i = 0; i < 8; i++) stamp[i] = result[DEV_AT + i] as number;
    for (let i = 0; i < 16; i++) stamp[8 + i] = result[INO_AT + i] as number;
    for (let i = 0; i < TIME_BYTES; i++) stamp[24 + i] = result[MTIME_AT + i] as number;
    for (let i = 0; i < TIME_BYTES; i++) stamp[36 + i] = result[CTIME_AT + i] as number;
  }
}

/** What a stamp says. */
export class Stamp {
  readonly #view: DataView;

  constructor(stamp: Uint8Array) {
    this.#view = new DataView(stamp.buffer, stamp.byteOffset, stamp.byteLength);
  }

  /** The device's numbers, as one that is equal for equal devices. */
  get dev(): bigint {
    return this.#view.getBigUint64(0, true);
  }

  get ino(): bigint {
    return this.#view.getBigUint64(8, true);
  }

  get sizeBytes(): number {
    return Number(this.#view.getBigUint64(16, true));
  }

  /** As a manifest can say it: of a time before 1677 or after 2262 the nearest that is not. */
  get mtimeNs(): bigint {
    const ns = this.#view.getBigInt64(24, true) * NANOSECONDS + BigInt(this.#view.getUint32(32, true));
    if (BigInt.asIntN(64, ns) === ns) return ns;
    return ns < 0n ? EARLIEST_NS : LATEST_NS;
  }

  get ctimeNs(): bigint {
    return this.#view.getBigInt64(36, true) * NANOSECONDS + BigInt(this.#view.getUint32(44, true));
  }
}

const entries = Buffer.alloc(64 * 1024);
const NAME_AT = 19;
const DOT = 0x2e;

/** The names in an open folder, in the order of their bytes. @throws ErrnoError */
export function readNames(fd: number): Buffer[] {
  const names: Buffer[] = [];
  for (;;) {
    const length = uninterrupted(() => getdents(fd, entries, entries.length));
    if (length < 0) throw new ErrnoError('getdents64', lastErrno(), `file descriptor ${fd}`);
    if (length === 0) return names.sort(Buffer.compare);
    for (let at = 0; at < length; at += entries.readUInt16LE(at + 16)) {
      const start = at + NAME_AT;
      let end = start + 1;
      while (entries[end] !== 0) end++;
      const isDots =
        entries[start] === DOT && (end === start + 1 || (end === start + 2 && entries[start + 1] === DOT));
      if (isDots) continue;
      // names are short: each byte by itself costs less than a call that copies them
      const name = Buffer.allocUnsafe(end - start);
      for (let i = 0; i < name.length; i++) name[i] = entries[start + i] as number;
      names.push(name);
    }
  }
}

/** How a folder is opened for {@link readNames}; not through a symlink. */
export const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

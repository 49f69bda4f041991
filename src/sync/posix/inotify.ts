// inotify as the kernel gives it, its overflow included: Node's own watching passes that over without a word.
import { readSync } from 'node:fs';
import { ioctl } from './ioctl.ts';
import { cPath, declareFunction, ErrnoError, lastErrno } from './libc.ts';

const inotifyInit = declareFunction('int inotify_init1(int flags)');
const addWatch = declareFunction('int inotify_add_watch(int fd, const uint8_t *path, uint32_t mask)');
const removeWatch = declareFunction('int inotify_rm_watch(int fd, int wd)');
const callPoll = declareFunction('int poll(void *fds, unsigned long count, int timeout)');
const callEventfd = declareFunction('int eventfd(unsigned int value, int flags)');

const CLOSE_ON_EXEC = 0o2000000;
const NONBLOCKING = 0o4000;
const POLL_IN = 1;
/** FIONREAD: how many bytes can be read now. */
const READABLE_BYTES = 0x541b;
const EVENT_BYTES = 16;
/** Room for a thousand events, and at least one with the longest name. */
const BUFFER_BYTES = 64 * 1024;

/** The bits of an event that DeskPod looks at. */
export const INOTIFY = {
  modify: 0x2,
  attrib: 0x4,
  closeWrite: 0x8,
  movedFrom: 0x40,
  movedTo: 0x80,
  create: 0x100,
  delete: 0x200,
  deleteSelf: 0x400,
  moveSelf: 0x800,
  unmount: 0x2000,
  overflow: 0x4000,
  ignored: 0x8000,
  isFolder: 0x40000000,
} as const;

/** What a watch on a folder asks for: everything that changes what a manifest says. */
const FOLDER_MASK =
  INOTIFY.modify |
  INOTIFY.attrib |
  INOTIFY.closeWrite |
  INOTIFY.movedFrom |
  INOTIFY.movedTo |
  INOTIFY.create |
  INOTIFY.delete |
  INOTIFY.deleteSelf |
  INOTIFY.moveSelf |
  // a folder, and not through a symlink
  0x1000000 |
  0x2000000;

/** One event. */
export interface InotifyEvent {
  /** Which watch it is of; -1 for an overflow. */
  readonly watch: number;
  readonly mask: number;
  /** Of the folder's entry that it is about; empty if it is about the folder itself. */
  readonly name: Uint8Array;
}

/** One queue of events. Its owner closes `fd`. */
export class Inotify {
  readonly fd: number;
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);

  /** @throws ErrnoError EMFILE if the user has too many queues */
  constructor() {
    this.fd = inotifyInit(CLOSE_ON_EXEC | NONBLOCKING);
    if (this.fd < 0) throw new ErrnoError('inotify_init1', lastErrno(), '');
  }

  /**
   * Watches a folder. One that is watched already gives the same number again.
   * @throws ErrnoError ENOSPC if the user has too many watches; ENOENT, ENOTDIR, EACCES of the path
   */
  watch(folder: Uint8Array): number {
    const watch: number = addWatch(this.fd, cPath(folder), FOLDER_MASK);
    if (watch < 0) throw new ErrnoError('inotify_add_watch', lastErrno(), Buffer.from(folder).toString());
    return watch;
  }

  /** Ends a watch; one that has ended by itself is no error. */
  unwatch(watch: number): void {
    removeWatch(this.fd, watch);
  }

  /** How many bytes of events wait. */
  get waitingBytes(): number {
    const count = Buffer.alloc(4);
    ioctl(this.fd, READABLE_BYTES, count, 'inotify');
    return count.readUInt32LE();
  }

  /** Takes events that wait, oldest first; none if there are none. Their bytes are good until the next call. */
  read(): { readonly events: InotifyEvent[]; readonly sizeBytes: number } {
    try {
      const sizeBytes = readSync(this.fd, this.#buffer, 0, BUFFER_BYTES, null);
      return { events: parseEvents(this.#buffer.subarray(0, sizeBytes)), sizeBytes };
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EAGAIN')
        return { events: [], sizeBytes: 0 };
      throw error;
    }
  }
}

/** The events in what a read gave: fixed part, then the name with zeros behind it. */
function parseEvents(bytes: Buffer): InotifyEvent[] {
  const events: InotifyEvent[] = [];
  for (let at = 0; at + EVENT_BYTES <= bytes.length; ) {
    const nameStart = at + EVENT_BYTES;
    const nameEnd = nameStart + bytes.readUInt32LE(at + 12);
    const zero = bytes.indexOf(0, nameStart);
    events.push({
      watch: bytes.readInt32LE(at),
      mask: bytes.readUInt32LE(at + 4),
      name: bytes.subarray(nameStart, zero >= 0 && zero < nameEnd ? zero : nameEnd),
    });
    at = nameEnd;
  }
  return events;
}

/** A descriptor by which one thread wakes another. Its owner closes it. @throws ErrnoError */
export function makeBell(): number {
  const fd: number = callEventfd(0, CLOSE_ON_EXEC | NONBLOCKING);
  if (fd < 0) throw new ErrnoError('eventfd', lastErrno(), '');
  return fd;
}

/** Waits until one of the descriptors can be read, at most `timeoutMs`; -1 waits for ever. Blocks the thread. */
export function waitReadable(fds: readonly number[], timeoutMs: number): void {
  const polled = Buffer.alloc(fds.length * 8);
  fds.forEach((fd, i) => {
    polled.writeInt32LE(fd, i * 8);
    polled.writeInt16LE(POLL_IN, i * 8 + 4);
  });
  callPoll(polled, fds.length, timeoutMs);
}

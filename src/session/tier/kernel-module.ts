// The one place that speaks to /dev/deskpod: an open handle of the kernel module, which holds one session at most.
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { DeskPodError } from '../../core/errors.ts';
import {
  decodeRecords,
  decodeStatus,
  decodeVersion,
  emptyStructure,
  encodeClaim,
  encodeEnd,
  encodeRegister,
  encodeStatus,
  IOCTL_TYPE,
  MODULE_INTERFACE,
  type ModuleRecord,
  type ModuleSession,
  type ModuleVersion,
  REQUESTS,
  STRUCTURES,
} from '../../core/kmod-interface.ts';
import { type IoctlDirection, ioctl, ioctlNumber } from '../../sync/posix/ioctl.ts';
import { ErrnoError } from '../../sync/posix/libc.ts';
import { isSystemError } from '../../sync/repository/durable-file.ts';

const DEVICE = '/dev/deskpod';
/** As many records as the module keeps of a session. */
const READ_RECORDS = 256;

const DIRECTIONS: Readonly<Record<keyof typeof REQUESTS, IoctlDirection>> = {
  version: 'read',
  register: 'readWrite',
  claim: 'write',
  end: 'write',
  status: 'readWrite',
};

/** The number of a request as the header has it. */
export function requestOf(name: keyof typeof REQUESTS): number {
  return ioctlNumber(DIRECTIONS[name], IOCTL_TYPE, REQUESTS[name], STRUCTURES[name].sizeBytes);
}

/**
 * A handle of the module. Whoever registers or claims a session with it is that session's supervisor, with all that he starts,
 * until it is closed or he ends: then the session stays protected from everybody, until it is claimed or over. Programs that he
 * starts do not inherit it.
 */
export class KernelModule {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** A handle of the module; undefined if none is loaded. Throws the system's error, EPERM for others than the host's root. */
  static open(): KernelModule | undefined {
    try {
      return new KernelModule(openSync(DEVICE, constants.O_RDWR | constants.O_NONBLOCK));
    } catch (error) {
      // its node may stand there without it
      if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENXIO') || isSystemError(error, 'ENODEV'))
        return undefined;
      throw error;
    }
  }

  /** As {@link open}, of the module of this version only. */
  static openUsable(): KernelModule | undefined {
    const handle = KernelModule.open();
    if (handle === undefined || isUsable(handle.version())) return handle;
    handle.close();
    return undefined;
  }

  version(): ModuleVersion {
    return decodeVersion(this.#ask('version', emptyStructure('version')));
  }

  /**
   * Puts the session of a first process under protection; this process is its supervisor.
   * @throws DeskPodError TIER_UNAVAILABLE if the module refuses
   */
  register(pid: number, token: Uint8Array): void {
    this.#tell('register', encodeRegister(pid, token), {
      EBUSY: 'a program outside traces one of its processes',
      EEXIST: 'it is under protection already',
      EINVAL: `process ${pid} is not the first of namespaces of its own`,
      ENOSPC: 'it protects as many sessions as it can',
      ENXIO: 'ftrace is switched off, or a live patch redirects what it probes',
      ESRCH: `there is no process ${pid}`,
    });
  }

  /**
   * Takes over a session whose supervisor is gone.
   * @throws DeskPodError TIER_UNAVAILABLE if the module refuses
   */
  claim(session: number, token: Uint8Array): void {
    this.#tell('claim', encodeClaim(session, token), {
      EACCES: 'it was put under protection by somebody else',
      EBUSY: 'its former supervisor lives',
      ENOENT: 'it has no such session',
      ESRCH: 'its processes have all ended',
    });
  }

  /** Ends all processes of a session, whoever supervises it. Nothing happens if it is over. */
  end(session: number): void {
    try {
      this.#ask('end', encodeEnd(session));
    } catch (error) {
      if (!(error instanceof ErrnoError) || !['ENOENT', 'ESRCH'].includes(error.code)) throw error;
    }
  }

  /** All sessions under protection. */
  sessions(): readonly ModuleSession[] {
    const found: ModuleSession[] = [];
    for (let from = 0; ; from = (found.at(-1)?.session ?? 0) + 1) {
      try {
        found.push(decodeStatus(this.#ask('status', encodeStatus(from))));
      } catch (error) {
        if (error instanceof ErrnoError && error.code === 'ENOENT') return found;
        throw error;
      }
    }
  }

  /** What has been noted of its session since the last call; waits for nothing. */
  read(): readonly ModuleRecord[] {
    const bytes = new Uint8Array(READ_RECORDS * STRUCTURES.record.sizeBytes);
    try {
      const sizeBytes = readSync(this.#fd, bytes, 0, bytes.length, null);
      return decodeRecords(bytes.subarray(0, sizeBytes));
    } catch (error) {
      if (isSystemError(error, 'EAGAIN')) return [];
      throw error;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #tell(name: 'register' | 'claim', bytes: Uint8Array, reasons: Readonly<Record<string, string>>): void {
    try {
      this.#ask(name, bytes);
    } catch (cause) {
      const code = cause instanceof ErrnoError ? cause.code : '';
      const reason = reasons[code] ?? code;
      throw new DeskPodError('TIER_UNAVAILABLE', `the kernel module does not take the session: ${reason}`, {
        hint: 'Look at what it says in the kernel’s log: dmesg.',
        details: { request: name, errno: code },
        cause,
      });
    }
  }

  #ask(name: keyof typeof REQUESTS, bytes: Uint8Array): Uint8Array {
    ioctl(this.#fd, requestOf(name), bytes, DEVICE);
    return bytes;
  }
}

/** Whether this version can use a module. */
export function isUsable({ interfaceVersion, recordBytes }: ModuleVersion): boolean {
  return interfaceVersion === MODULE_INTERFACE && recordBytes === STRUCTURES.record.sizeBytes;
}

// The one place where koffi is used: the C library's functions that Node does not offer.
import koffi from 'koffi';

const library = koffi.load('libc.so.6');
/** The running program itself: Node exports the functions of the libraries that it was built with. */
const program = koffi.load(null);

/** The result of a system call that failed: its errno and the name of the call. */
export class ErrnoError extends Error {
  readonly errno: number;
  readonly code: string;
  readonly syscall: string;

  constructor(syscall: string, errno: number, subject: string) {
    const code = errnoName(errno);
    super(`${syscall} ${subject}: ${code}`);
    this.name = 'ErrnoError';
    this.errno = errno;
    this.code = code;
    this.syscall = syscall;
  }
}

/** The symbolic name (`ENOSPC`) of an errno value, or `E<number>` where it has none. */
export function errnoName(errno: number): string {
  for (const [name, value] of Object.entries(koffi.os.errno)) if (value === errno) return name;
  return `E${errno}`;
}

/** The errno that the last call of a declared function left on this thread. */
export function lastErrno(): number {
  return koffi.errno();
}

/**
 * Makes a system call again for as long as a signal interrupts it, as Node does with its own: network drives and those of
 * user space may give any call back so. Gives its result; the call must not have done anything by then, as with close(2).
 */
export function uninterrupted(call: () => number | bigint): number {
  for (;;) {
    const result = Number(call());
    if (result >= 0 || koffi.errno() !== koffi.os.errno.EINTR) return result;
  }
}

/** Declares a C function by its prototype, for example `int fsync(int fd)`. Paths are passed as NUL-ended Buffers. */
// biome-ignore lint/suspicious/noExplicitAny: koffi types a foreign function only by its C prototype
export function declareFunction(prototype: string): (...args: any[]) => any {
  return library.func(prototype);
}

/** Like {@link declareFunction}, for a function that Node brings along, such as one of zstd; undefined if it does not. */
export function declareBundled(prototype: string): ReturnType<typeof declareFunction> | undefined {
  try {
    return program.func(prototype);
  } catch {
    return undefined; // a Node that was linked otherwise: the caller has another way
  }
}

/** A path's bytes with the NUL that C expects; a string is taken as UTF-8. */
export function cPath(path: Uint8Array | string): Buffer {
  return Buffer.concat([typeof path === 'string' ? Buffer.from(path) : path, Buffer.from([0])]);
}

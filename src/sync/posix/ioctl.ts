// The ioctl system call: request numbers as the kernel's headers build them, and one call on a byte buffer.
import { declareFunction, ErrnoError, lastErrno } from './libc.ts';

const callIoctl = declareFunction('int ioctl(int fd, unsigned long request, void *argument)');

/** Which way an ioctl's argument goes: `write` from the program to the kernel, `read` back, or both. */
export type IoctlDirection = 'read' | 'write' | 'readWrite';

const DIRECTION_BITS = { write: 1, read: 2, readWrite: 3 } as const;

/**
 * The number of an ioctl as `_IOR`, `_IOW` and `_IOWR` of the generic layout (x86, arm64, riscv) make it.
 * `sizeBytes` is the size of the type that the header names, which is not always the size of the argument.
 */
export function ioctlNumber(
  direction: IoctlDirection,
  type: string,
  number: number,
  sizeBytes: number,
): number {
  if (type.length !== 1) throw new TypeError(`ioctl type: expected one character, got "${type}"`);
  if (sizeBytes < 0 || sizeBytes >= 1 << 14) throw new RangeError(`ioctl size: ${sizeBytes} bytes`);
  return DIRECTION_BITS[direction] * 2 ** 30 + sizeBytes * 2 ** 16 + type.charCodeAt(0) * 2 ** 8 + number;
}

/**
 * Calls ioctl on an open file; the kernel reads `argument` and writes its answer into it. Blocks the thread.
 * @param subject what the error calls the file, for example its path
 * @returns what the call returned, zero or more
 * @throws ErrnoError if it failed
 */
export function ioctl(fd: number, request: number, argument: Uint8Array, subject: string): number {
  const result: number = callIoctl(fd, request, argument);
  if (result < 0) throw new ErrnoError('ioctl', lastErrno(), subject);
  return result;
}

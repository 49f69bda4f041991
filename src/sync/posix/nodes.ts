// Inodes that Node cannot make: fifos, sockets, device nodes; and their device numbers.
import { constants } from 'node:fs';
import { cPath, declareFunction, ErrnoError, lastErrno, uninterrupted } from './libc.ts';

const mknod = declareFunction('int mknod(const uint8_t *path, uint32_t mode, uint64_t dev)');

/** The numbers of a device node. */
export interface DeviceNumber {
  readonly major: number;
  readonly minor: number;
}

/** Packs major and minor numbers as the C library does. */
function joinDevice({ major, minor }: DeviceNumber): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return (
    ((high & 0xfffn) << 8n) | ((high & 0xfffff000n) << 32n) | (low & 0xffn) | ((low & 0xffffff00n) << 12n)
  );
}

/** Makes a fifo. `mode` counts as far as the umask lets it: chmod afterwards. @throws ErrnoError */
export function makeFifo(path: Uint8Array | string, mode: number): void {
  makeNode(path, constants.S_IFIFO, mode, 0n);
}

/** Makes the inode of a socket that nobody listens on. @throws ErrnoError */
export function makeSocket(path: Uint8Array | string, mode: number): void {
  makeNode(path, constants.S_IFSOCK, mode, 0n);
}

/** Makes a device node; except for the whiteout 0:0 that needs CAP_MKNOD. @throws ErrnoError */
export function makeDevice(
  path: Uint8Array | string,
  kind: 'character' | 'block',
  mode: number,
  device: DeviceNumber,
): void {
  makeNode(path, kind === 'character' ? constants.S_IFCHR : constants.S_IFBLK, mode, joinDevice(device));
}

function makeNode(path: Uint8Array | string, type: number, mode: number, device: bigint): void {
  const cpath = cPath(path);
  if (uninterrupted(() => mknod(cpath, type | (mode & 0o7777), device)) < 0)
    throw new ErrnoError('mknod', lastErrno(), Buffer.from(path).toString());
}

// What was really written to a device, as the kernel counts it.
import { readFile, stat } from 'node:fs/promises';
import { run } from '../../sync/process.ts';
import { isSystemError } from '../../sync/repository/durable-file.ts';
import { deviceNumberText } from './device-number.ts';

const SECTOR_BYTES = 512;
/** Place of "sectors written" in a block device's stat (Documentation/block/stat.rst of the kernel). */
const SECTORS_WRITTEN = 6;

/** Bytes written to the block device under `mountDir` since it appeared; 0 where the kernel keeps no count. */
export async function countDeviceWrites(mountDir: string): Promise<number> {
  const { dev } = await stat(mountDir);
  try {
    const fields = await readFile(`/sys/dev/block/${deviceNumberText(dev)}/stat`, 'latin1');
    return Number(fields.trim().split(/\s+/)[SECTORS_WRITTEN]) * SECTOR_BYTES;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return 0;
    throw error;
  }
}

/** Writes everything of a vault, and then of the device that it lies on: a LUKS vault is a file system of its own. */
export async function flushFully(vaultDir: string, mountDir: string): Promise<void> {
  const [vault, device] = await Promise.all([stat(vaultDir), stat(mountDir)]);
  if (vault.dev !== device.dev) await flushDevice(vaultDir);
  await flushDevice(mountDir);
}

/** Writes everything that waits in memory to the device under `mountDir`. */
export async function flushDevice(mountDir: string): Promise<void> {
  await run('sync', ['-f', mountDir]);
}

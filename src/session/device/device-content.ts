// The plain part of a device, which anyone may have written: what may stand there, and what must.
import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { mountAt, readMounts } from '../host/mount-table.ts';

/** The marker that makes an ext4 a pod's device. */
export const MARKER_NAME = 'deskpod.pod';
/** The folder of the vault's plain files: encrypted in place, or where the vault's own file system is mounted. */
export const VAULT_NAME = 'vault';
/** The file that holds a LUKS vault. */
export const VAULT_FILE_NAME = 'vault.luks';

/** The image of the runtime, on a device that carries one. */
export const RUNTIME_NAME = 'runtime.erofs';
/** The script that starts it. */
export const ENTRY_NAME = 'deskpod';
/** What a file of the runtime is called while it is written. */
export const UNFINISHED_SUFFIX = '.new';

const EXPECTED = [
  { name: MARKER_NAME, kind: 'file' },
  { name: 'repository', kind: 'folder' },
  { name: VAULT_NAME, kind: 'folder' },
  { name: VAULT_FILE_NAME, kind: 'file' },
  { name: RUNTIME_NAME, kind: 'file' },
  { name: ENTRY_NAME, kind: 'file' },
] as const;

/**
 * Checks that whatever of a pod's plain part exists on a mounted device is a plain file or a real folder of that very
 * file system: no symbolic link, no device node, nothing mounted over it but a vault.
 * @param needsMarker whether the marker must be there; not on a device that was only formatted
 * @throws DeskPodError DEVICE_NOT_A_POD
 */
export async function checkDeviceContent(
  path: string,
  mountDir: string,
  needsMarker: boolean,
): Promise<void> {
  const root = await lstat(mountDir);
  for (const { name, kind } of EXPECTED) {
    const found = await statusOf(join(mountDir, name));
    if (found === undefined) {
      if (name === MARKER_NAME && needsMarker) throw notAPod(path, `it has no ${MARKER_NAME}`);
      continue;
    }
    if (kind === 'file' ? !found.isFile() : !found.isDirectory()) {
      throw notAPod(path, `${name} is ${kindOf(found)}, expected a ${kind}`);
    }
    if (kind === 'file' && found.nlink > 1)
      throw notAPod(path, `${name} has ${found.nlink} names, expected one`);
    if (found.dev === root.dev) continue;
    // A LUKS vault that a killed process left open is mounted right there.
    const isOpenVault =
      name === VAULT_NAME && mountAt(await readMounts(), join(mountDir, name)) !== undefined;
    if (!isOpenVault) throw notAPod(path, `${name} lies on another file system`);
  }
}

/** The error for a device that holds something, but no pod: `path: holds no pod: reason`. */
export function notAPod(path: string, reason: string): DeskPodError {
  return new DeskPodError('DEVICE_NOT_A_POD', `${path}: holds no pod: ${reason}`, {
    hint: 'choose another device, or make a pod on this one with `deskpod create`',
    details: { path, reason },
  });
}

async function statusOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function kindOf(found: Stats): string {
  if (found.isSymbolicLink()) return 'a symbolic link';
  if (found.isDirectory()) return 'a folder';
  return found.isFile() ? 'a file' : 'a special file';
}

// The plain part of a device, which anyone may have written: what may stand there, and what must.
import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { NOTE_NAME } from '../../sync/dock/note-file.ts';
import { keepingHint } from '../../sync/pod/lost-marker.ts';
import { REPOSITORY_FOLDER } from '../../sync/pod/pod-folder.ts';
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
/** An empty file, from before a restore writes anything else to a device until its marker is there. */
export const RESTORE_NOTE = 'deskpod.restoring';
/** What a file of the runtime is called while it is written. */
export const UNFINISHED_SUFFIX = '.new';

const EXPECTED = [
  { name: MARKER_NAME, kind: 'file' },
  { name: REPOSITORY_FOLDER, kind: 'folder' },
  { name: VAULT_NAME, kind: 'folder' },
  { name: VAULT_FILE_NAME, kind: 'file' },
  { name: RUNTIME_NAME, kind: 'file' },
  { name: ENTRY_NAME, kind: 'file' },
  { name: NOTE_NAME, kind: 'file' },
  { name: RESTORE_NOTE, kind: 'file' },
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
  let hasMarker = false;
  for (const { name, kind } of EXPECTED) {
    const found = await statusOf(join(mountDir, name));
    if (found === undefined) continue;
    if (name === MARKER_NAME) hasMarker = true;
    if (kind === 'file' ? !found.isFile() : !found.isDirectory()) {
      throw changedPod(path, `${name} is ${kindOf(found)}, expected a ${kind}`);
    }
    if (kind === 'file' && found.nlink > 1)
      throw changedPod(path, `${name} has ${found.nlink} names, expected one`);
    if (found.dev === root.dev) continue;
    // A LUKS vault that a killed process left open is mounted right there.
    const isOpenVault =
      name === VAULT_NAME && mountAt(await readMounts(), join(mountDir, name)) !== undefined;
    if (!isOpenVault) throw changedPod(path, `${name} lies on another file system`);
  }
  if (needsMarker && !hasMarker) throw await withoutMarker(path, mountDir);
}

/** The error for a device that holds something, but no pod: `path: holds no pod: reason`. */
export function notAPod(
  path: string,
  reason: string,
  hint = 'choose another device, or make a pod on this one with `deskpod create`',
): DeskPodError {
  return new DeskPodError('DEVICE_NOT_A_POD', `${path}: holds no pod: ${reason}`, {
    hint,
    details: { path, reason },
  });
}

/** The error for a device of a pod on which something is as no pod has it: others have had it, or it is damaged. */
export function changedPod(path: string, reason: string): DeskPodError {
  return notAPod(
    path,
    reason,
    'DeskPod has not made it so: keep it, but do not mount it. Restore the pod from a home or twin to another device. Only if ' +
      'nothing on this one matters, `deskpod create --force` makes a new pod of it, `deskpod home add --force` a twin.',
  );
}

/** With a head, all but the marker may be whole. Without one, no pod has come to be yet, and nothing is lost by beginning again. */
async function withoutMarker(path: string, mountDir: string): Promise<DeskPodError> {
  const hasHead = (await statusOf(join(mountDir, REPOSITORY_FOLDER, 'head'))) !== undefined;
  const hint = hasHead
    ? `${keepingHint({ markerFile: join(mountDir, MARKER_NAME), place: path })} Only if creating or restoring it did not finish, do that again with --force.`
    : 'What was to make a pod or a twin of it did not finish: do the same again.';
  return notAPod(path, `it has no ${MARKER_NAME}`, hint);
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

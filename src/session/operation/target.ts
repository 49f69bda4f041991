// Which pod a command means: the one at a path, the one in this folder, or the one whose session runs on this host.
import { lstat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { TREE_POD_DIR } from '../../sync/pod/pod-folder.ts';
import type { Staging } from '../host/staging.ts';
import { isCarried } from '../runtime/entry-script.ts';

/** A pod that was found: around a folder, or on a device. */
export type Target = { readonly kind: 'tree'; readonly dir: string } | Device;

interface Device {
  readonly kind: 'device';
  readonly path: string;
  readonly staging: Staging;
}

/**
 * The pod at `path`; without one, that of the device that this program was started from, the tree pod around the current
 * folder, or else the only pod in use on this host.
 *
 * @throws DeskPodError USAGE if none or several could be meant; DEVICE_NOT_FOUND or DEVICE_NOT_A_POD for a path that
 * leads to no pod; DEVICE_GONE if it did until now, and the session there has not ended yet.
 */
export async function findPod(path: string | undefined): Promise<Target> {
  if (path !== undefined) return findPodAt(resolve(path));
  if (isCarried()) {
    const { takeCarrier } = await import('../runtime/carrier.ts');
    const carrier = await takeCarrier();
    if (carrier !== undefined) return findPodAt(carrier);
  }
  if (await isFolder(join(process.cwd(), TREE_POD_DIR))) return { kind: 'tree', dir: process.cwd() };
  const inUse = await devicesInUse();
  const [only] = inUse;
  if (only !== undefined && inUse.length === 1) return only;
  throw new DeskPodError(
    'USAGE',
    inUse.length === 0 ? 'no session runs on this host' : `${inUse.length} sessions run on this host`,
    { hint: 'Say which pod with --device PATH.', details: { inUse: inUse.length } },
  );
}

async function findPodAt(path: string): Promise<Target> {
  if (await isFolder(path)) {
    if (await isFolder(join(path, TREE_POD_DIR))) return { kind: 'tree', dir: path };
    throw new DeskPodError('POD_NOT_FOUND', `${path}: expected a tree pod, got a folder without one`, {
      hint: `Make one with \`deskpod create --tree ${path}\`.`,
    });
  }
  const { findStaging, pulledOut } = await import('../device/device.ts');
  try {
    return { kind: 'device', path, staging: await findStaging(path) };
  } catch (error) {
    if (!isDeskPodError(error, 'DEVICE_NOT_FOUND')) throw error;
    throw (await devicesInUse()).some((device) => device.path === path) ? pulledOut(path, error) : error;
  }
}

/** The pods whose sessions run on this host. */
async function devicesInUse(): Promise<readonly Device[]> {
  const { listStagings } = await import('../host/staging.ts');
  const { readSessionNote } = await import('../pod/session-note.ts');
  const inUse: Device[] = [];
  for (const staging of await listStagings()) {
    const note = await readSessionNote(staging);
    if (note !== undefined) inUse.push({ kind: 'device', path: note.devicePath, staging });
  }
  return inUse;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw error;
  }
}

// The socket of a tree pod's supervisor: in the pod's own folder, where only its owner gets at it.
import { chmodSync, closeSync, constants, lstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { TREE_POD_DIR } from '../../sync/pod/pod-folder.ts';

const SOCKET = 'supervisor.sock';
/** What the kernel takes as the path of a socket, with the zero at its end. */
const PATH_MAX_BYTES = 108;
const OTHERS = 0o077;

/** A path that can be bound and connected to until it is closed, however deep the pod lies. */
export interface SocketPath {
  readonly path: string;
  close(): void;
}

/**
 * Where the supervisor of the tree pod around `dir` listens. The pod's folder is closed to others.
 * @throws DeskPodError HOST_UNSUPPORTED if the folder is somebody else's
 */
export function makeTreeSocket(dir: string): SocketPath {
  const folder = join(dir, TREE_POD_DIR);
  const { uid, mode } = lstatSync(folder);
  if (uid !== ownUid()) {
    throw new DeskPodError(
      'HOST_UNSUPPORTED',
      `${folder}: expected a folder of user ${ownUid()}, got one of ${uid}`,
      {
        hint: 'Watch the pod as the user whom it belongs to.',
      },
    );
  }
  if ((mode & OTHERS) !== 0) chmodSync(folder, 0o700);
  return reach(folder);
}

/** The socket of the tree pod around `dir`, if one of this user's is there; whether anybody listens, only asking tells. */
export function findTreeSocket(dir: string): SocketPath | undefined {
  const folder = join(dir, TREE_POD_DIR);
  const found = lstatSync(join(folder, SOCKET), { throwIfNoEntry: false });
  if (found?.isSocket() !== true || found.uid !== ownUid()) return undefined;
  return reach(folder);
}

function reach(folder: string): SocketPath {
  const path = join(folder, SOCKET);
  if (Buffer.byteLength(path) < PATH_MAX_BYTES) return { path, close: () => undefined };
  // too long for the kernel's own structure: by way of the open folder it is short
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  return { path: `/proc/self/fd/${fd}/${SOCKET}`, close: () => closeSync(fd) };
}

function ownUid(): number {
  return process.geteuid?.() ?? -1;
}

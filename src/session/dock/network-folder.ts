// Whether a folder lies on another computer: what is written there goes over the network.
import { realpath } from 'node:fs/promises';
import { isWithin, type Mount, readMounts } from '../host/mount-table.ts';

/** As the mount table has them. */
const OF_NETWORK =
  /^(?:nfs4?|cifs|smb3|smbfs|ceph|afs|ncpfs|coda|fuse\.(?:sshfs|glusterfs|rclone|s3fs|davfs2?|curlftpfs))$/;

/** True for a folder that a file system of the network has, as far as its mount says so. */
export async function isOnNetwork(folder: string): Promise<boolean> {
  const mounts = await readMounts();
  const real = await realpath(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === undefined) throw error;
    return folder;
  });
  return isMountedFromNetwork(real, mounts);
}

/** The same, by a mount table. The path is absolute and without links. */
export function isMountedFromNetwork(path: string, mounts: readonly Mount[]): boolean {
  const above = mounts.filter(({ mountPoint }) => isWithin(path, mountPoint));
  const longest = Math.max(0, ...above.map(({ mountPoint }) => mountPoint.length));
  const mount = above.findLast(({ mountPoint }) => mountPoint.length === longest);
  return mount !== undefined && OF_NETWORK.test(mount.fsType);
}

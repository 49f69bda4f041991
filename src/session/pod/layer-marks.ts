// What overlayfs notes in a layer about the inodes of the base below it, taken away where it is not true any more.
import { mkdir, rm } from 'node:fs/promises';
import { joinPath, pathBytes } from '../../sync/files/byte-path.ts';
import { isInodeMark, scanTree } from '../../sync/files/scanner.ts';
import { readXattrs, removeXattr } from '../../sync/posix/xattr.ts';

/**
 * Makes a layer forget the file handles of its base. EROFS gives others in Linux 6.1 than in later kernels: mounted there,
 * the base is taken for a stranger, and a folder that is in both shows the layer's part alone. The base is the one that the
 * log names, which was proven. A layer that was restored has no marks either; what is lost is that several names of one inode
 * of the base are one file: of one that was written to, the other names show again what the base has.
 *
 * @param workDir overlayfs's own folder, which is made anew
 */
export async function forgetBase(upperDir: string, workDir: string): Promise<void> {
  await rm(workDir, { recursive: true, force: true });
  await mkdir(workDir, { mode: 0o700 });
  const root = pathBytes(upperDir);
  const [top, ...rest] = scanTree(root);
  // The mark of the layer's own folder is what tells that this is to be done: it goes last, in case of a kill.
  for (const inode of [...rest, ...(top === undefined ? [] : [top])]) {
    const place = joinPath(root, inode.path);
    for (const { name } of readXattrs(place)) if (isInodeMark(name)) removeXattr(place, name);
  }
}

// A file system of its own for each measurement: what was deleted on one costs whoever comes later.
import { mkdir, rm } from 'node:fs/promises';
import { run } from '../../src/sync/process.ts';

/**
 * Runs `act` in a folder that is a file system of its own. On one where much was deleted in the last minutes, ext4 takes
 * up to ten times as long to make files, as it looks for inodes that were not: whoever came later would pay for that.
 */
export async function onNewDrive(dir: string, act: (dir: string) => Promise<void>): Promise<void> {
  const image = `${dir}.img`;
  await mkdir(dir);
  await run('truncate', ['--size', '24G', image]);
  await run('mkfs.ext4', ['-q', '-F', image]);
  await run('mount', ['-o', 'loop', image, dir]);
  try {
    await act(dir);
  } finally {
    await run('umount', [dir]);
    await rm(image);
    await rm(dir, { recursive: true });
  }
}

// The files of a tree pod that is made out of its repository: laid out in the pod's folder first, where nobody's files are.
import { chmod, lstat, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Root } from '../../core/root.ts';
import { readManifest } from '../browse/manifest-stream.ts';
import { joinPath, pathBytes } from '../files/byte-path.ts';
import { RestoreTarget } from '../files/restore-target.ts';
import { isSystemError, syncFolder } from '../repository/durable-file.ts';
import type { Pod } from './pod.ts';
import { TREE_POD_DIR } from './pod-folder.ts';

/** Where the files of a checkpoint are laid out. */
export interface FilesPlace {
  readonly dir: string;
  /** Moves them to where they belong, if that is not where they are laid out; `files` is the root of their manifest. */
  readonly putInPlace?: (pod: Pod, files: Root) => Promise<void>;
}

const OWNER_ACCESS = 0o700;
const MODE_BITS = 0o7777;

/**
 * The place for the files of the tree pod around `dir`. What a killed run had laid out for another checkpoint never gets
 * among them: it is removed here. Where something lies in `dir` already, files are laid out over it.
 */
export async function stageFiles(dir: string): Promise<FilesPlace> {
  const staged = join(dir, TREE_POD_DIR, 'files');
  await removeTree(staged);
  for (const name of await readdir(dir)) {
    if (name === TREE_POD_DIR || (name === 'lost+found' && (await isEmpty(join(dir, name))))) continue;
    return { dir };
  }
  return { dir: staged, putInPlace: (pod, files) => moveOut(staged, dir, { pod, files }) };
}

async function moveOut(
  staged: string,
  dir: string,
  { pod, files }: { readonly pod: Pod; readonly files: Root },
): Promise<void> {
  const [from, to] = [pathBytes(staged), pathBytes(dir)];
  await chmod(staged, OWNER_ACCESS);
  for (const name of await readdir(from, { encoding: 'buffer' }))
    await moveEntry(joinPath(from, name), joinPath(to, name));
  await rmdir(staged);
  for await (const [root] of readManifest(pod.content, files)) {
    if (root !== undefined) new RestoreTarget(dir, true).describe(root);
    break;
  }
  await syncFolder(dir);
}

async function moveEntry(from: Buffer, to: Buffer): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    // to move a folder takes the right to write in it, of all but root
    if (!isSystemError(error, 'EACCES')) throw error;
    const { mode } = await lstat(from);
    await chmod(from, (mode | OWNER_ACCESS) & MODE_BITS);
    await rename(from, to);
    await chmod(to, mode & MODE_BITS);
  }
}

async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (!isSystemError(error, 'EACCES')) throw error;
    await openFolders(pathBytes(path));
    await rm(path, { recursive: true, force: true });
  }
}

/** Lets their owner into all folders from here on. */
async function openFolders(folder: Buffer): Promise<void> {
  await chmod(folder, OWNER_ACCESS);
  for (const entry of await readdir(folder, { encoding: 'buffer', withFileTypes: true }))
    if (entry.isDirectory()) await openFolders(joinPath(folder, entry.name));
}

async function isEmpty(dir: string): Promise<boolean> {
  return (await readdir(dir)).length === 0;
}

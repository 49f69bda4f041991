// The folder of one pod at home, as a prune sees it: files by their paths there, what was put aside, and no key.
import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { lstat, mkdir, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { hashOfObjectPath } from '../../core/object-path.ts';
import { isNamed } from '../posix/path-status.ts';
import { isSystemError, syncFolder } from '../repository/durable-file.ts';

/** Where files are put aside, by the same paths, before they are deleted. */
const ASIDE = '.pruned';
/** Where what home takes over lies before it was hashed. */
export const ARRIVING = '.arriving';
/** Far more than the longest inventory takes. */
const SMALL_MAX_BYTES = 64 * 1024 * 1024;

/** A file at home. */
export interface HomeFile {
  /** Relative to the pod's folder. */
  readonly path: string;
  readonly sizeBytes: number;
  /** When it was last written, by home's file system. */
  readonly atMs: number;
}

/** Reads and moves the files of a pod at home. Links are not followed: they are no files of a home. */
export class HomeFolder {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** The bytes of the head; undefined if no sync has ended yet. */
  async readHead(): Promise<Uint8Array | undefined> {
    try {
      return new Uint8Array(await readFile(join(this.dir, 'head')));
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** The objects of some kinds, by path. */
  async list(kinds: readonly string[]): Promise<HomeFile[]> {
    return listBelow(this.dir, kinds);
  }

  /** What lies aside, by the paths that it had. */
  async listAside(): Promise<HomeFile[]> {
    const dir = join(this.dir, ASIDE);
    return listBelow(dir, await namesIn(dir));
  }

  /**
   * The bytes of a small object, wherever it lies, which bear its name out.
   *
   * @throws DeskPodError OBJECT_MISSING, OBJECT_DAMAGED
   */
  async read(path: string): Promise<Uint8Array> {
    const bytes =
      (await this.#tryRead(join(this.dir, path))) ?? (await this.#tryRead(join(this.dir, ASIDE, path)));
    if (bytes === undefined)
      throw new DeskPodError('OBJECT_MISSING', `${path}: expected it at home, got nothing`);
    const hash = createHash('sha256').update(bytes).digest('hex');
    if (hash === hashOfObjectPath(path)) return bytes;
    throw new DeskPodError('OBJECT_DAMAGED', `${path}: expected the bytes of its name, got those of ${hash}`);
  }

  /** Deletes objects for good, durably: all of one kind that lies in one folder. */
  async deleteObjects(paths: readonly string[]): Promise<void> {
    for (const path of paths) await rm(join(this.dir, path), { force: true });
    const [first] = paths;
    if (first !== undefined) await syncFolder(join(this.dir, dirname(first)));
  }

  /** Puts an object aside. From then on nobody finds it in its place. */
  async putAside(path: string): Promise<void> {
    const aside = join(this.dir, ASIDE, path);
    await mkdir(dirname(aside), { recursive: true, mode: 0o700 });
    await rename(join(this.dir, path), aside);
  }

  /** Puts an object back in its place, durably; if it has come again meanwhile, that one stays. */
  async putBack(path: string): Promise<void> {
    const [aside, place] = [join(this.dir, ASIDE, path), join(this.dir, path)];
    if (await isNamed(place)) return unlink(aside);
    await mkdir(dirname(place), { recursive: true, mode: 0o700 });
    await rename(aside, place);
    await syncFolder(dirname(place));
  }

  /** Deletes what was put aside. */
  async deleteAside(path: string): Promise<void> {
    await rm(join(this.dir, ASIDE, path), { force: true });
  }

  /** Removes the folder for what is put aside, when nothing is left in it. */
  async closeAside(): Promise<void> {
    if ((await this.listAside()).length === 0)
      await rm(join(this.dir, ASIDE), { recursive: true, force: true });
  }

  /** Deletes what began to arrive before a moment, and was given up since: the next taking over begins with nothing then. */
  async dropArrivals(beforeMs: number): Promise<void> {
    const dir = join(this.dir, ARRIVING);
    const arrived = await listBelow(dir, await namesIn(dir));
    if (arrived.some(({ atMs }) => atMs >= beforeMs)) return;
    await rm(dir, { recursive: true, force: true });
  }

  async #tryRead(path: string): Promise<Uint8Array | undefined> {
    try {
      const stats = await lstat(path);
      if (!stats.isFile() || stats.size > SMALL_MAX_BYTES) return new Uint8Array(0);
      return new Uint8Array(await readFile(path));
    } catch (error) {
      if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) return undefined;
      throw error;
    }
  }
}

/** The files below `dir` that have the path of an object of one of `kinds`. */
async function listBelow(dir: string, kinds: readonly string[]): Promise<HomeFile[]> {
  const found: HomeFile[] = [];
  const walk = async (folder: string, depth: number): Promise<void> => {
    for (const name of await namesIn(join(dir, folder))) {
      const path = `${folder}/${name}`;
      const stats = await statsUnlessGone(join(dir, path));
      if (stats?.isDirectory() === true && depth > 0) await walk(path, depth - 1);
      if (stats?.isFile() !== true || hashOfObjectPath(path) === undefined) continue;
      found.push({ path, sizeBytes: stats.size, atMs: stats.mtimeMs });
    }
  };
  for (const kind of kinds) await walk(kind, 1);
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** What a sync is still writing has another name a moment later. */
async function statsUnlessGone(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) return [];
    throw error;
  }
}

// Where a home keeps what devices send until it has looked at it, and how objects get from there to their places.

import { createHash } from 'node:crypto';
import { constants, type Dirent } from 'node:fs';
import { link, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hashOfObjectPath } from '../../../core/object-path.ts';
import { isSystemError, makeFolder, syncFolder } from '../../repository/durable-file.ts';
import { temporaryName } from '../../repository/temporary-name.ts';
import { PARTIAL_FOLDER } from '../partial-objects.ts';

/** What became of the objects that had come in. */
export interface Settled {
  readonly taken: readonly string[];
  /** Files that are no objects, or have other bytes than their names promise. They are gone. */
  readonly refused: readonly string[];
}

/**
 * The incoming folder of a pod at home. Nothing that a device sends is written anywhere else: rsync's own options do not
 * bind a device that speaks its protocol otherwise.
 */
export class Incoming {
  readonly #repositoryDir: string;
  readonly #dir: string;

  private constructor(repositoryDir: string) {
    this.#repositoryDir = repositoryDir;
    this.#dir = join(repositoryDir, '.incoming');
  }

  /** Opens the incoming folder of the repository at home, and makes both if they are not there. */
  static async open(repositoryDir: string): Promise<Incoming> {
    const incoming = new Incoming(repositoryDir);
    for (const folder of [repositoryDir, incoming.#dir, incoming.objectsDir, incoming.headsDir]) {
      await mkdirPrivate(folder);
    }
    return incoming;
  }

  /** The incoming folder of a repository that has one. */
  static async find(repositoryDir: string): Promise<Incoming | undefined> {
    const incoming = new Incoming(repositoryDir);
    return (await isFolder(incoming.objectsDir)) ? incoming : undefined;
  }

  /** Laid out like the repository. */
  get objectsDir(): string {
    return join(this.#dir, 'objects');
  }

  /** For a folder of each head that is on its way. */
  get headsDir(): string {
    return join(this.#dir, 'heads');
  }

  /** Held by the one who may clear up what killed transfers left. */
  get writerLock(): string {
    return join(this.#dir, 'writer');
  }

  /** Held while the head is compared and replaced. */
  get headLock(): string {
    return join(this.#dir, 'head');
  }

  /** Files that have come in whole, by their paths in the repository; what rsync is still writing begins with a dot. */
  async list(): Promise<string[]> {
    return listFiles(this.objectsDir, (entry) => !entry.name.startsWith('.'));
  }

  /** Files that rsync is writing, or was when it was killed, as they would be named; parts that it keeps are not among them. */
  async listUnfinished(): Promise<string[]> {
    const files = await listFiles(this.objectsDir, (entry) => entry.name !== PARTIAL_FOLDER);
    return files
      .map((file) => /^(?<folder>.*\/)?\.(?<name>[^/]+)\.[A-Za-z0-9]{6}$/.exec(file)?.groups)
      .flatMap((found) => (found === undefined ? [] : [`${found.folder ?? ''}${found.name}`]));
  }

  /**
   * Moves the objects that have come in to their places, those whose bytes bear their names out. One that is there already
   * stays, unless its own bytes are wrong: then the new one takes its place. Any number of processes may do this at once,
   * and be killed in it.
   */
  async settle(): Promise<Settled> {
    const taken: string[] = [];
    const refused: string[] = [];
    for (const path of await this.list()) {
      const outcome = await this.#settleOne(path);
      if (outcome === 'taken') taken.push(path);
      if (outcome === 'refused') refused.push(path);
    }
    return { taken, refused };
  }

  async #settleOne(path: string): Promise<'taken' | 'refused' | 'known' | 'gone'> {
    const place = join(this.objectsDir, path);
    const promised = hashOfObjectPath(path);
    const found = await hashFile(place);
    if (found === undefined) return 'gone'; // another process was here
    if (promised === undefined || found.hash !== promised) {
      await rm(place, { force: true });
      return 'refused';
    }
    const object = join(this.#repositoryDir, path);
    await makeFolder(dirname(object));
    const checked = join(this.#dir, await temporaryName());
    if (!(await moved(place, checked))) return 'gone';
    try {
      // between reading and moving, another file may have come in under this name: it waits for the next time
      if (!(await isUnchanged(checked, found))) return 'gone';
      return (await putIfAbsent(checked, object, promised)) ? 'taken' : 'known';
    } finally {
      await rm(checked, { force: true });
    }
  }
}

interface HashedFile {
  readonly hash: string;
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
}

/** The hash of a plain file, which is durable then. Undefined if there is nothing; another kind of file has no hash. */
async function hashFile(path: string): Promise<HashedFile | undefined> {
  const file = await openPlain(path);
  if (file === undefined) return undefined;
  if (file === 'special') return { hash: '', ino: 0, size: 0, mtimeMs: 0 };
  try {
    const hash = createHash('sha256');
    for await (const piece of file.createReadStream({ highWaterMark: 1024 * 1024, autoClose: false }))
      hash.update(piece);
    await file.sync();
    const { ino, size, mtimeMs } = await file.stat();
    return { hash: hash.digest('hex'), ino, size, mtimeMs };
  } finally {
    await file.close();
  }
}

async function openPlain(path: string) {
  try {
    // neither follows a link nor waits for the other end of a pipe
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if ((await file.stat()).isFile()) return file;
    await file.close();
    return 'special';
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    if (isSystemError(error, 'ELOOP') || isSystemError(error, 'ENXIO')) return 'special';
    throw error;
  }
}

/** Gives a checked file the object's name. False if an object with the right bytes has it. */
async function putIfAbsent(checked: string, object: string, promised: string): Promise<boolean> {
  try {
    await link(checked, object);
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error;
    if ((await hashFile(object))?.hash === promised) return false;
    await rename(checked, object);
  }
  await syncFolder(dirname(object));
  return true;
}

async function isUnchanged(path: string, { ino, size, mtimeMs }: HashedFile): Promise<boolean> {
  const stats = await lstat(path);
  return stats.ino === ino && stats.size === size && stats.mtimeMs === mtimeMs;
}

async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false;
    throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false;
    throw error;
  }
}

async function mkdirPrivate(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
    await syncFolder(dirname(folder));
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error;
  }
}

/** The files below a folder, of any kind, without those of entries that are not `wanted`. Folders are not followed by links. */
async function listFiles(folder: string, wanted: (entry: Dirent) => boolean, prefix = ''): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
    if (!wanted(entry)) continue;
    const path = prefix + entry.name;
    if (entry.isDirectory()) files.push(...(await listFiles(folder, wanted, `${path}/`)));
    else files.push(path);
  }
  return files.sort();
}

// A repository: immutable objects named by the hash of their bytes, and a head. The same on a device and at home.
import { access, readdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { toHex } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import { hashing } from '../hashing.ts';
import { unreadableError } from '../storage-failure.ts';
import {
  isSystemError,
  makeFolder,
  publish,
  syncFolder,
  writeFully,
  writeTemporary,
} from './durable-file.ts';
import { hashFile, piecesOf, writeHashed } from './hashed-file.ts';
import { readPlainFile } from './plain-file.ts';
import { removeStale, temporaryName } from './temporary-name.ts';

/** What an object is, and the folder it lies in. */
export type ObjectKind = 'packs' | 'segments' | 'keyrings' | 'bases' | 'inventories' | 'catalog' | 'branches';

const KINDS: Readonly<Record<ObjectKind, { readonly suffix: string; readonly name: RegExp }>> = {
  packs: { suffix: '.age', name: /^[0-9a-f]{64}$/ },
  segments: { suffix: '.age', name: /^\d{12}-[0-9a-f]{64}$/ },
  keyrings: { suffix: '', name: /^[0-9a-f]{64}$/ },
  bases: { suffix: '.erofs', name: /^[0-9a-f]{64}$/ },
  inventories: { suffix: '', name: /^\d{12}-[0-9a-f]{64}$/ },
  catalog: { suffix: '', name: /^[0-9a-f]{64}$/ },
  branches: { suffix: '', name: /^\d{12}-[0-9a-f]{64}$/ },
};
/** Kinds whose names begin with a position of the log. */
const NUMBERED: ReadonlySet<ObjectKind> = new Set(['segments', 'inventories', 'branches']);
/** Every kind of object. */
export const OBJECT_KINDS = Object.keys(KINDS) as readonly ObjectKind[];
const HASH_DIGITS = 64;
const TEMP = 'tmp';
const HEAD = 'head';
/** Of what is read before anything is proven, far more than it ever has: a file can claim any length. */
const HEAD_MOST_BYTES = 2 ** 16;
const KEYRING_MOST_BYTES = 2 ** 20;

/** The bytes of an object, or the path of a file that holds them. */
export type ObjectContent = Uint8Array | { readonly file: string };

/** An object that was put. */
export interface PutObject {
  /** The file's name without its suffix: the hash of its bytes, after the seq if it has one. */
  readonly name: string;
  readonly sizeBytes: number;
  /** False if the repository had it already. */
  readonly isNew: boolean;
}

/** What a new object is, and how it is named. */
export interface PutOptions {
  /** The seq of a segment's first record, or of the head that an inventory is for or a branch has; others have none. */
  readonly firstSeq?: number;
  /** The SHA-256 of bytes in memory, if whoever made them has it already. */
  readonly sha256?: Uint8Array;
}

/** A repository in a folder. There is no lock: objects never change, and any number of processes may add some. */
export class Repository {
  /** The folder, as it was given. */
  readonly dir: string;
  /** Packs whose files may lie here still, though the log has removed them. */
  readonly #removedPacks = new Set<string>();
  /** Folders of objects whose names are durable. */
  readonly #durableFolders = new Set<string>();

  private constructor(dir: string) {
    this.dir = dir;
  }

  /** Makes an empty repository in `dir`, with the folders above it; one that is there is opened. */
  static async create(dir: string): Promise<Repository> {
    for (const folder of [...Object.keys(KINDS), TEMP]) await makeFolder(join(dir, folder));
    return Repository.open(dir);
  }

  /** Opens a repository and clears what dead processes left half written. Throws POD_NOT_FOUND. */
  static async open(dir: string): Promise<Repository> {
    try {
      await access(join(dir, 'packs'));
    } catch (cause) {
      throw new DeskPodError('POD_NOT_FOUND', `${dir}: expected a repository, got none`, { cause });
    }
    const repository = new Repository(dir);
    // a folder that rsync made at home may lack this one
    await makeFolder(join(dir, TEMP));
    await removeStale(join(dir, TEMP));
    return repository;
  }

  /** The path of an object's file, whether it is there or not. Throws TypeError for what can be no name. */
  objectPath(kind: ObjectKind, name: string): string {
    const { suffix, name: pattern } = KINDS[kind];
    if (!pattern.test(name)) throw new TypeError(`expected the name of one of the ${kind}, got ${name}`);
    const file = name + suffix;
    return kind === 'packs' ? join(this.dir, kind, name.slice(0, 2), file) : join(this.dir, kind, file);
  }

  /** True if the object's file is there. Its bytes are not read. */
  async hasObject(kind: ObjectKind, name: string): Promise<boolean> {
    try {
      await access(this.objectPath(kind, name));
      return true;
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return false;
      throw error;
    }
  }

  /** Adds an object; when this resolves it is durable. Throws SPACE_EXHAUSTED. */
  async putObject(kind: ObjectKind, content: ObjectContent, options: PutOptions = {}): Promise<PutObject> {
    const temporary = join(this.dir, TEMP, await temporaryName());
    if (content instanceof Uint8Array) {
      const name = objectName(kind, toHex(options.sha256 ?? hashing.sha256(content)), options);
      if (await this.hasObject(kind, name)) return { name, sizeBytes: content.length, isNew: false };
      await writeTemporary(temporary, (file) => writeFully(file, content, 0));
      await this.#publish(temporary, kind, name);
      return { name, sizeBytes: content.length, isNew: true };
    }
    const { sha256, sizeBytes } = await writeTemporary(temporary, (file) =>
      writeHashed(file, piecesOf(content.file)),
    );
    const name = objectName(kind, sha256, options);
    const isNew = !(await this.hasObject(kind, name));
    await this.#publish(temporary, kind, name);
    return { name, sizeBytes, isNew };
  }

  /** Adds several objects, written and synced side by side; each is there or not on its own. Throws SPACE_EXHAUSTED. */
  putObjects(kind: ObjectKind, contents: readonly Uint8Array[]): Promise<PutObject[]> {
    return Promise.all(contents.map((content) => this.putObject(kind, content)));
  }

  /** Takes an object away, durably; nothing happens if it is not there. The caller knows that no head needs it. */
  async removeObject(kind: ObjectKind, name: string): Promise<void> {
    const path = this.objectPath(kind, name);
    try {
      await unlink(path);
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) throw error;
      return;
    }
    await syncFolder(dirname(path));
  }

  /** The bytes of an object, whose name they bear out. Throws OBJECT_MISSING or OBJECT_DAMAGED. */
  async readObject(kind: ObjectKind, name: string): Promise<Uint8Array> {
    const bytes = await this.#read(kind, name);
    const actual = toHex(hashing.sha256(bytes));
    if (actual !== name.slice(-HASH_DIGITS)) throw damaged(kind, name, actual);
    return bytes;
  }

  /** Reads an object's file from end to end, in constant memory. Throws OBJECT_MISSING or OBJECT_DAMAGED. */
  async verifyObject(kind: ObjectKind, name: string): Promise<{ sizeBytes: number }> {
    const { sha256, sizeBytes } = await hashFile(this.objectPath(kind, name)).catch((error: unknown) => {
      throw missing(kind, name, error);
    });
    if (sha256 !== name.slice(-HASH_DIGITS)) throw damaged(kind, name, sha256);
    return { sizeBytes };
  }

  /** The length of an object's file in bytes. Throws OBJECT_MISSING. */
  async objectSize(kind: ObjectKind, name: string): Promise<number> {
    try {
      return (await stat(this.objectPath(kind, name))).size;
    } catch (error) {
      throw missing(kind, name, error);
    }
  }

  /** From now on these packs are no objects any more, whether their files lie here or not. */
  passOver(packs: Iterable<string>): void {
    for (const name of packs) this.#removedPacks.add(name);
  }

  /** Those packs that were given to {@link passOver} and whose files still lie here, ascending. */
  async listRemovedPacks(): Promise<string[]> {
    if (this.#removedPacks.size === 0) return [];
    return (await this.#listFiles('packs')).filter((name) => this.#removedPacks.has(name));
  }

  /**
   * Deletes the files of packs that were given to {@link passOver}, those that are there; returns how many bytes that
   * frees. Not synced: what a power cut brings back is deleted the next time. TypeError for any other pack.
   */
  async deleteRemovedPacks(names: readonly string[]): Promise<number> {
    let freedBytes = 0;
    for (const name of names) {
      if (!this.#removedPacks.has(name)) throw new TypeError(`expected a removed pack, got ${name}`);
      try {
        const { size } = await stat(this.objectPath('packs', name));
        await unlink(this.objectPath('packs', name));
        freedBytes += size;
      } catch (error) {
        if (!isSystemError(error, 'ENOENT')) throw error;
      }
    }
    return freedBytes;
  }

  /** The names of all objects of a kind, ascending. Files that are no objects are passed over. */
  async listObjects(kind: ObjectKind): Promise<string[]> {
    const names = await this.#listFiles(kind);
    return kind === 'packs' ? names.filter((name) => !this.#removedPacks.has(name)) : names;
  }

  async #listFiles(kind: ObjectKind): Promise<string[]> {
    const { suffix, name: pattern } = KINDS[kind];
    const names: string[] = [];
    const take = (file: string, folder?: string): void => {
      if (!file.endsWith(suffix)) return;
      const name = file.slice(0, file.length - suffix.length);
      if (pattern.test(name) && (folder === undefined || name.startsWith(folder))) names.push(name);
    };
    const files = await readFolder(join(this.dir, kind));
    if (kind !== 'packs') for (const file of files) take(file);
    else {
      const folders = files.filter((folder) => /^[0-9a-f]{2}$/.test(folder));
      const list = (folder: string): Promise<string[]> => readFolder(join(this.dir, kind, folder));
      for (const [i, found] of (await Promise.all(folders.map(list))).entries())
        for (const file of found) take(file, folders[i]);
    }
    return names.sort();
  }

  /** The bytes of the head, or undefined if nothing was ever committed here. Throws HEAD_DAMAGED. */
  async readHead(): Promise<Uint8Array | undefined> {
    try {
      return await readPlainFile(
        { path: join(this.dir, HEAD), code: 'HEAD_DAMAGED', subject: 'the head' },
        HEAD_MOST_BYTES,
      );
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return undefined;
      throw unreadableError(error, 'HEAD_DAMAGED', join(this.dir, HEAD));
    }
  }

  /** Replaces the head: whoever reads it sees the former or this one, whole. Throws SPACE_EXHAUSTED. */
  async writeHead(bytes: Uint8Array): Promise<void> {
    const temporary = join(this.dir, TEMP, await temporaryName());
    await writeTemporary(temporary, (file) => writeFully(file, bytes, 0));
    await publish(temporary, join(this.dir, HEAD));
  }

  async #read(kind: ObjectKind, name: string): Promise<Uint8Array> {
    try {
      const mostBytes = kind === 'keyrings' ? KEYRING_MOST_BYTES : undefined;
      const plain = { path: this.objectPath(kind, name), subject: `${kind}/${name}` };
      return await readPlainFile({ ...plain, code: 'OBJECT_DAMAGED' }, mostBytes);
    } catch (error) {
      throw missing(kind, name, error);
    }
  }

  async #publish(temporary: string, kind: ObjectKind, name: string): Promise<void> {
    const path = this.objectPath(kind, name);
    await this.#makeDurableFolder(dirname(path));
    await publish(temporary, path);
  }

  /** One that is there may be what a process made that was killed before it synced its name. */
  async #makeDurableFolder(folder: string): Promise<void> {
    if (this.#durableFolders.has(folder)) return;
    const isNew = await makeFolder(folder);
    if (!isNew) await syncFolder(dirname(folder));
    this.#durableFolders.add(folder);
  }
}

function objectName(kind: ObjectKind, hash: string, { firstSeq }: PutOptions): string {
  if (NUMBERED.has(kind) !== (firstSeq !== undefined)) {
    throw new TypeError(`expected a seq for ${[...NUMBERED].join(', ')} only, got one of the ${kind}`);
  }
  return firstSeq === undefined ? hash : `${String(firstSeq).padStart(12, '0')}-${hash}`;
}

async function readFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}

function missing(kind: ObjectKind, name: string, error: unknown): unknown {
  if (!isSystemError(error, 'ENOENT')) return unreadableError(error, 'OBJECT_DAMAGED', `${kind}/${name}`);
  return new DeskPodError('OBJECT_MISSING', `${kind}/${name}: expected it in the repository, got nothing`, {
    details: { kind, name },
    cause: error,
  });
}

function damaged(kind: ObjectKind, name: string, actual: string): DeskPodError {
  return new DeskPodError(
    'OBJECT_DAMAGED',
    `${kind}/${name}: expected the bytes of its name, got those of ${actual}`,
    {
      details: { kind, name, actual },
    },
  );
}

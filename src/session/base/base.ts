// The bases on a host: images in a folder, each with a description beside it.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import {
  isSystemError,
  makeFolder,
  publish,
  syncFolder,
  writeFully,
  writeTemporary,
} from '../../sync/repository/durable-file.ts';
import { removeStale, temporaryName } from '../../sync/repository/temporary-name.ts';
import { requireRoot } from '../host/root-rights.ts';
import { locateRuntime, type Runtime } from '../host/runtime.ts';
import { BASE_PACKAGES, buildImage } from './base-build.ts';
import { BASE_RELEASE } from './base-tree.ts';
import { requirePackageNames } from './package-name.ts';

/** A base as its description tells. */
export interface BaseFile {
  readonly name: string;
  /** The image. */
  readonly path: string;
  /** Hexadecimal, of the whole image. */
  readonly sha256: string;
  readonly sizeBytes: number;
  /** `unknown` for an image that came without its description. */
  readonly debianRelease: string;
  /** What was asked for; empty for an image that came without its description. */
  readonly packages: readonly string[];
  /** ISO 8601. */
  readonly builtAt: string;
}

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const TEMP = 'tmp';

/** EROFS's superblock, by its offset in the image and its magic number. */
const SUPERBLOCK_OFFSET_BYTES = 1024;
const EROFS_MAGIC = 0xe0f5e1e2;

/** The folder of this host's bases: DESKPOD_BASES, or where `ops/setup` puts them. */
export function basesDir(): string {
  return process.env.DESKPOD_BASES ?? '/var/lib/deskpod/bases';
}

/** How a base is built. */
export interface BuildOptions {
  readonly name: string;
  /** Debian packages besides {@link BASE_PACKAGES}. */
  readonly extraPackages?: readonly string[];
  readonly outputDir?: string;
  readonly runtime?: Runtime;
  readonly onProgress?: ProgressListener;
  /** Stops the build; without it, SIGINT, SIGTERM and SIGHUP of this process do. */
  readonly signal?: AbortSignal;
}

/**
 * Builds a base and puts it into a folder, replacing one of that name. Takes minutes and needs root.
 * @throws DeskPodError BASE_BUILD_FAILED; RUNTIME_MISSING; ROOT_NEEDED; CANCELLED. Nothing is left then but the log.
 */
export async function buildBase(options: BuildOptions): Promise<BaseFile> {
  const { name, extraPackages = [], onProgress = () => undefined } = options;
  requireRoot('building a base');
  requireName(name, 'BASE_BUILD_FAILED');
  requirePackageNames(extraPackages, 'BASE_BUILD_FAILED');
  const packages = [...new Set([...BASE_PACKAGES, ...extraPackages])];
  const dir = resolve(options.outputDir ?? basesDir());
  const runtime = options.runtime ?? (await locateRuntime());
  const workDir = await temporaryPath(dir);
  const logFile = join(dir, `${name}.log`);
  return await untilSignal(options.signal, async (signal) => {
    try {
      await mkdir(workDir, { mode: 0o700 });
      const image = await buildImage({ name, packages, workDir, logFile, runtime, onProgress, signal });
      const { sha256, sizeBytes } = await readImage(image);
      const base = { name, path: imagePath(dir, name), sha256, sizeBytes };
      const built = { ...base, debianRelease: BASE_RELEASE, packages, builtAt: new Date().toISOString() };
      await putBase(image, built);
      await rm(logFile, { force: true });
      return built;
    } finally {
      await rm(workDir, { recursive: true, force: true });
    }
  });
}

/** The bases in a folder, by name; none if there is no such folder. Images without a description are passed over. */
export async function listBases(dir = basesDir()): Promise<BaseFile[]> {
  const names = await readdir(dir).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  });
  const bases: BaseFile[] = [];
  for (const file of names.sort()) {
    if (!file.endsWith('.erofs')) continue;
    const base = await describedBase(join(resolve(dir), file));
    if (base !== undefined) bases.push(base);
  }
  return bases;
}

/**
 * Finds a base by its name in `dir`, or by the path of an image (with a slash in it, or ending in `.erofs`).
 * @throws DeskPodError BASE_NOT_FOUND; BASE_DAMAGED if it is no image, or not as long as its description says.
 */
export async function findBase(nameOrFile: string, dir = basesDir()): Promise<BaseFile> {
  const isFile = nameOrFile.includes('/') || nameOrFile.endsWith('.erofs');
  if (!isFile) requireName(nameOrFile, 'BASE_NOT_FOUND');
  const path = isFile ? resolve(nameOrFile) : imagePath(resolve(dir), nameOrFile);
  try {
    return (await describedBase(path)) ?? (await measuredBase(path));
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
    const known = (await listBases(dir)).map(({ name }) => name);
    throw new DeskPodError('BASE_NOT_FOUND', `${nameOrFile}: there is no such base`, {
      hint:
        known.length === 0
          ? 'Run `deskpod base build` to make one.'
          : `There is ${known.join(', ')}; run \`deskpod base build\` to make another.`,
      details: { path, known },
      cause: error,
    });
  }
}

/**
 * Copies an image, and its description if that lies beside it, into a folder of bases.
 * @throws DeskPodError BASE_NOT_FOUND if there is no such file; BASE_DAMAGED if it is no EROFS image, or not the one that
 * its description tells of; SPACE_EXHAUSTED.
 */
export async function importBase(file: string, dir: string, name: string): Promise<BaseFile> {
  requireName(name, 'BASE_NOT_FOUND');
  const source = await findBase(resolve(file), dir);
  const workDir = await temporaryPath(resolve(dir));
  try {
    await mkdir(workDir, { mode: 0o700 });
    const copy = join(workDir, 'image.erofs');
    await writeTemporary(copy, async (target) => {
      let positionBytes = 0;
      for await (const piece of createReadStream(source.path, { highWaterMark: 1024 * 1024 })) {
        await writeFully(target, piece, positionBytes);
        positionBytes += piece.length;
      }
    });
    const { sha256, sizeBytes } = await readImage(copy);
    if (sha256 !== source.sha256) {
      throw new DeskPodError('BASE_DAMAGED', `${file}: expected sha256 ${source.sha256}, got ${sha256}`, {
        hint: 'Carry the image over again, with the .json file beside it.',
        details: { file, expected: source.sha256, actual: sha256 },
      });
    }
    const imported = { ...source, name, path: imagePath(resolve(dir), name), sha256, sizeBytes };
    await putBase(copy, imported);
    return imported;
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** Puts a finished image and its description under their names; the image, which counts, last. */
async function putBase(image: string, { path, ...description }: BaseFile): Promise<void> {
  const text = new TextEncoder().encode(`${JSON.stringify(description, undefined, 2)}\n`);
  const temporary = `${image}.json`;
  await writeTemporary(temporary, (file) => writeFully(file, text, 0));
  // A base of the same name goes first: an image never stands beside the description of another one.
  await rm(path, { force: true });
  await rename(temporary, descriptionPath(path));
  await publish(image, path);
}

async function describedBase(path: string): Promise<BaseFile | undefined> {
  const { size } = await stat(path);
  const text = await readFile(descriptionPath(path), 'utf8').catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const base = { ...parseDescription(text, path), path };
  if (base.sizeBytes === size) return base;
  throw new DeskPodError('BASE_DAMAGED', `${path}: expected ${base.sizeBytes} bytes, got ${size}`, {
    hint: 'Build or import the base again.',
    details: { path, expectedBytes: base.sizeBytes, actualBytes: size },
  });
}

async function measuredBase(path: string): Promise<BaseFile> {
  const { mtime } = await stat(path);
  const name = basename(path, '.erofs');
  const image = await readImage(path);
  return { name, path, ...image, debianRelease: 'unknown', packages: [], builtAt: mtime.toISOString() };
}

function parseDescription(text: string, path: string): Omit<BaseFile, 'path'> {
  try {
    const found = JSON.parse(text) as Omit<BaseFile, 'path'>;
    const isWhole =
      typeof found.name === 'string' &&
      /^[0-9a-f]{64}$/.test(found.sha256) &&
      Number.isSafeInteger(found.sizeBytes) &&
      Array.isArray(found.packages);
    if (isWhole) return found;
    throw new TypeError('a field is missing');
  } catch (cause) {
    throw new DeskPodError(
      'BASE_DAMAGED',
      `${descriptionPath(path)}: expected a base's description, got none`,
      {
        hint: 'Build or import the base again.',
        details: { path },
        cause,
      },
    );
  }
}

async function readImage(path: string): Promise<{ readonly sha256: string; readonly sizeBytes: number }> {
  const file = await open(path, 'r');
  try {
    const magic = Buffer.alloc(4);
    await file.read(magic, 0, 4, SUPERBLOCK_OFFSET_BYTES);
    if (magic.readUInt32LE() !== EROFS_MAGIC) {
      throw new DeskPodError('BASE_DAMAGED', `${path}: expected an EROFS image, got something else`, {
        hint: 'Give the .erofs file that `deskpod base build` made.',
        details: { path },
      });
    }
    const hash = createHash('sha256');
    for await (const piece of file.createReadStream({ start: 0, autoClose: false })) hash.update(piece);
    return { sha256: hash.digest('hex'), sizeBytes: (await file.stat()).size };
  } finally {
    await file.close();
  }
}

/** Runs `work` with a signal that aborts by `given`, or else by the signals that ask this process to end. */
async function untilSignal<T>(
  given: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (given !== undefined) return await work(given);
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, abort);
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of signals) process.off(signal, abort);
  }
}

/** A fresh path in the folder's own place for unfinished work, cleared of what dead processes left there. */
async function temporaryPath(dir: string): Promise<string> {
  const temp = join(dir, TEMP);
  if (await makeFolder(temp)) await syncFolder(dirname(temp));
  await removeStale(temp);
  return join(temp, await temporaryName());
}

function requireName(name: string, code: 'BASE_BUILD_FAILED' | 'BASE_NOT_FOUND'): void {
  if (NAME.test(name) && !name.endsWith('.erofs')) return;
  throw new DeskPodError(code, `"${name}" can be no name of a base`, {
    hint: 'Name it in lower case letters, digits, dots and dashes.',
    details: { name },
  });
}

function imagePath(dir: string, name: string): string {
  return join(dir, `${name}.erofs`);
}

function descriptionPath(path: string): string {
  return `${path.replace(/\.erofs$/, '')}.json`;
}

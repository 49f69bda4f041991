// What an interrupted rsync leaves of an object, to go on from.
import { lstatSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isSystemError } from '../repository/durable-file.ts';
import { OBJECT_KINDS } from '../repository/repository.ts';
import { openAmong } from './open-files.ts';

/** Where rsync keeps what arrived of an object when it was interrupted, beside the object's place. */
export const PARTIAL_FOLDER = '.partial';
/** An object that rsync was writing when it was killed: its name with a dot before and six characters after it. */
const LEFTOVER = /^\.(?<name>.+)\.[A-Za-z0-9]{6}$/;

/**
 * Looks at what a killed rsync left beside `objects`. What it has of the `wanted` ones is kept as a part to go on from, as
 * rsync compares parts block by block; the rest is removed. What another rsync is writing at this moment is left to that.
 */
export async function keepLeftovers(
  repositoryDir: string,
  objects: readonly string[],
  wanted: ReadonlySet<string>,
): Promise<void> {
  const names = new Set([...wanted].map((object) => basename(object)));
  for (const folder of new Set(objects.map((object) => join(repositoryDir, dirname(object))))) {
    if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) continue;
    for (const { leftover, name } of await leftoversIn(folder)) {
      if (names.has(name)) await keepPart(folder, leftover, name);
      else await rm(join(folder, leftover), { force: true });
    }
  }
}

/** Keeps what a killed rsync left below a whole repository as parts to go on from, unless the object is there. */
export async function keepAllLeftovers(repositoryDir: string): Promise<void> {
  for (const folder of await objectFolders(repositoryDir)) {
    for (const { leftover, name } of await leftoversIn(folder)) {
      const isThere = lstatSync(join(folder, name), { throwIfNoEntry: false }) !== undefined;
      if (isThere) await rm(join(folder, leftover), { force: true });
      else await keepPart(folder, leftover, name);
    }
  }
}

/**
 * Removes parts beside `objects` that nobody goes on from: an rsync that outlived its deskpod for a moment leaves one of an
 * object that has come meanwhile.
 */
export async function removeNeedlessParts(
  repositoryDir: string,
  objects: readonly string[],
  wanted: ReadonlySet<string>,
): Promise<void> {
  const names = new Set([...wanted].map((object) => basename(object)));
  for (const folder of new Set(
    objects.map((object) => join(repositoryDir, dirname(object), PARTIAL_FOLDER)),
  )) {
    const parts = await readdir(folder).catch(noneIfGone);
    if (parts === undefined) continue;
    for (const part of parts) if (!names.has(part)) await rm(join(folder, part), { force: true });
    if (!parts.some((part) => names.has(part))) await rm(folder, { recursive: true, force: true });
  }
}

/** @throws what is no sign that there is nothing */
function noneIfGone(error: unknown): undefined {
  if (!isSystemError(error, 'ENOENT')) throw error;
}

/** Removes what is left of objects below a repository to which everything has come that is wanted. */
export async function removeParts(repositoryDir: string): Promise<void> {
  for (const folder of await objectFolders(repositoryDir))
    await rm(join(folder, PARTIAL_FOLDER), { recursive: true, force: true });
}

/** True for a name that rsync gives to the file `name` while it writes it. */
export function isLeftoverOf(name: string, leftover: string): boolean {
  return LEFTOVER.exec(leftover)?.groups?.name === name;
}

/** Removes what killed rsyncs left of the file `name` in `folder`. */
export async function removeLeftoversOf(folder: string, name: string): Promise<void> {
  for (const found of await leftoversIn(folder))
    if (found.name === name) await rm(join(folder, found.leftover), { force: true });
}

/** What is left in a folder, each with the name of what it was to be. Nobody writes it any more. */
async function leftoversIn(folder: string): Promise<{ readonly leftover: string; readonly name: string }[]> {
  const found = (await readdir(folder)).flatMap((leftover) => {
    const { name } = LEFTOVER.exec(leftover)?.groups ?? {};
    return name === undefined ? [] : [{ leftover, name }];
  });
  const open = await openAmong(found.map(({ leftover }) => join(folder, leftover)));
  return found.filter(({ leftover }) => !open.has(join(folder, leftover)));
}

/** Those of the folders in which objects lie that are there. */
async function objectFolders(repositoryDir: string): Promise<string[]> {
  const present = (path: string): boolean =>
    lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  const folders = OBJECT_KINDS.map((kind) => join(repositoryDir, kind)).filter(present);
  const packs = join(repositoryDir, 'packs');
  const below = present(packs) ? (await readdir(packs)).map((name) => join(packs, name)) : [];
  return [...folders, ...below.filter((path) => basename(path) !== PARTIAL_FOLDER && present(path))];
}

/** The longer one stays, if there is a part already. */
async function keepPart(folder: string, leftover: string, name: string): Promise<void> {
  const [from, to] = [join(folder, leftover), join(folder, PARTIAL_FOLDER, name)];
  const [left, kept] = [from, to].map((path) => lstatSync(path, { throwIfNoEntry: false }));
  if ((left?.size ?? 0) <= (kept?.size ?? 0)) return rm(from, { force: true });
  await mkdir(join(folder, PARTIAL_FOLDER), { recursive: true, mode: 0o700 });
  try {
    await rename(from, to);
  } catch (error) {
    // whoever wrote it has put it in its place meanwhile, or another sender has kept it
    if (!isSystemError(error, 'ENOENT')) throw error;
  }
}

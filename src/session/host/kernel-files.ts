// Small files and folders of the kernel (sysfs, procfs): what they name comes and goes, and drivers refuse in all sorts of ways.
import { readdir, readFile } from 'node:fs/promises';
import { isOutOfMeans } from '../../sync/storage-failure.ts';

/** The text of a file, without what is around it; undefined if it cannot be read, or nothing is in it. */
export async function textIn(path: string): Promise<string | undefined> {
  const text = (await readFile(path, 'utf8').catch(nothing))?.trim();
  return text === '' ? undefined : text;
}

/** The names in a folder; none if it cannot be read. */
export async function namesIn(dir: string): Promise<string[]> {
  return (await readdir(dir).catch(nothing)) ?? [];
}

/** @throws what the system did not say, or said of this process */
function nothing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === undefined || isOutOfMeans(error)) throw error;
}

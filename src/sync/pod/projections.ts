// The projections of a pod: indexes in LevelDB that only save work, and are made anew when they are gone or damaged.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import { LevelFileIndex } from '../files/file-index.ts';
import { LevelChunkIndex } from '../repository/chunk-index.ts';

/** Both indexes of a pod that one process has open. */
export class Projections {
  readonly chunks: LevelChunkIndex;
  readonly #files: Level<string, string>;

  private constructor(chunks: LevelChunkIndex, files: Level<string, string>) {
    this.chunks = chunks;
    this.#files = files;
  }

  /** Opens the projections in `dir`; what LevelDB cannot read is wiped and begins empty. The caller closes them. */
  static async open(dir: string): Promise<Projections> {
    const chunks = await LevelChunkIndex.open(join(dir, 'chunks'));
    try {
      return new Projections(chunks, await openFiles(join(dir, 'files')));
    } catch (error) {
      await chunks.close();
      throw error;
    }
  }

  /** The file index of one tree of this pod; `ignoresDev` where it lies on the file system of that tree. */
  fileIndex(tree: string, options: { readonly ignoresDev: boolean }): LevelFileIndex {
    return new LevelFileIndex(this.#files, tree, options);
  }

  /** Closes both. */
  async close(): Promise<void> {
    await this.#files.close();
    await this.chunks.close();
  }
}

async function openFiles(dir: string): Promise<Level<string, string>> {
  const open = async (): Promise<Level<string, string>> => {
    const level = new Level<string, string>(dir);
    try {
      await level.open();
      return level;
    } catch (error) {
      await level.close();
      throw error;
    }
  };
  try {
    return await open();
  } catch {
    // Whatever LevelDB found wrong: a cache is not worth repairing. If it is locked, wiping fails to help and says so.
    await rm(dir, { recursive: true, force: true });
    return open();
  }
}

// The projections of a pod: indexes in LevelDB that only save work, and are made anew when they are gone or damaged.
import { join } from 'node:path';
import { LevelFileIndex } from '../files/file-index.ts';
import { LevelChunkIndex } from '../repository/chunk-index.ts';

/** Both indexes of a pod, which one process has open. */
export interface Projections {
  readonly chunks: LevelChunkIndex;
  /** Of the layer, or of a tree pod's folder. */
  readonly files: LevelFileIndex;
  close(): Promise<void>;
}

/** Opens the projections in `dir`; what LevelDB cannot read is wiped and begins empty. The caller closes them. */
export async function openProjections(dir: string): Promise<Projections> {
  const chunks = await LevelChunkIndex.open(join(dir, 'chunks'));
  try {
    // They lie on the file system of the files, whose device number is another one at every mount.
    const files = await LevelFileIndex.open(join(dir, 'files'), { ignoresDev: true });
    const close = async () => {
      await files.close();
      await chunks.close();
    };
    return { chunks, files, close };
  } catch (error) {
    await chunks.close();
    throw error;
  }
}

// How long the objects are that are to be sent.
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';

/**
 * The lengths in bytes of objects of a repository, by path.
 *
 * @throws DeskPodError OBJECT_MISSING if one is not there
 */
export function lengthsOf(repositoryDir: string, objects: readonly string[]): ReadonlyMap<string, number> {
  const lengths = new Map<string, number>();
  for (const object of objects) {
    const stats = lstatSync(join(repositoryDir, object), { throwIfNoEntry: false });
    if (stats?.isFile() !== true) {
      throw new DeskPodError('OBJECT_MISSING', `expected ${object} in ${repositoryDir}, got none`, {
        details: { object, repositoryDir },
      });
    }
    lengths.set(object, stats.size);
  }
  return lengths;
}

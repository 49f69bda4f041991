// How much room a restore takes, told before anything is written.
import { setImmediate } from 'node:timers/promises';
import type { ManifestStream } from '../../core/manifest-diff.ts';
import type { StandingFiles } from './standing-files.ts';

/** After so many entries other work gets its turn. */
const ENTRIES_PER_TURN = 256;

/** Room on a file system. */
export interface Room {
  readonly bytes: number;
  readonly inodes: number;
}

/**
 * What a restore takes at the least: the blocks of files and folders, and the inodes, of all that does not stand already.
 * Files with holes count for nothing, as where these are is not in a manifest. Throws what `manifest` throws.
 */
export async function roomFor(
  manifest: ManifestStream,
  standing: StandingFiles,
  blockBytes: number,
): Promise<Room> {
  const groups = new Set<number>();
  let [blocks, inodes, count] = [0, 0, 0];
  for await (const entries of manifest) {
    for (const entry of entries) {
      if (++count % ENTRIES_PER_TURN === 0) await setImmediate();
      const { kind, hardlinkGroup, sizeBytes, isSparse } = entry;
      if (groups.has(hardlinkGroup)) continue;
      if (hardlinkGroup !== 0) groups.add(hardlinkGroup);
      if (standing.find(entry) !== undefined) continue;
      inodes++;
      if (kind === 'directory') blocks++;
      else if (!isSparse) blocks += Math.ceil(sizeBytes / blockBytes);
    }
  }
  return { bytes: blocks * blockBytes, inodes };
}

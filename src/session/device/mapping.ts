// The block devices that device-mapper makes, as sysfs tells of them.
import { readdir, readFile } from 'node:fs/promises';
import { loopRows } from './loop-rows.ts';

/** One mapping. */
export interface Mapping {
  readonly name: string;
  /** `major:minor`. */
  readonly deviceNumber: string;
  /** What it is built on, each the name of a block device. */
  readonly under: readonly string[];
}

/** The mapping of that name; `undefined` if device-mapper has none. */
export async function findMapping(name: string): Promise<Mapping | undefined> {
  for (const entry of (await readdir('/sys/block')).filter((block) => block.startsWith('dm-'))) {
    const dir = `/sys/block/${entry}`;
    try {
      if ((await readFile(`${dir}/dm/name`, 'utf8')).trim() !== name) continue;
      const deviceNumber = (await readFile(`${dir}/dev`, 'utf8')).trim();
      return { name, deviceNumber, under: await readdir(`${dir}/slaves`) };
    } catch (error) {
      // One that goes away while it is looked at.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return undefined;
}

/** The names of the loop devices on a file: by its identity, as paths change with mounts. */
export async function loopsOfFile(file: {
  readonly deviceNumber: string;
  readonly inode: number;
}): Promise<string[]> {
  const identity = `${file.deviceNumber}/${file.inode}`;
  const rows = await loopRows();
  return rows.filter(({ backingIdentity }) => backingIdentity === identity).map(({ name }) => name);
}

// The block devices that device-mapper makes, as sysfs tells of them.
import { readdir, readFile } from 'node:fs/promises';
import { run } from '../../sync/process.ts';

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

interface LoopRow {
  readonly name: string;
  readonly 'back-ino': number;
  /** Padded with spaces by some versions. */
  readonly 'back-maj:min': string;
}

/** The names of the loop devices on a file: by its identity, as paths change with mounts. */
export async function loopsOfFile(file: {
  readonly deviceNumber: string;
  readonly inode: number;
}): Promise<string[]> {
  const { stdout } = await run('losetup', ['--json', '--list', '-O', 'NAME,BACK-INO,BACK-MAJ:MIN']);
  const rows = stdout === '' ? [] : (JSON.parse(stdout) as { loopdevices: LoopRow[] }).loopdevices;
  return rows
    .filter((row) => row['back-ino'] === file.inode && row['back-maj:min'].trim() === file.deviceNumber)
    .map(({ name }) => name.replace('/dev/', ''));
}

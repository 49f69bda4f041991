// What tells one drive, or one card in a reader, from the next at the same path, without reading it.
import { textIn } from '../host/kernel-files.ts';

/** As the kernel counts media; those before 5.15 count none. The folder of a partition is a link into that of its disk. */
const FILES = ['size', 'diskseq', '../diskseq'];

/** Changes with the medium; undefined once the device is gone. @param sysDir the folder of a block device in sysfs */
export async function mediumStamp(sysDir: string): Promise<string | undefined> {
  const texts = await Promise.all(FILES.map((file) => textIn(`${sysDir}/${file}`)));
  // the kernel takes this one away first: while it is there, the others were
  const number = await textIn(`${sysDir}/dev`);
  return number === undefined ? undefined : [number, ...texts].join(' ');
}

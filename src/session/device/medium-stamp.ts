// What tells one drive, or one card in a reader, from the next at the same path, without reading it.
import { textIn } from '../host/kernel-files.ts';

/** As the kernel counts media; those before 5.15 count none. The folder of a partition is a link into that of its disk. */
const FILES = ['dev', 'size', 'diskseq', '../diskseq'];

/** Changes with the medium. @param sysDir the folder of a block device in sysfs */
export async function mediumStamp(sysDir: string): Promise<string> {
  return (await Promise.all(FILES.map((file) => textIn(`${sysDir}/${file}`)))).join(' ');
}

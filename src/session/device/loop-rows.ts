// The loop devices of this host, as losetup lists them.
import { run } from '../../sync/process.ts';

/** One that has a file behind it. */
export interface LoopRow {
  /** Such as `loop0`. */
  readonly name: string;
  /** As it was when it was attached: paths change with mounts. */
  readonly backingPath: string;
  /** `major:minor/inode`; undefined for one that is being detached at this moment. */
  readonly backingIdentity: string | undefined;
}

interface ListedLoop {
  readonly name: string;
  readonly 'back-file': string | null;
  readonly 'back-ino': number | null;
  /** Padded with spaces by some versions. */
  readonly 'back-maj:min': string | null;
}

/** All of them. @throws ProcessError */
export async function loopRows(): Promise<LoopRow[]> {
  const { stdout } = await run('losetup', ['--json', '--list', '-O', 'NAME,BACK-FILE,BACK-INO,BACK-MAJ:MIN']);
  // nothing at all where there is none
  const listed = stdout === '' ? [] : (JSON.parse(stdout) as { loopdevices: ListedLoop[] }).loopdevices;
  return listed.map((loop) => {
    const [number, inode] = [loop['back-maj:min']?.trim(), loop['back-ino']];
    return {
      name: loop.name.replace('/dev/', ''),
      backingPath: loop['back-file'] ?? '',
      backingIdentity: number === undefined || inode === null ? undefined : `${number}/${inode}`,
    };
  });
}

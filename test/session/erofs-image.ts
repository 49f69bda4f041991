// EROFS images of folders: bases that hold no system, and disks of guests.
import { locateRuntime } from '../../src/session/host/runtime.ts';
import { run } from '../../src/sync/process.ts';

/** Makes an image of all that is in a folder. */
export async function makeErofs(dir: string, image: string): Promise<void> {
  const { mkfsErofsPath } = await locateRuntime();
  await run(mkfsErofsPath, ['--quiet', image, dir]);
}

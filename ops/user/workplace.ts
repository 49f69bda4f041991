// The folder that a command of ops works in: held by a lock while it runs, so that the next one knows what a killed one left.
import { existsSync, mkdtempSync } from 'node:fs';
import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { releaseDevice } from '../../src/session/pod/release.ts';
import { tryLock } from '../../src/sync/posix/flock.ts';

const PARENT = process.env.TMPDIR ?? '/var/tmp';
const LOCK_NAME = 'lock';
const DEVICE_NAME = 'stick.img';
const NEW_DEVICE_NAME = 'new-stick.img';

/** A folder on disk for one run. */
export interface Workplace {
  readonly dir: string;
  readonly device: string;
  readonly newDevice: string;
  /** Ends what still runs from its devices, and removes the folder. */
  clear(): Promise<void>;
}

/** Makes a folder, its name beginning with `prefix`, that this process holds until it is cleared or the process ends. */
export function makeWorkplace(prefix: string): Workplace {
  const dir = mkdtempSync(join(PARENT, prefix));
  const lock = tryLock(join(dir, LOCK_NAME));
  if (lock === undefined) throw new Error(`${dir}: another run took it away`);
  return {
    dir,
    device: join(dir, DEVICE_NAME),
    newDevice: join(dir, NEW_DEVICE_NAME),
    async clear() {
      await clear(dir);
      lock.release();
    },
  };
}

/** Clears the folders of this user's runs that were killed, with all that still ran from them. */
export async function clearAbandoned(prefix: string): Promise<void> {
  for (const name of await readdir(PARENT)) {
    if (!name.startsWith(prefix)) continue;
    const dir = join(PARENT, name);
    const lockFile = join(dir, LOCK_NAME);
    // Others may put anything at such a name: what lies in a folder of their own is theirs.
    const found = await lstat(dir);
    if (!found.isDirectory() || found.uid !== process.getuid?.() || !existsSync(lockFile)) continue;
    const lock = tryLock(lockFile);
    if (lock === undefined) continue;
    await clear(dir);
    lock.release();
  }
}

async function clear(dir: string): Promise<void> {
  if (process.getuid?.() === 0) {
    for (const name of [NEW_DEVICE_NAME, DEVICE_NAME]) await releaseDevice(join(dir, name));
  }
  await rm(dir, { recursive: true, force: true });
}

// The data of a measurement: a part of this Debian, a generated tree of 20,000 files of all sorts, and what programs at
// work leave.
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setXattr } from '../../src/sync/posix/xattr.ts';
import { run } from '../../src/sync/process.ts';
import { makeProfile, type RunningDesktop } from './processes.ts';

const FILES = 20_000;
const FILES_PER_FOLDER = 200;
const DEBIAN = ['/usr/bin', '/usr/share/doc', '/usr/share/locale', '/usr/lib/python3'];

/** Makes the data in `dir`, which must be there and empty. `desktop` is one whose images are a part of it. */
export async function makeData(dir: string, desktop: RunningDesktop): Promise<void> {
  await makeProfile(join(dir, 'browser'));
  await desktop.dump(join(dir, 'images', '1'));
  for (const folder of DEBIAN)
    await run('cp', ['-a', folder, join(dir, folder.replaceAll('/', '-').slice(1))]);
  for (let i = 0; i < FILES; i++) {
    const folder = join(dir, 'generated', String(Math.floor(i / FILES_PER_FOLDER)));
    if (i % FILES_PER_FOLDER === 0) await mkdir(folder, { recursive: true });
    const path = join(folder, `file-${i}`);
    // half of it random, half of it text; from nothing to some 16 KiB
    const bytes = Buffer.concat([randomBytes((i * 37) % 8192), Buffer.alloc((i * 53) % 8192, `line ${i}\n`)]);
    await writeFile(path, bytes);
    if (i % 100 === 1) await link(path, `${path}-again`);
    if (i % 100 === 2) setXattr(path, 'user.comment', Buffer.from(`file ${i}`));
  }
  for (let i = 0; i < 3; i++) await writeFile(join(dir, `large-${i}`), randomBytes(20_000_000));
  const sparse = await open(join(dir, 'sparse'), 'w');
  await sparse.write(Buffer.from('end'), 0, 3, 200_000_000);
  await sparse.close();
}

/** Changes one file in a hundred, and has the desktop's images of a later time. */
export async function changeData(dir: string, desktop: RunningDesktop): Promise<void> {
  await rm(join(dir, 'images'), { recursive: true });
  await desktop.dump(join(dir, 'images', '2'));
  for (let i = 0; i < FILES; i += 100) {
    const folder = join(dir, 'generated', String(Math.floor(i / FILES_PER_FOLDER)));
    await writeFile(join(folder, `file-${i}`), randomBytes(8192));
  }
}

// The data of a measurement: a part of this Debian, and a generated tree of 20,000 files of all sorts.
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setXattr } from '../../src/sync/posix/xattr.ts';
import { run } from '../../src/sync/process.ts';

const FILES = 20_000;
const FILES_PER_FOLDER = 200;
const DEBIAN = ['/usr/bin', '/usr/share/doc', '/usr/share/locale', '/usr/lib/python3'];

/** Makes the data in `dir`, which must be there and empty. */
export async function makeData(dir: string): Promise<void> {
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

/** Changes one file in a hundred. */
export async function changeData(dir: string): Promise<void> {
  for (let i = 0; i < FILES; i += 100) {
    const folder = join(dir, 'generated', String(Math.floor(i / FILES_PER_FOLDER)));
    await writeFile(join(folder, `file-${i}`), randomBytes(8192));
  }
}

// Erasing a device by --force is asked about: without a terminal only --yes answers.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { confirmErasing } from '../../src/cli/confirm.ts';
import { openTreeLab, type TreeLab } from './tree-lab.ts';

const run = promisify(execFile);

describe('--force over an image file that something is on', () => {
  let lab: TreeLab;
  let image: string;
  beforeEach(async () => {
    lab = await openTreeLab();
    image = join(lab.temp, 'drive.img');
    await writeFile(image, '');
    await truncate(image, 4 * 1024 * 1024);
    await run('/usr/sbin/mkfs.ext4', ['-q', '-L', 'photos', image]);
  });
  afterEach(async () => {
    await lab.close();
  });

  it('needs --yes where there is no terminal, and names what is there', async () => {
    const before = await readFile(image);
    const restore = ['restore', '--from', lab.home, '--to', image, '--force'];
    const twin = ['home', 'add', image, '--force', ...lab.at];
    // as a user has it, whose PATH does not lead to the programs that look at drives
    const program = lab.program.with({ env: { PATH: '/usr/bin:/bin' } });
    for (const command of [restore, ['create', image, '--force'], twin]) {
      const { message, hint, details } = await program.failure('USAGE', command);
      assert.match(message, /ext4 "photos"/);
      assert.match(hint ?? '', /--yes/);
      assert.deepEqual(details, { path: image, contents: 'ext4 "photos"' });
    }
    assert.ok(before.equals(await readFile(image)));
    // With it, the command goes on to what else is missing.
    await lab.program.failure('HOME_NOT_FOUND', [...restore, '--yes']);
  });

  it('is asked about at a terminal, and nothing but the name goes on', async () => {
    const before = await readFile(image);
    const { DESKPOD_PASSPHRASE_FILE: _none, ...env } = process.env;
    const answered = async (answer: string) => {
      const program = new URL('../../bin/deskpod', import.meta.url).pathname;
      const command = `${program} restore --from ${lab.home} --to ${image} --force --passphrase-file ${join(lab.temp, 'passphrase')}`;
      const script = promisify(execFile)('script', ['-qec', command, '/dev/null'], { env });
      script.child.stdin?.end(answer);
      return script.then(
        ({ stdout }) => ({ code: 0, stdout }),
        ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
      );
    };
    const refused = await answered('yes\n');
    assert.equal(refused.code, 130, refused.stdout);
    assert.match(refused.stdout, /will be erased: .*ext4 "photos"/);
    assert.equal((await answered('drive.img\n')).code, 20);
    assert.ok(before.equals(await readFile(image)));
  });

  it('is not asked about where nothing was written, or of a folder', async () => {
    const blank = join(lab.temp, 'blank.img');
    await writeFile(blank, '');
    await truncate(blank, 1024 * 1024);
    const folder = join(lab.temp, 'folder');
    await mkdir(folder);
    for (const path of [blank, folder, join(lab.temp, 'none')]) await confirmErasing(path, { force: true });
    await confirmErasing(image, {});
  });
});

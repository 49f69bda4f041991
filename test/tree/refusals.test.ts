// Bad input to a tree pod: each is refused with a code and an exit status of its own, and nothing is changed.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StatusReport } from '../../src/session/operation/operations.ts';
import { run } from '../../src/sync/process.ts';
import { WITHOUT_OVERRIDE } from '../as-root.ts';
import { assertSameFiles, openTreeLab, type TreeLab } from './tree-lab.ts';

describe('a tree pod refuses', () => {
  let lab: TreeLab;
  beforeEach(async () => {
    lab = await openTreeLab();
  });
  afterEach(async () => {
    await lab.close();
  });

  it('a wrong passphrase, with status 12', async () => {
    const wrong = join(lab.temp, 'wrong');
    await writeFile(wrong, 'not this one');
    await lab.program.failure('PASSPHRASE_WRONG', ['status', ...lab.at, '--passphrase-file', wrong]);
    assert.equal((await lab.program.run(['status', ...lab.at, '--passphrase-file', wrong])).status, 12);
  });

  it('a missing passphrase, with status 11', async () => {
    const without = lab.program.with({ env: { DESKPOD_PASSPHRASE_FILE: undefined } });
    await without.failure('PASSPHRASE_MISSING', ['status', ...lab.at]);
    const empty = join(lab.temp, 'empty');
    await writeFile(empty, '\n');
    await lab.program.failure('PASSPHRASE_MISSING', ['status', ...lab.at, '--passphrase-file', empty]);
    await lab.program.failure('PASSPHRASE_MISSING', ['status', ...lab.at, '--passphrase-file', lab.home]);
    assert.equal((await without.run(['status', ...lab.at])).status, 11);
  });

  it('a path where no pod is, with status 10', async () => {
    const folder = join(lab.temp, 'folder');
    await mkdir(folder);
    await lab.program.failure('POD_NOT_FOUND', ['status', '-d', folder]);
    assert.deepEqual(await readdir(folder), []);
    await lab.program.failure('DEVICE_NOT_FOUND', ['status', '-d', join(lab.temp, 'nothing')]);
    await lab.program.failure('POD_NOT_FOUND', ['create', '--tree', join(lab.temp, 'nothing')]);
    assert.equal((await lab.program.run(['status', '-d', folder])).status, 10);
    const half = join(folder, '.deskpod');
    await mkdir(half);
    await lab.program.failure('POD_NOT_FOUND', ['status', '-d', folder]);
  });

  it('to be made a second time, with status 14', async () => {
    await lab.program.failure('POD_EXISTS', ['create', '--tree', lab.dir]);
    assert.equal((await lab.program.answer<StatusReport>(['status', ...lab.at])).podId, lab.podId);
  });

  it('a home within itself, also through a link, with status 2', async () => {
    await symlink(lab.dir, join(lab.temp, 'link'));
    for (const home of [lab.dir, join(lab.dir, 'home'), join(lab.temp, 'link', 'home')])
      await lab.program.failure('USAGE', ['home', 'add', home, ...lab.at]);
    assert.deepEqual((await readdir(lab.dir)).sort(), ['.deskpod', 'folder', 'letter.txt']);
    assert.deepEqual((await lab.program.answer<StatusReport>(['status', ...lab.at])).homes, []);
    await lab.program.answer(['home', 'add', `${lab.dir}-home`, ...lab.at]);
  });

  it('what only a session can do, with status 2', async () => {
    await lab.program.failure('USAGE', ['suspend', ...lab.at]);
    await lab.program.failure('USAGE', ['exec', ...lab.at, '--', 'true']);
    await lab.program.failure('USAGE', ['install', 'bc', ...lab.at]);
    await lab.program.failure('USAGE', ['view', ...lab.at]);
  });

  it('a second process at the same time, with status 13, and nothing is harmed', async () => {
    const hooksDir = join(lab.temp, 'hooks.d');
    await mkdir(hooksDir);
    const hook = join(hooksDir, 'before-checkpoint');
    // holds the pod for as long as this takes
    await writeFile(hook, '#!/bin/sh\necho >"$0.reached"\nread _ <"$0.release"\n', { mode: 0o700 });
    await run('mkfifo', [`${hook}.reached`, `${hook}.release`]);
    const first = lab.program.with({ env: { DESKPOD_HOOKS: hooksDir } }).start(['checkpoint', ...lab.at]);
    await readFile(`${hook}.reached`);
    const { details } = await lab.program.failure('POD_BUSY', ['status', ...lab.at]);
    assert.equal(details.pid, first.pid);
    await lab.program.failure('POD_BUSY', ['checkpoint', ...lab.at]);
    await lab.program.failure('POD_BUSY', ['create', '--tree', lab.dir]);
    await writeFile(`${hook}.release`, '\n');
    assert.equal((await first.ended).status, 0);
    assert.equal(await lab.checkpoint(), 2);
  });

  for (const [what, path] of [
    ['file', 'letter.txt'],
    ['folder', 'folder'],
  ] as const) {
    it(`to checkpoint while a ${what} cannot be read, which would look deleted`, async () => {
      await lab.checkpoint();
      await chmod(join(lab.dir, path), 0);
      const { details } = await lab.program
        .with({ through: WITHOUT_OVERRIDE })
        .failure('SOURCE_UNREADABLE', ['checkpoint', ...lab.at]);
      assert.equal(details.path, join(lab.dir, path));
      const status = await lab.program.answer<StatusReport>(['status', ...lab.at]);
      assert.equal(status.lastCheckpoint?.number, 1);
      await chmod(join(lab.dir, path), 0o700);
      assert.equal(await lab.checkpoint(), 2);
    });
  }

  it('a restore of what home does not have', async () => {
    await lab.program.failure('HOME_NOT_FOUND', lab.restoreTo('back'));
    await lab.bringHome();
    await lab.program.failure('CHECKPOINT_NOT_FOUND', [...lab.restoreTo('back'), '--checkpoint', '7']);
    assert.equal(existsSync(join(lab.temp, 'back')), false);
    await lab.program.failure('POD_NOT_FOUND', [...lab.restoreTo('back'), '--pod', 'ffff']);
    await lab.program.failure('USAGE', ['restore', '--from', 'home:relative', '--list']);
    await lab.program.answer(lab.restoreTo('back'));
    await assertSameFiles(join(lab.temp, 'back'), lab.dir);
  });

  it('a restore with a wrong key, and takes the right one at the same place', async () => {
    await lab.bringHome();
    const wrong = join(lab.temp, 'wrong');
    await writeFile(wrong, 'not this one');
    await lab.program.failure('PASSPHRASE_WRONG', [...lab.restoreTo('back'), '--passphrase-file', wrong]);
    await lab.program.failure('KEYRING_NO_IDENTITY', [
      ...lab.restoreTo('back'),
      '--recovery-key-file',
      wrong,
    ]);
    await lab.program.answer(lab.restoreTo('back'));
    await assertSameFiles(join(lab.temp, 'back'), lab.dir);
  });

  it('a restore over what is there already, unless it is forced', async () => {
    await lab.bringHome();
    const taken = join(lab.temp, 'taken');
    await mkdir(taken);
    await writeFile(join(taken, 'mine.txt'), 'mine');
    await lab.program.failure('TARGET_NOT_EMPTY', lab.restoreTo('taken'));
    assert.deepEqual(await readdir(taken), ['mine.txt']);
    await lab.program.failure('TARGET_NOT_EMPTY', lab.restoreTo('pod'));
    await lab.program.answer([...lab.restoreTo('taken'), '--force']);
    const { hint } = await lab.program.failure('POD_EXISTS', [...lab.restoreTo('taken'), '--force']);
    assert.match(hint ?? '', /another folder/);
    assert.deepEqual((await readdir(taken)).sort(), ['.deskpod', 'folder', 'letter.txt', 'mine.txt']);
  });
});

// Making a desktop pod where it cannot be, and starting what is none: refused with a code, and nothing is harmed.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../src/sync/process.ts';
import { DesktopLab } from './desktop-lab.ts';

describe('a desktop pod', () => {
  let lab: DesktopLab;
  beforeEach(async () => {
    lab = await DesktopLab.open();
  });
  afterEach(async () => {
    await lab.close();
  });

  const create = (path: string, ...more: string[]) => ['create', path, '--no-runtime', ...more];

  it('is made on a new image file by deskpod create, and tells its state', async () => {
    const created = await lab.program.answer<{ podId: string; recoveryKey: string; sizeBytes: number }>(
      create(lab.image, '--size', '700M', '--name', 'desk'),
    );
    await lab.stage();
    assert.equal(created.sizeBytes, 700 * 2 ** 20);
    const status = await lab.status();
    assert.equal(status.podId, created.podId);
    assert.deepEqual([status.name, status.kind, status.base], ['desk', 'desktop', status.base]);
    assert.deepEqual(status.session, { status: 'none' });
    await lab.program.failure('POD_EXISTS', create(lab.image));
    assert.equal((await lab.status()).podId, created.podId);
  });

  it('is not made on a device that is too small for its base, and leaves no file', async () => {
    for (const size of ['1M', '100M', '200M']) {
      const failed = await lab.program.run(['--json', ...create(lab.image, '--size', size)]);
      assert.match(failed.stdout, /"code":"(DEVICE_TOO_SMALL|DEVICE_FULL|SPACE_EXHAUSTED)"/, size);
      assert.equal(failed.status, 22);
      assert.equal(existsSync(lab.image), false, size);
    }
  });

  it('is not made without a size where there is no file yet, nor in a folder that is not there', async () => {
    await lab.program.failure('USAGE', create(lab.image));
    assert.equal(existsSync(lab.image), false);
    await lab.program.failure('DEVICE_NOT_FOUND', create(join(lab.dir, 'none', 'pod.img'), '--size', '1G'));
    await lab.program.failure('DEVICE_NOT_FOUND', create('/dev/deskpod-none', '--size', '1G'));
  });

  it('is not made of a base that is not there', async () => {
    await lab.program.failure('BASE_NOT_FOUND', create(lab.image, '--size', '1G', '--base', 'none'));
    assert.equal(existsSync(lab.image), false);
  });

  it('is not made over what is there already, nor on what is in use', async () => {
    await run('truncate', ['-s', '700M', lab.image]);
    await run('mkfs.ext4', ['-q', '-L', 'photos', lab.image]);
    const before = await readFile(lab.image);
    const { message } = await lab.program.failure('TARGET_NOT_EMPTY', create(lab.image));
    assert.match(message, /photos/);
    const { stdout: loop } = await run('losetup', ['--find', '--show', lab.image]);
    try {
      await lab.program.failure('DEVICE_IN_USE', create(lab.image, '--force', '--yes'));
    } finally {
      await run('losetup', ['--detach', loop.trim()]);
    }
    assert.ok(before.equals(await readFile(lab.image)));
  });

  it('is not started from what is no pod, with a wrong passphrase, or without one', async () => {
    const file = join(lab.dir, 'letter.txt');
    await writeFile(file, 'a letter\n');
    await lab.program.failure('DEVICE_NOT_A_POD', ['start', file, '--no-view']);
    await lab.program.failure('DEVICE_NOT_FOUND', ['start', lab.image, '--no-view']);
    await lab.create();
    const wrong = join(lab.dir, 'wrong');
    await writeFile(wrong, 'not this one');
    await lab.program.failure('PASSPHRASE_WRONG', ['start', lab.image, '--passphrase-file', wrong]);
    await lab.program
      .with({ env: { DESKPOD_PASSPHRASE_FILE: undefined } })
      .failure('PASSPHRASE_MISSING', ['start', lab.image]);
    await lab.program.failure('SESSION_NOT_RUNNING', ['suspend', ...lab.at()]);
    await lab.program.failure('SESSION_NOT_RUNNING', ['stop', ...lab.at()]);
    await lab.program.failure('SESSION_NOT_RUNNING', ['exec', ...lab.at(), '--', 'true']);
    await lab.program.failure('CHECKPOINT_NOT_FOUND', ['start', lab.image, '--resume']);
    assert.deepEqual((await lab.status()).session, { status: 'none' });
  });
});

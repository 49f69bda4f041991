// Looking into the checkpoints of a pod while its session runs: through the supervisor, which goes on with its work.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DesktopLab } from './desktop-lab.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/deskpod', import.meta.url));

describe('looking into checkpoints of a desktop pod', () => {
  let lab: DesktopLab;
  beforeEach(async () => {
    lab = await DesktopLab.open();
    await lab.create();
  });
  afterEach(async () => {
    await lab.close();
  });

  it('works while its session runs, keeps no suspend waiting, and works without a session', async () => {
    await lab.start();
    await lab.shell('echo one > ~/note; head -c 40000000 /dev/urandom > ~/large');
    await lab.program.answer(['checkpoint', ...lab.at()]);
    await lab.shell('echo two > ~/note');
    await lab.program.answer(['checkpoint', ...lab.at()]);
    const { paths } = await lab.program.answer<{ paths: { path: string; versions: object[] }[] }>([
      ...['find', 'note', ...lab.at()],
    ]);
    const [note] = paths;
    assert.equal(note?.versions.length, 2);
    const path = note?.path ?? '';
    assert.equal((await lab.program.run(['cat', '1', path, ...lab.at()])).stdout, 'one\n');
    const into = join(lab.dir, 'into');
    const command = [
      'restore',
      ...lab.at(),
      '--into',
      into,
      '--include',
      `/${path}`,
      '--checkpoint',
      '1',
      '--verify',
    ];
    const { verifiedFiles } = await lab.program.answer<{ verifiedFiles: number }>(command);
    assert.equal(verifiedFiles, 1);
    assert.equal(await readFile(join(into, path), 'utf8'), 'one\n');
    // nobody takes what this one reads
    const stuck = spawn(PROGRAM, ['cat', 'latest', join(path, '..', 'large'), ...lab.at()], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    try {
      await once(stuck.stdout, 'readable');
      const { number } = await lab.program.answer<{ number: number }>(['suspend', ...lab.at()]);
      assert.equal(number, 3);
    } finally {
      stuck.kill('SIGKILL');
    }
    assert.equal((await lab.program.run(['cat', 'latest', path, ...lab.at()])).stdout, 'two\n');
  });
});

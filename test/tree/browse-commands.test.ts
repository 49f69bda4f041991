// The commands that look into checkpoints and restore files, as a user and a program see them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assertSameFiles, openTreeLab, type TreeLab } from './tree-lab.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/deskpod', import.meta.url));

describe('looking into checkpoints of a tree pod', () => {
  let lab: TreeLab;
  beforeEach(async () => {
    lab = await openTreeLab();
  });
  afterEach(async () => {
    await lab.close();
  });

  it('lists, shows and compares, for people and for programs', async () => {
    await writeFile(Buffer.concat([Buffer.from(join(lab.dir, 'bell\x07-')), Buffer.of(0xe9)]), 'x');
    await lab.checkpoint();
    await writeFile(join(lab.dir, 'letter.txt'), 'another letter\n');
    await lab.checkpoint();
    const listed = await lab.program.run(['ls', ...lab.at]);
    assert.equal(listed.status, 0, listed.stderr);
    assert.match(listed.stdout, /^-rw.* bell\\x07-\\xe9\ndrwx.* folder\n-rw.* 15 .* letter\.txt\n$/);
    const { entries } = await lab.program.answer<{ entries: { pathBase64?: string }[] }>([
      'ls',
      '1',
      '',
      ...lab.at,
    ]);
    const [odd] = entries;
    const shown = await lab.program.run(['cat', '1', odd?.pathBase64 ?? '', '--base64', ...lab.at]);
    assert.deepEqual([shown.stdout, shown.status], ['x', 0]);
    const { changes, contentChanged } = await lab.program.answer<{
      changes: { path: string }[];
      contentChanged: number;
    }>(['diff', '1', '2', ...lab.at]);
    assert.deepEqual([changes.map(({ path }) => path), contentChanged], [['letter.txt'], 1]);
    await lab.program.failure('PATH_NOT_FOUND', ['ls', '1', 'nothing', ...lab.at]);
  });

  it('ends quietly when its reader has seen enough', async () => {
    await writeFile(join(lab.dir, 'large'), randomBytes(8_000_000));
    await lab.checkpoint();
    const command = `"$0" cat latest large -d "$1" | head -c 5 | wc -c; echo "\${PIPESTATUS[0]}"`;
    const env = { ...process.env, DESKPOD_PASSPHRASE_FILE: join(lab.temp, 'passphrase') };
    const { stdout, stderr } = spawnSync('bash', ['-c', command, PROGRAM, lab.dir], {
      encoding: 'utf8',
      env,
    });
    assert.deepEqual([stdout, stderr], ['5\n0\n', '']);
  });

  it('restores files from home, goes on after it was killed, and leaves other files alone', async () => {
    for (let i = 0; i < 40; i++) await writeFile(join(lab.dir, `file-${i}`), randomBytes(500_000));
    await lab.bringHome();
    const into = join(lab.temp, 'into');
    const command = ['restore', '--from', lab.home, '--into', into];
    const first = lab.program.start(command);
    await first.progress(({ step, doneBytes = 0 }) => step === 'writing files' && doneBytes > 2_000_000);
    first.kill();
    await first.ended;
    await lab.program.failure('TARGET_NOT_EMPTY', command);
    const report = await lab.program.answer<{ verifiedFiles: number; writtenBytes: number; bytes: number }>([
      ...command,
      '--overwrite',
      '--verify',
    ]);
    assert.equal(report.verifiedFiles, 42);
    assert.ok(report.writtenBytes < report.bytes, JSON.stringify(report));
    await assertSameFiles(into, lab.dir);
    await rm(join(into, 'folder'), { recursive: true });
    await writeFile(join(into, 'mine'), 'mine');
    await mkdir(join(into, 'letter'));
    const again = await lab.program.run([...command, '--overwrite', '--include', '/folder']);
    assert.equal(again.status, 0, again.stderr);
    assert.match(again.stdout, /1 files .*: 2 entries made, 0 replaced, 0 described anew, 0 left/);
    assert.equal(await readFile(join(into, 'mine'), 'utf8'), 'mine');
  });
});

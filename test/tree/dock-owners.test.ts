// A dock that root runs, at homes and with pods of others: what it brings and leaves is theirs, and it holds no drive of theirs.
import assert from 'node:assert/strict';
import { lstat, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../src/sync/process.ts';
import { describeAsRoot } from '../as-root.ts';
import { DockLab } from './dock-lab.ts';

const [HOME_OWNER, POD_OWNER] = [41_001, 41_002];

describeAsRoot('a dock of root', () => {
  let lab: DockLab;
  beforeEach(async () => {
    lab = await DockLab.open();
  });
  afterEach(() => lab.close());

  async function ownersBelow(dir: string): Promise<number[]> {
    const paths = [dir, ...(await readdir(dir, { recursive: true })).map((name) => join(dir, name))];
    return [...new Set(await Promise.all(paths.map(async (path) => (await lstat(path)).uid)))];
  }

  it('leaves what it brings to whom home belongs, and what it writes on the drive to whom the pod does', async () => {
    const { dir, home } = lab.tree;
    await lab.tree.write('pod', 'second');
    await run('chown', ['-R', `${HOME_OWNER}:${HOME_OWNER}`, home]);
    await run('chown', ['-R', `${POD_OWNER}:${POD_OWNER}`, dir]);
    const former = process.umask(0o077);
    try {
      assert.equal((await lab.dock()).step, 'backed-up');
    } finally {
      process.umask(former);
    }
    assert.ok((await readdir(join(dir, '.deskpod'))).includes('deskpod.note'));
    assert.deepEqual(await ownersBelow(home), [HOME_OWNER]);
    assert.deepEqual(await ownersBelow(dir), [POD_OWNER]);
  });

  it('lets go of the drives that one which was killed had a view of, and touches nothing on them', async () => {
    const [drive, view] = [join(lab.tree.temp, 'drive'), '/run/deskpod/views/0123456789abcdef'];
    await mkdir(drive);
    await writeFile(join(drive, 'letter.txt'), 'a letter');
    await mkdir(view, { recursive: true });
    await run('mount', ['--bind', '--make-private', drive, view]);
    await writeFile(`${view}.lock`, '');
    assert.equal((await lab.dock()).step, 'backed-up');
    assert.doesNotMatch(await readFile('/proc/self/mounts', 'utf8'), new RegExp(view));
    assert.ok(!(await readdir('/run/deskpod/views')).some((name) => view.includes(name.slice(0, 16))));
    assert.equal(await readFile(join(drive, 'letter.txt'), 'utf8'), 'a letter');
  });
});

// A restore onto a drive that is full, wherever it comes to that: a tmpfs that is let grow, which needs root.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeskPodError } from '../../src/core/errors.ts';
import { noise } from '../sync/retention/prune-lab.ts';
import { requireWholeHome, requireWholePod } from '../tree/faults/whole.ts';
import { filesBelow, openTreeLab, type TreeLab } from '../tree/tree-lab.ts';

const FILE_BYTES = 300_000;
const FILE_COUNT = 4;
/** From not even a folder to all but the last file; packs and files together take 2.4 MB. */
const SIZES_KIB = [8, 400, 1300, 1900];

describe('a restore onto a drive that is full', () => {
  let lab: TreeLab;
  let back: string;
  beforeEach(async () => {
    lab = await openTreeLab();
    back = join(lab.temp, 'back');
    mkdirSync(back);
    for (let i = 0; i < FILE_COUNT; i++)
      writeFileSync(join(lab.dir, `file ${i}`), noise(FILE_BYTES, `file ${i}`));
    await lab.bringHome();
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZES_KIB[0]}k`, 'tmpfs', back]);
  });
  afterEach(async () => {
    execFileSync('umount', [back]);
    rmSync(back, { recursive: true });
    await lab.close();
  });

  it('says so, harms no home, and goes on with what had come whenever there is more room', async () => {
    const sealed = new Map([[1, await filesBelow(lab.dir)]]);
    let came = new Map<string, number>();
    for (const sizeKiB of SIZES_KIB) {
      execFileSync('mount', ['-o', `remount,size=${sizeKiB}k`, back]);
      await assert.rejects(lab.restoreHere('back', {}), (error) => {
        assert.ok(isDeskPodError(error, 'SPACE_EXHAUSTED'), `${sizeKiB} KiB: ${error}`);
        assert.ok(error.hint);
        return true;
      });
      assert.ok(await requireWholeHome(lab.home, lab.podId, sealed));
      for (const [path, inode] of came) assert.equal(packsIn(back).get(path), inode, 'fetched again');
      came = packsIn(back);
    }
    assert.ok(came.size > 0);
    execFileSync('mount', ['-o', 'remount,size=16m', back]);
    await lab.restoreHere('back', {});
    for (const [path, inode] of came) assert.equal(packsIn(back).get(path), inode, 'fetched again');
    await requireWholePod(back, sealed);
    assert.deepEqual(await filesBelow(back), sealed.get(1));
  });
});

/** The inodes of the packs of a pod. */
function packsIn(dir: string): Map<string, number> {
  const packs = join(dir, '.deskpod', 'repository', 'packs');
  const found = statSync(packs, { throwIfNoEntry: false })
    ? readdirSync(packs, { recursive: true, encoding: 'utf8' })
    : [];
  const whole = found.filter((path) => /^..\/[0-9a-f]{64}\.age$/.test(path));
  return new Map(whole.map((path) => [path, statSync(join(packs, path)).ino]));
}

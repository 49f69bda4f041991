// A restore that was interrupted, and then another one to the same place: nothing of the first gets into the second.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Progress } from '../../src/core/progress.ts';
import { operate } from '../../src/session/operation/operate.ts';
import { type RestorePlan, restorePod } from '../../src/session/pod/restore-pod.ts';
import { createTree } from '../../src/sync/pod/tree.ts';
import { assertSameFiles, openTreeLab, PASSPHRASE, type TreeLab } from './tree-lab.ts';

const SETTINGS = { passphrase: async () => PASSPHRASE, onProgress: () => undefined };

describe('a restore to where another one was interrupted', () => {
  let lab: TreeLab;
  let target: string;
  beforeEach(async () => {
    lab = await openTreeLab();
    target = join(lab.temp, 'new');
    await lab.bringHome();
  });
  afterEach(async () => {
    await lab.close();
  });

  const restore = (what: Partial<RestorePlan>) =>
    restorePod({
      ...{ from: lab.home, credential: { passphrase: PASSPHRASE }, target, isForced: false },
      onProgress: () => undefined,
      ...what,
    });
  /** Ends a restore when all its files are written. */
  const interrupt = async (what: Partial<RestorePlan>): Promise<void> => {
    const onProgress = ({ doneFiles = 0, totalFiles = 0 }: Progress): void => {
      if (totalFiles > 0 && doneFiles === totalFiles) throw new Error('interrupted');
    };
    await assert.rejects(restore({ ...what, onProgress }), /interrupted/);
  };
  const packsBelow = async (dir: string): Promise<string[]> =>
    (await readdir(join(dir, 'packs'), { recursive: true })).filter((name) => name.endsWith('.age')).sort();

  it('has no file of another checkpoint', async () => {
    await writeFile(join(lab.dir, 'later.txt'), 'later\n');
    await lab.checkpoint();
    await lab.sync();
    await interrupt({});
    await restore({ checkpoint: 1 });
    assert.deepEqual((await readdir(target)).sort(), ['.deskpod', 'folder', 'letter.txt']);
  });

  it('has no object of another pod, and sends none home', async () => {
    const dir = join(lab.temp, 'other');
    await mkdir(dir);
    await writeFile(join(dir, 'noise'), randomBytes(100_000));
    const { podId } = await createTree({ dir, name: 'other', passphrase: PASSPHRASE, workFactor: 2 });
    await operate(dir, 'home-add', { url: lab.home }, SETTINGS);
    await operate(dir, 'checkpoint', {}, SETTINGS);
    await operate(dir, 'sync', {}, SETTINGS);
    await interrupt({ podId });
    await restore({ podId: lab.podId });
    await assertSameFiles(target, lab.dir);
    const atHome = join(lab.home, 'pods', lab.podId);
    const repository = join(target, '.deskpod', 'repository');
    assert.deepEqual(await packsBelow(repository), await packsBelow(atHome));
    assert.equal((await readdir(join(repository, 'keyrings'))).length, 1);
    await operate(target, 'checkpoint', {}, SETTINGS);
    await operate(target, 'sync', {}, SETTINGS);
    const verify = { depth: 'data', isHealing: false, isGivingUp: false } as const;
    for (const home of [undefined, lab.home]) {
      const { damage, faults } = await operate(
        target,
        'verify',
        { ...verify, ...(home === undefined ? {} : { home }) },
        SETTINGS,
      );
      assert.deepEqual([damage, faults], [[], []]);
    }
  });
});

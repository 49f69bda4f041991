// A restore that was interrupted, and then another one to the same place: nothing of the first gets into the second.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Progress } from '../../src/core/progress.ts';
import { operate } from '../../src/session/operation/operate.ts';
import { type RestorePlan, restorePod } from '../../src/session/pod/restore-pod.ts';
import { createTree } from '../../src/sync/pod/tree.ts';
import { assertSameFiles, filesBelow, openTreeLab, PASSPHRASE, type TreeLab } from './tree-lab.ts';

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

  it('is told by its note, which the first opening takes away if a kill left it beside the marker', async () => {
    const note = join(target, '.deskpod', 'restoring');
    await interrupt({});
    assert.ok(existsSync(note));
    await restore({});
    assert.ok(!existsSync(note));
    await writeFile(note, '');
    await operate(target, 'status', {}, SETTINGS);
    assert.ok(!existsSync(note));
  });

  it('is no pod whose marker is missing: what was never synced stays, whatever is forced', async () => {
    await lab.write('pod', 'never synced\n');
    await rm(join(lab.dir, '.deskpod', 'deskpod.pod'));
    const [files, objects] = [await filesBelow(lab.dir), await filesBelow(join(lab.dir, '.deskpod'))];
    for (const isForced of [false, true])
      await assert.rejects(restore({ target: lab.dir, isForced }), { code: 'POD_EXISTS' });
    assert.deepEqual(await filesBelow(lab.dir), files);
    assert.deepEqual(await filesBelow(join(lab.dir, '.deskpod')), objects);
  });

  it('is no folder of files with an empty folder for a pod', async () => {
    await mkdir(join(target, '.deskpod'), { recursive: true });
    await writeFile(join(target, 'letter.txt'), 'of somebody\n');
    await assert.rejects(restore({}), { code: 'TARGET_NOT_EMPTY' });
    assert.equal(await readFile(join(target, 'letter.txt'), 'utf8'), 'of somebody\n');
    await rm(join(target, 'letter.txt'));
    await restore({});
    await assertSameFiles(target, lab.dir);
  });
});

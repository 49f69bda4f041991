// Packs of captures that never became a checkpoint: the next checkpoint names them, once.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { captureInto } from '../../src/sync/pod/seal-checkpoint.ts';
import { openTree, type Tree } from '../../src/sync/pod/tree.ts';
import { assertSameFiles, openTreeLab, PASSPHRASE, type TreeLab } from './tree-lab.ts';

describe('packs of a capture that never became a checkpoint', () => {
  let lab: TreeLab;
  beforeEach(async () => {
    lab = await openTreeLab();
  });
  afterEach(async () => {
    await lab.close();
  });

  const withTree = async <Result>(work: (tree: Tree) => Promise<Result>): Promise<Result> => {
    const tree = await openTree(lab.dir, { passphrase: PASSPHRASE });
    try {
      return await work(tree);
    } finally {
      await tree.close();
    }
  };

  it('are named by the next checkpoint, with their bytes, and by no later one', async () => {
    await lab.checkpoint();
    await writeFile(join(lab.dir, 'folder', 'large'), randomBytes(300_000));
    await withTree(async ({ pod }) => {
      await captureInto(pod.content, join(lab.dir, 'folder'), 'data', {});
      await pod.content.flush();
    });
    await rm(join(lab.dir, 'folder', 'large'));
    const second = await withTree(async (tree) => {
      const { storedBytes } = await tree.checkpoint(() => undefined);
      const { repository, state } = tree.pod;
      const packs = await repository.listObjects('packs');
      assert.deepEqual(state.checkpoints.flatMap((checkpoint) => checkpoint.packs).sort(), packs);
      const [first] = state.checkpoints;
      const own = packs.filter((name) => first?.packs.includes(name) === false);
      let sizeBytes = 0;
      for (const name of own) sizeBytes += await repository.objectSize('packs', name);
      assert.equal(storedBytes, sizeBytes);
      assert.ok(sizeBytes > 300_000);
      return own;
    });
    await withTree(async (tree) => {
      await tree.checkpoint(() => undefined);
      const third = tree.pod.state.checkpoints.at(-1)?.packs ?? [];
      assert.ok(third.every((name) => !second.includes(name)));
    });
  });

  it('serve the next checkpoint, and come home with it', async () => {
    await lab.bringHome();
    await writeFile(join(lab.dir, 'folder', 'large'), randomBytes(300_000));
    await withTree(async ({ pod }) => {
      await captureInto(pod.content, join(lab.dir, 'folder'), 'data', {});
      await pod.content.flush();
    });
    await lab.checkpoint();
    await lab.sync();
    await lab.restoreHere('back', {});
    await assertSameFiles(join(lab.temp, 'back'), lab.dir);
  });
});

// A checkpoint of a watched tree is the one that a scan of everything would make, and scans only when it has to.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, linkSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { createTree, openTree } from '../../../src/sync/pod/tree.ts';
import { WatchedTree } from '../../../src/sync/watch/watched-tree.ts';
import { itAsRoot } from '../../as-root.ts';
import { expectCode } from '../expect-code.ts';
import { applyEdit, edits } from './tree-edits.ts';
import { PASSPHRASE, SILENT, WatchedLab } from './watched-lab.ts';

describe('a watched tree', () => {
  let lab: WatchedLab;
  beforeEach(async () => {
    lab = await WatchedLab.open();
  });
  afterEach(async () => {
    await lab.close();
  });

  itAsRoot('says at each checkpoint what it leaves out, as something else is mounted there', async () => {
    mkdirSync(join(lab.dir, 'a', 'drive'));
    execFileSync('mount', ['-t', 'tmpfs', 'none', join(lab.dir, 'a', 'drive')]);
    const leftOut = async () => (await lab.watched.checkpoint(SILENT)).notCrossed;
    try {
      assert.deepEqual(await leftOut(), ['a/drive']);
      assert.deepEqual(await leftOut(), ['a/drive']);
      for (const name of ['file', 'a/note']) {
        appendFileSync(join(lab.dir, name), 'more');
        assert.deepEqual(await leftOut(), ['a/drive']);
      }
      // the folder around it is another one: all in it is looked at again
      renameSync(join(lab.dir, 'a', 'b'), join(lab.dir, 'a', 'c'));
      assert.deepEqual(await leftOut(), ['a/drive']);
      assert.equal(lab.watched.needsScan, false);
      assert.deepEqual(lab.watched.notCrossed().map(String), ['a/drive']);
    } finally {
      execFileSync('umount', [join(lab.dir, 'a', 'drive')]);
    }
    assert.deepEqual(await leftOut(), []);
  });

  itAsRoot('looks again at what a drive that was full kept it from looking at', async () => {
    const [former, drive] = [lab.watched, join(lab.temp, 'drive')];
    mkdirSync(drive);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16M', 'none', drive]);
    try {
      lab.dir = join(drive, 'tree');
      mkdirSync(lab.dir);
      for (const name of ['file', 'other']) writeFileSync(join(lab.dir, name), name);
      await createTree({ dir: lab.dir, name: 'papers', passphrase: PASSPHRASE, workFactor: 2 });
      lab.watched = await WatchedTree.start(await openTree(lab.dir, { passphrase: PASSPHRASE }));
      await lab.sealed();
      appendFileSync(join(lab.dir, 'other'), 'more');
      linkSync(join(lab.dir, 'file'), join(lab.dir, 'second'));
      assert.throws(() => writeFileSync(join(drive, 'filling'), Buffer.alloc(16 * 2 ** 20)));
      const fillLog = async (): Promise<void> => {
        for (;;) await lab.watched.pod.append({ type: 'noteGap', cause: 'clock' });
      };
      await expectCode('SPACE_EXHAUSTED', fillLog);
      await expectCode('SPACE_EXHAUSTED', () => lab.sealed());
      rmSync(join(drive, 'filling'));
      assert.deepEqual(await lab.sealed(), await lab.scanned());
      assert.equal((await lab.gaps()).at(-1), 'links');
    } finally {
      if (lab.watched !== former) await lab.watched.close();
      lab.watched = former;
      execFileSync('umount', [drive]);
    }
  });

  it('is scanned at first, and not again', async () => {
    assert.equal(lab.watched.needsScan, true);
    assert.deepEqual(await lab.sealed(), await lab.scanned());
    assert.equal(lab.watched.needsScan, false);
    const root = await lab.sealed();
    assert.deepEqual(await lab.sealed(), root);
    assert.deepEqual(await lab.gaps(), ['start']);
  });

  it('has the same manifest as a scan after any edits, and needs one only for unknown names', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(edits, { minLength: 1, maxLength: 12 }), async (batch) => {
        for (const edit of batch) applyEdit(lab.dir, edit);
        assert.deepEqual(await lab.sealed(), await lab.scanned());
      }),
      { numRuns: 40 },
    );
    assert.deepEqual(
      (await lab.gaps()).filter((cause) => cause !== 'start' && cause !== 'links'),
      [],
    );
  });

  it('carries over inodes with several names, and joins to them what comes from outside', async () => {
    mkdirSync(join(lab.temp, 'outside'));
    linkSync(join(lab.dir, 'file'), join(lab.temp, 'outside', 'name'));
    linkSync(join(lab.dir, 'other'), join(lab.dir, 'a', 'second'));
    await lab.sealed();
    writeFileSync(join(lab.dir, 'a', 'note'), 'changed');
    await lab.assertPatched();
    renameSync(join(lab.temp, 'outside'), join(lab.dir, 'inside'));
    await lab.assertPatched();
    renameSync(join(lab.dir, 'a'), join(lab.dir, 'z'));
    await lab.assertPatched();
  });

  it('looks at everything when a file got a second name, as nothing tells which the first is', async () => {
    await lab.sealed();
    linkSync(join(lab.dir, 'file'), join(lab.dir, 'a', 'name'));
    assert.deepEqual(await lab.sealed(), await lab.scanned());
    assert.deepEqual(await lab.gaps(), ['start', 'links']);
    appendFileSync(join(lab.dir, 'file'), 'by one name');
    assert.deepEqual(await lab.sealed(), await lab.scanned());
    rmSync(join(lab.dir, 'file'));
    assert.deepEqual(await lab.sealed(), await lab.scanned());
    assert.deepEqual(await lab.gaps(), ['start', 'links']);
  });

  it('stores what has changed ahead of the checkpoint, which then has nothing to read', async () => {
    await lab.sealed();
    const before = lab.watched.pod.state.packs;
    writeFileSync(join(lab.dir, 'large'), Buffer.alloc(5 * 1024 * 1024, 'large'));
    utimesSync(join(lab.dir, 'large'), 1, 1);
    const { signal } = new AbortController();
    const path = Buffer.from('large');
    assert.equal(
      await lab.watched.readAhead.take([{ path: Buffer.from('file'), isWhole: false }], signal),
      false,
    );
    assert.equal(await lab.watched.readAhead.take([{ path, isWhole: false }], signal), true);
    assert.equal(lab.watched.pod.state.packs, before);
    assert.deepEqual(await lab.sealed(), await lab.scanned());
  });

  it('scans ahead of the first checkpoint if there is time', async () => {
    await lab.watched.reconcile(SILENT);
    appendFileSync(join(lab.dir, 'file'), 'more');
    await lab.assertPatched();
  });

  it('keeps what has changed in mind if a checkpoint fails', async () => {
    await lab.sealed();
    writeFileSync(join(lab.dir, 'new'), 'new');
    const flush = lab.watched.pod.content.flush.bind(lab.watched.pod.content);
    lab.watched.pod.content.flush = () => Promise.reject(new Error('no space'));
    await assert.rejects(lab.sealed(), /no space/);
    lab.watched.pod.content.flush = flush;
    await lab.assertPatched();
  });
});

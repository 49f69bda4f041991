// A checkpoint that looks like a loss because of a mount: what was bound in and is not, and what is mounted over files.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeskPodError } from '../../src/core/errors.ts';
import { createTree, openTree } from '../../src/sync/pod/tree.ts';
import { describeAsRoot } from '../as-root.ts';
import { DOCUMENTS, DoubtfulTree, PASSPHRASE, SILENT, textOf } from './support/doubtful-tree.ts';

describeAsRoot('a checkpoint that looks like a loss because of a mount', () => {
  let made: DoubtfulTree;
  const mounted: string[] = [];
  beforeEach(async () => {
    made = await DoubtfulTree.make();
  });
  afterEach(async () => {
    await made.close();
    for (const place of mounted.splice(0).reverse()) execFileSync('umount', ['-l', place]);
    made.remove();
  });

  function mount(...args: string[]): void {
    execFileSync('mount', args);
    mounted.push(args.at(-1) ?? '');
  }

  function unmount(place: string): void {
    execFileSync('umount', [place]);
    mounted.splice(mounted.indexOf(place), 1);
  }

  it('is not sealed while what was bound into the tree is not', async () => {
    const elsewhere = join(made.outside, 'elsewhere');
    const place = join(made.dir, 'bound here');
    made.write(DOCUMENTS);
    mkdirSync(elsewhere);
    mkdirSync(place);
    writeFileSync(join(elsewhere, 'file'), textOf('file'));
    mount('--bind', elsewhere, place);
    await made.tree.checkpoint(SILENT);
    assert.deepEqual(made.tree.pod.state.mounts, ['bound here']);
    unmount(place);
    const { details } = await made.question();
    assert.deepEqual([details.causes, details.examples], [['unmounted'], ['bound here/file']]);
    mount('--bind', elsewhere, place);
    made.write(['more']);
    assert.equal((await made.tree.checkpoint(SILENT)).number, 2);
    unmount(place);
    await made.tree.checkpoint(SILENT, 'accept');
    assert.deepEqual(made.tree.pod.state.mounts, []);
  });

  it('is none of what is mounted on an empty folder, which each checkpoint says that it leaves out', async () => {
    made.write(['file', 'a folder/beneath/file']);
    for (const name of ['bound', 'a folder/drive']) mkdirSync(join(made.dir, name));
    const first = await made.tree.checkpoint(SILENT);
    assert.deepEqual([first.notCrossed, first.warnings], [[], []]);
    mount('--bind', join(made.dir, 'a folder', 'beneath'), join(made.dir, 'bound'));
    mount('-t', 'tmpfs', 'none', join(made.dir, 'a folder', 'drive'));
    made.write(['a folder/drive/left out', 'a folder/drive/inner/left out']);
    mount('-t', 'tmpfs', 'none', join(made.dir, 'a folder', 'drive', 'inner'));
    for (const fileCount of [3, 3]) {
      const report = await made.tree.checkpoint(SILENT);
      assert.deepEqual([report.notCrossed, report.fileCount], [['a folder/drive'], fileCount]);
      assert.match(report.warnings.join(), /^left out, .*: a folder\/drive\. .*make a pod .* or unmount it/);
      assert.deepEqual(made.tree.notCrossed().map(String), ['a folder/drive']);
    }
    for (const name of ['a folder/drive/inner', 'a folder/drive']) unmount(join(made.dir, name));
    assert.deepEqual((await made.tree.checkpoint(SILENT)).warnings, []);
    assert.deepEqual(made.tree.notCrossed(), []);
  });

  it('is not sealed while something is mounted over files, and is when it holds none', async () => {
    made.write([...DOCUMENTS, 'beneath/file']);
    mkdirSync(join(made.dir, 'empty'));
    await made.tree.checkpoint(SILENT);
    mount('-t', 'tmpfs', 'none', join(made.dir, 'empty'));
    made.write(['more']);
    await made.tree.checkpoint(SILENT);
    mount('-t', 'tmpfs', 'none', join(made.dir, 'beneath'));
    const { details } = await made.question();
    assert.deepEqual([details.causes, details.examples], [['hidden'], ['beneath/file']]);
    unmount(join(made.dir, 'beneath'));
    unmount(join(made.dir, 'empty'));
    await made.tree.checkpoint(SILENT);
  });

  it('is not sealed though the mount came or went after the capture had begun', async () => {
    const elsewhere = join(made.outside, 'elsewhere');
    const place = join(made.dir, 'bound here');
    for (const folder of [elsewhere, place, join(made.dir, 'beneath')]) mkdirSync(folder);
    // of files without content a capture says what they were when it came by
    for (const folder of [elsewhere, join(made.dir, 'beneath')]) writeFileSync(join(folder, 'file'), '');
    made.write(DOCUMENTS);
    mount('--bind', elsewhere, place);
    await made.tree.checkpoint(SILENT);
    await made.reopen({ capturesAhead: true });
    unmount(place);
    assert.deepEqual((await made.question()).details.causes, ['unmounted']);
    mount('--bind', elsewhere, place);
    await made.reopen({ capturesAhead: true });
    mount('-t', 'tmpfs', 'none', join(made.dir, 'beneath'));
    assert.deepEqual((await made.question()).details.causes, ['hidden']);
  });

  it('is not sealed of an empty mount point, once the file system of the whole pod is not mounted any more', async () => {
    const image = join(made.outside, 'image');
    const place = join(made.outside, 'drive');
    mkdirSync(place);
    execFileSync('truncate', ['-s', '64M', image]);
    execFileSync('mkfs.ext4', ['-q', image]);
    mount('-o', 'loop', image, place);
    await createTree({ dir: place, name: 'drive', passphrase: PASSPHRASE, workFactor: 2 });
    writeFileSync(join(place, 'file'), textOf('file'));
    const onDrive = await openTree(place, { passphrase: PASSPHRASE });
    try {
      await onDrive.checkpoint(SILENT);
      // it stays alive for who has files open there, as a drive does that was pulled out
      execFileSync('umount', ['-l', place]);
      mounted.splice(mounted.indexOf(place), 1);
      await assert.rejects(onDrive.checkpoint(SILENT), (error) => isDeskPodError(error, 'SOURCE_UNMOUNTED'));
      assert.equal(onDrive.pod.state.lastCheckpoint, 1);
    } finally {
      await onDrive.close();
    }
    await assert.rejects(openTree(place, { passphrase: PASSPHRASE }), (error) =>
      isDeskPodError(error, 'POD_NOT_FOUND'),
    );
    assert.deepEqual(readdirSync(place), []);
  });
});

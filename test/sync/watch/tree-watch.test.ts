// What a watch on a real tree notices: every change that a manifest would show, or that it may have missed some.
import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { firstValueFrom } from 'rxjs';
import { setXattr } from '../../../src/sync/posix/xattr.ts';
import { TreeWatch } from '../../../src/sync/watch/tree-watch.ts';
import { exchange } from '../support/exchange.ts';
import { makeTempFolder } from '../support/temp-folder.ts';

describe('a watch on a tree', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let root: string;
  let watch: TreeWatch;
  beforeEach(async () => {
    temp = makeTempFolder();
    root = join(temp.path, 'tree');
    mkdirSync(join(root, 'folder', 'below'), { recursive: true });
    mkdirSync(join(root, '.deskpod'));
    for (const name of ['file', 'other', 'folder/note']) writeFileSync(join(root, name), 'text');
    watch = TreeWatch.start(Buffer.from(root), [Buffer.from('.deskpod')]);
    assert.equal(await firstValueFrom(watch.ready), true);
  });
  afterEach(async () => {
    await watch.stop();
    temp.remove();
  });

  async function noticed(): Promise<string[]> {
    const { dirty, gaps } = await watch.take();
    assert.deepEqual(gaps, []);
    return dirty
      .inOrder()
      .map(({ path, isWhole }) => Buffer.from(path).toString('latin1') + (isWhole ? '/**' : ''));
  }

  it('notices nothing where nothing happens, and nothing of what is excluded', async () => {
    assert.deepEqual(await noticed(), []);
    writeFileSync(join(root, '.deskpod', 'log'), 'x');
    mkdirSync(join(root, '.deskpod', 'more'));
    assert.deepEqual(await noticed(), []);
  });

  it('notices content, mode, times and attributes, and every one once', async () => {
    appendFileSync(join(root, 'file'), 'more');
    chmodSync(join(root, 'other'), 0o600);
    utimesSync(join(root, 'folder', 'note'), 1, 1);
    setXattr(join(root, 'folder', 'below'), 'user.mark', Buffer.from('x'));
    assert.deepEqual(await noticed(), ['file', 'folder/below', 'folder/note', 'other']);
    assert.deepEqual(await noticed(), []);
    chmodSync(root, 0o700);
    assert.deepEqual(await noticed(), ['']);
  });

  it('notices names that come and go, with the folder that holds them', async () => {
    symlinkSync('file', join(root, 'folder', 'link'));
    rmSync(join(root, 'other'));
    linkSync(join(root, 'file'), join(root, 'folder', 'below', 'name'));
    assert.deepEqual(await noticed(), [
      '',
      'folder',
      'folder/below',
      'folder/below/name',
      'folder/link',
      'other',
    ]);
  });

  it('notices names that are no UTF-8', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x5c, 0x0a])]), '');
    assert.deepEqual(await noticed(), ['', '\u00ff\\\n']);
  });

  it('takes a new folder as a whole, and what then happens in it by itself', async () => {
    mkdirSync(join(root, 'new', 'deep'), { recursive: true });
    writeFileSync(join(root, 'new', 'deep', 'file'), '');
    assert.deepEqual(await noticed(), ['', 'new/**']);
    appendFileSync(join(root, 'new', 'deep', 'file'), 'x');
    assert.deepEqual(await noticed(), ['new/deep/file']);
  });

  it('follows a folder to its new name, and into the tree and out of it', async () => {
    renameSync(join(root, 'folder'), join(root, 'moved'));
    assert.deepEqual(await noticed(), ['', 'folder', 'moved/**']);
    appendFileSync(join(root, 'moved', 'note'), 'x');
    assert.deepEqual(await noticed(), ['moved/note']);
    renameSync(join(root, 'moved'), join(temp.path, 'outside'));
    assert.deepEqual(await noticed(), ['', 'moved']);
    appendFileSync(join(temp.path, 'outside', 'note'), 'x');
    assert.deepEqual(await noticed(), []);
    renameSync(join(temp.path, 'outside'), join(root, 'back'));
    assert.deepEqual(await noticed(), ['', 'back/**']);
    appendFileSync(join(root, 'back', 'note'), 'x');
    assert.deepEqual(await noticed(), ['back/note']);
  });

  it('follows folders that exchange their names, with each other and with a file', async () => {
    const change = (...names: readonly string[]): void => {
      for (const name of names) appendFileSync(join(root, name), 'x');
    };
    mkdirSync(join(root, 'new'));
    writeFileSync(join(root, 'new', 'entry'), 'text');
    await noticed();
    exchange(join(root, 'folder'), join(root, 'new'));
    assert.deepEqual(await noticed(), ['', 'folder/**', 'new/**']);
    change('folder/entry', 'new/note', 'new/below/more');
    assert.deepEqual(await noticed(), ['folder/entry', 'new/below', 'new/below/more', 'new/note']);
    exchange(join(root, 'new'), join(root, 'file'));
    assert.deepEqual(await noticed(), ['', 'file/**', 'new']);
    change('file/note', 'new');
    assert.deepEqual(await noticed(), ['file/note', 'new']);
    exchange(join(root, 'new'), join(root, 'file'));
    assert.deepEqual(await noticed(), ['', 'file', 'new/**']);
    change('file', 'new/note');
    assert.deepEqual(await noticed(), ['file', 'new/note']);
  });

  it('tells that the folder is another one, wherever it was renamed', async () => {
    renameSync(root, join(temp.path, 'away'));
    assert.deepEqual((await watch.take()).gaps, ['replaced']);
  });

  it('hints at what changed without being asked', async () => {
    const hint = firstValueFrom(watch.changed);
    appendFileSync(join(root, 'file'), 'x');
    assert.deepEqual(
      (await hint).inOrder().map(({ path }) => String(path)),
      ['file'],
    );
  });
});

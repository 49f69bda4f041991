// A tree beside its manifest: what tells that it is another one, without reading a file.
import assert from 'node:assert/strict';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { readManifest } from '../../src/sync/browse/manifest-stream.ts';
import { captureTree } from '../../src/sync/files/capture.ts';
import { restoreTree } from '../../src/sync/files/restore.ts';
import { findDifference } from '../../src/sync/files/tree-difference.ts';
import { setXattr } from '../../src/sync/posix/xattr.ts';
import { buildTree, generatedTrees } from './support/generated-tree.ts';
import { MemoryContent } from './support/memory-content.ts';
import { makeTempFolder } from './support/temp-folder.ts';

/** What is done to the tree, and where that is found. */
const CHANGES: readonly [what: string, change: (path: (name: string) => string) => void, found: string][] = [
  ['a file is gone', (path) => quietly(path('b'), () => rmSync(path('b/file'))), 'b/file'],
  ['a file came', (path) => quietly(path('b'), () => writeFileSync(path('b/e'), '')), 'b/e'],
  ['a file came at the end', (path) => quietly(path(''), () => writeFileSync(path('z'), '')), 'z'],
  ['a file is shorter', (path) => quietly(path('b/file'), () => truncateSync(path('b/file'), 2)), 'b/file'],
  ['a file was written to', (path) => writeFileSync(path('b/file'), 'four'), 'b/file'],
  ['a file has another mode', (path) => chmodSync(path('b/file'), 0o600), 'b/file'],
  ['a folder has an attribute', (path) => setXattr(path('b'), Buffer.from('user.mark'), NO_BYTES), 'b'],
  ['a folder has another time', (path) => utimesSync(path('b'), 1, 1), 'b'],
  [
    'a link leads elsewhere',
    (path) =>
      quietly(path(''), () => {
        rmSync(path('link'));
        symlinkSync('c', path('link'));
      }),
    'link',
  ],
  [
    'two names have an inode each',
    (path) =>
      quietly(path(''), () => {
        writeFileSync(path('copy'), 'twice');
        const { atime, mtime } = statSync(path('other-name'));
        utimesSync(path('copy'), atime, mtime);
        renameSync(path('copy'), path('other-name'));
      }),
    'other-name',
  ],
  [
    'two files share an inode',
    (path) =>
      quietly(path('b'), () => {
        rmSync(path('b/twin'));
        linkSync(path('b/file'), path('b/twin'));
      }),
    'b/twin',
  ],
];
const NO_BYTES = new Uint8Array();
/** Of every file, so that nothing but what is meant tells a difference. */
const SECONDS = 1_700_000_000;

describe('the difference of a tree and its manifest', () => {
  let folder: ReturnType<typeof makeTempFolder>;
  beforeEach(() => {
    folder = makeTempFolder();
  });
  afterEach(() => folder.remove());

  const differenceOf = async (dir: string, from: string): Promise<string | undefined> => {
    const content = new MemoryContent();
    const { root } = await captureTree(from, content);
    const found = await findDifference(dir, readManifest(content, root));
    return found === undefined ? undefined : Buffer.from(found).toString();
  };

  it('is none where nothing was done to it, nor where it was restored', async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(generatedTrees, async (nodes) => {
        const [source, target] = ['source', 'target'].map((name) => join(folder.path, `${name}-${round}`));
        assert.ok(source !== undefined && target !== undefined);
        round++;
        mkdirSync(source);
        buildTree(Buffer.from(source), nodes);
        assert.equal(await differenceOf(source, source), undefined);
        const content = new MemoryContent();
        const { root } = await captureTree(source, content);
        await restoreTree(root, content, target);
        assert.equal(await findDifference(target, readManifest(content, root)), undefined);
      }),
      { numRuns: 30 },
    );
  });

  for (const [what, change, found] of CHANGES) {
    it(`is found if ${what}`, async () => {
      const path = (name: string): string => join(folder.path, 'tree', name);
      mkdirSync(path('b'), { recursive: true });
      for (const name of ['b/file', 'b/twin']) writeFileSync(path(name), 'same');
      writeFileSync(path('one-name'), 'twice');
      linkSync(path('one-name'), path('other-name'));
      symlinkSync('b', path('link'));
      for (const name of ['b/file', 'b/twin', 'one-name', 'b', '']) utimesSync(path(name), SECONDS, SECONDS);
      const content = new MemoryContent();
      const { root } = await captureTree(path(''), content);
      change(path);
      const difference = await findDifference(path(''), readManifest(content, root));
      assert.equal(Buffer.from(difference ?? NO_BYTES).toString(), found);
    });
  }
});

/** Does it without another time of what is at `path`. */
function quietly(path: string, change: () => void): void {
  const { atime, mtime } = statSync(path);
  change();
  utimesSync(path, atime, mtime);
}

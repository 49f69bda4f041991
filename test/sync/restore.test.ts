// restore(capture(tree)) is the tree, and what may go wrong on the way.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { isDeskPodError } from '../../src/core/errors.ts';
import { ManifestEncoder } from '../../src/core/manifest.ts';
import { readManifest } from '../../src/sync/browse/manifest-stream.ts';
import { captureTree } from '../../src/sync/files/capture.ts';
import { restoreTree } from '../../src/sync/files/restore.ts';
import { setMtimeNs } from '../../src/sync/posix/times.ts';
import { readXattrs } from '../../src/sync/posix/xattr.ts';
import { buildTree, generatedTrees } from './support/generated-tree.ts';
import { MemoryContent } from './support/memory-content.ts';
import { makeTempFolder } from './support/temp-folder.ts';
import { listTree, storedBytes } from './support/tree-listing.ts';

describe('a restored tree', () => {
  let folder: ReturnType<typeof makeTempFolder>;
  let content: MemoryContent;
  beforeEach(() => {
    folder = makeTempFolder();
    content = new MemoryContent();
  });
  afterEach(() => folder.remove());

  it('is the captured tree, whatever it holds', async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(generatedTrees, async (nodes) => {
        const base = join(folder.path, String(round++));
        const source = join(base, 'source');
        const target = join(base, 'target');
        mkdirSync(source, { recursive: true });
        buildTree(Buffer.from(source), nodes);
        setMtimeNs(source, 1_000_000_001n);
        const memory = new MemoryContent();
        const { root, stats } = await captureTree(source, memory);
        const result = await restoreTree(root, memory, target);
        assert.deepEqual(listTree(target), listTree(source));
        assert.equal(result.entries, stats.entries);
        assert.equal(result.bytes, stats.bytes);
        assert.deepEqual(result.notRestored, { owners: 0, modes: 0, xattrs: 0, devices: 0, examples: [] });
      }),
      { numRuns: 40 },
    );
  });

  it('lacks an attribute that is too long for its file system, and says so', async () => {
    const [source, target] = [join(folder.path, 'source'), join(folder.path, 'target')];
    mkdirSync(source);
    writeFileSync(join(source, 'file'), 'text');
    const encoder = new ManifestEncoder();
    const pieces = [encoder.start()];
    const long = { name: Buffer.from('user.long'), value: Buffer.alloc(60_000, 'long') };
    for await (const entries of readManifest(content, (await captureTree(source, content)).root))
      for (const entry of entries)
        pieces.push(encoder.entry(entry.kind === 'file' ? { ...entry, xattrs: [long] } : entry));
    pieces.push(encoder.end());
    const root = await content.writeRoot(Readable.from(pieces));
    const { notRestored } = await restoreTree(root, content, target);
    assert.equal(readFileSync(join(target, 'file'), 'utf8'), 'text');
    const heldCount = readXattrs(join(target, 'file')).length;
    assert.deepEqual([notRestored.xattrs, notRestored.examples.length], heldCount > 0 ? [0, 0] : [1, 1]);
  });

  it('has the holes of a sparse file', async () => {
    mkdirSync(join(folder.path, 'source'));
    writeFileSync(join(folder.path, 'source', 'image'), 'start');
    truncateSync(join(folder.path, 'source', 'image'), 50_000_000);
    const { root } = await captureTree(join(folder.path, 'source'), content);
    await restoreTree(root, content, join(folder.path, 'target'));
    assert.equal(readFileSync(join(folder.path, 'target', 'image')).length, 50_000_000);
    assert.ok(storedBytes(join(folder.path, 'target'), 'image') < 100_000);
  });

  it('is refused where something is already', async () => {
    const { root } = await captureTree(folder.path, content);
    mkdirSync(join(folder.path, 'target', 'precious'), { recursive: true });
    await assert.rejects(restoreTree(root, content, join(folder.path, 'target')), (error) =>
      isDeskPodError(error, 'TARGET_NOT_EMPTY'),
    );
  });

  it('replaces what has its names and keeps the rest, when told to overwrite', async () => {
    const [source, target] = [join(folder.path, 'source'), join(folder.path, 'target')];
    mkdirSync(join(source, 'folder'), { recursive: true });
    writeFileSync(join(source, 'folder', 'file'), 'new');
    writeFileSync(join(source, 'plain'), 'new');
    const { root } = await captureTree(source, content);
    mkdirSync(join(target, 'plain', 'inside'), { recursive: true });
    writeFileSync(join(target, 'other'), 'kept');
    await restoreTree(root, content, target, { overwrite: true });
    assert.equal(readFileSync(join(target, 'folder', 'file'), 'utf8'), 'new');
    assert.equal(readFileSync(join(target, 'plain'), 'utf8'), 'new');
    assert.equal(readFileSync(join(target, 'other'), 'utf8'), 'kept');
  });

  it('does not follow a symlink that stands in its way out of the target', async () => {
    const [source, target, outside] = ['source', 'target', 'outside'].map((name) => join(folder.path, name));
    assert.ok(source !== undefined && target !== undefined && outside !== undefined);
    mkdirSync(join(source, 'folder'), { recursive: true });
    writeFileSync(join(source, 'folder', 'file'), 'inside');
    const { root } = await captureTree(source, content);
    mkdirSync(target);
    mkdirSync(outside);
    symlinkSync(outside, join(target, 'folder'));
    await restoreTree(root, content, target, { overwrite: true });
    assert.ok(!existsSync(join(outside, 'file')));
    assert.deepEqual(listTree(target), listTree(source));
  });

  it('names the file whose chunk is missing', async () => {
    mkdirSync(join(folder.path, 'source'));
    writeFileSync(join(folder.path, 'source', 'letter'), 'dear');
    const { root } = await captureTree(join(folder.path, 'source'), content);
    for (const id of content.chunks.keys()) if (id !== root.id) content.chunks.delete(id);
    await assert.rejects(restoreTree(root, content, join(folder.path, 'target')), (error) => {
      assert.ok(isDeskPodError(error, 'CHUNK_MISSING'));
      assert.match(error.message, /^letter: /);
      return true;
    });
  });

  it('counts files and bytes as they are written', async () => {
    mkdirSync(join(folder.path, 'source'));
    writeFileSync(join(folder.path, 'source', 'large'), Buffer.alloc(500_000, 'x'));
    const { root, stats } = await captureTree(join(folder.path, 'source'), content);
    const seen: number[] = [];
    await restoreTree(root, content, join(folder.path, 'target'), {
      totals: stats,
      onProgress: ({ doneBytes = 0, totalBytes }) => {
        assert.equal(totalBytes, 500_000);
        seen.push(doneBytes);
      },
    });
    assert.deepEqual(seen, [100_000, 200_000, 300_000, 400_000, 500_000]);
  });
});

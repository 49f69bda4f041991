// A manifest patched at its dirty paths is the manifest of a scan of everything, whatever was done to the tree.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { concatBytes } from '../../src/core/bytes.ts';
import { DirtyPaths } from '../../src/core/dirty-paths.ts';
import { EncodedEntry } from '../../src/core/encoded-entry.ts';
import { ManifestEncoder, type ManifestEntry } from '../../src/core/manifest.ts';
import { ManifestFrames } from '../../src/core/manifest-frames.ts';
import {
  type FreshEntry,
  type FreshPart,
  PatchMismatch,
  patchManifest,
} from '../../src/core/manifest-patch.ts';
import { type Edit, editsOf, ModelTree } from './support/model-tree.ts';

describe('a patched manifest', () => {
  it('is byte for byte that of a scan of everything, after any edits', () =>
    fc.assert(
      fc.asyncProperty(
        editsOf(30),
        editsOf(30),
        fc.integer({ min: 1, max: 7 }),
        async (first, second, batch) => {
          const tree = new ModelTree();
          for (const edit of first) tree.apply(edit);
          const before = manifestOf(tree.scan());
          tree.dirty.clear();
          for (const edit of second) tree.apply(edit);
          const patched = await patch(before, tree.partsOf(tree.dirty), batch);
          assert.deepEqual(patched, manifestOf(tree.scan()));
        },
      ),
      { numRuns: 500 },
    ));

  it('is so when every edit is patched by itself, one patch on the other', () =>
    fc.assert(
      fc.asyncProperty(editsOf(25), async (edits) => {
        const tree = new ModelTree();
        let manifest = manifestOf(tree.scan());
        tree.dirty.clear();
        for (const edit of edits) {
          tree.apply(edit);
          manifest = await patch(manifest, tree.partsOf(tree.dirty), 3);
          tree.dirty.clear();
          assert.deepEqual(manifest, manifestOf(tree.scan()));
        }
      }),
      { numRuns: 100 },
    ));

  it('stays as it was where more was looked at than has changed', () =>
    fc.assert(
      fc.asyncProperty(editsOf(30), fc.infiniteStream(fc.boolean()), async (edits, chosen) => {
        const tree = new ModelTree();
        for (const edit of edits) tree.apply(edit);
        const before = manifestOf(tree.scan());
        const dirty = tree.linked();
        for (const { entry } of tree.scan())
          if (chosen.next().value) dirty.mark(entry.path, chosen.next().value && entry.path.length > 0);
        assert.deepEqual(await patch(before, tree.partsOf(dirty), 4), before);
      }),
    ));

  it('is refused if a name of an inode with several names was not looked at', async () => {
    const tree = treeOf(['file', 'a'], ['link', 'a', 'b']);
    const before = manifestOf(tree.scan());
    const dirty = new DirtyPaths();
    dirty.mark(Buffer.from('a'));
    await assert.rejects(patch(before, tree.partsOf(dirty), 1), PatchMismatch);
  });

  it('is refused if a folder is new and its content was not looked at', async () => {
    const before = manifestOf(treeOf(['file', 'a']).scan());
    const tree = treeOf(['folder', 'a'], ['file', 'a/b']);
    const dirty = new DirtyPaths();
    dirty.mark(Buffer.from('a'));
    await assert.rejects(patch(before, tree.partsOf(dirty), 1), PatchMismatch);
  });

  it('is refused if what holds a path was not looked at', async () => {
    const before = manifestOf(treeOf(['file', 'z']).scan());
    const tree = treeOf(['folder', 'a'], ['file', 'a/b']);
    const dirty = new DirtyPaths();
    dirty.mark(Buffer.from('a/b'));
    await assert.rejects(patch(before, tree.partsOf(dirty), 1), PatchMismatch);
  });
});

describe('dirty paths', () => {
  it('come in the order of a manifest, once each, without what a whole one covers', () => {
    const dirty = new DirtyPaths();
    for (const path of ['b/c', 'a-', 'a/x', 'b', 'a', 'a/x', 'b/c/d']) dirty.mark(Buffer.from(path));
    dirty.mark(Buffer.from('b'), true);
    dirty.mark(Buffer.from('b'));
    assert.deepEqual(
      dirty.inOrder().map(({ path, isWhole }) => `${path}${isWhole ? ' whole' : ''}`),
      ['a', 'a/x', 'a-', 'b whole'],
    );
  });
});

function treeOf(...edits: Edit[]): ModelTree {
  const tree = new ModelTree();
  for (const edit of edits) tree.apply(edit);
  return tree;
}

function manifestOf(found: readonly FreshEntry[]): Uint8Array {
  const groups = new Map<string, ManifestEntry>();
  const encoder = new ManifestEncoder();
  const pieces = [encoder.start()];
  for (const { entry, link } of found) {
    const first = link === undefined ? undefined : groups.get(link);
    const member = link === undefined ? entry : { ...entry, hardlinkGroup: groups.size + 1 };
    if (link !== undefined && first === undefined) groups.set(link, { ...member, chunkIds: [] });
    pieces.push(encoder.entry(first === undefined ? member : { ...first, path: entry.path }));
  }
  pieces.push(encoder.end());
  return concatBytes(pieces);
}

async function patch(before: Uint8Array, parts: readonly FreshPart[], batch: number): Promise<Uint8Array> {
  const encoder = new ManifestEncoder();
  const pieces = [encoder.start()];
  for await (const entries of patchManifest(batches(before, batch), parts))
    for (const entry of entries) {
      encoder.carry(entry);
      pieces.push(entry.bytes);
    }
  pieces.push(encoder.end());
  return concatBytes(pieces);
}

async function* batches(manifest: Uint8Array, size: number): AsyncGenerator<EncodedEntry[]> {
  const entries = new ManifestFrames().push(manifest).map((bytes) => new EncodedEntry(bytes));
  for (let from = 0; from < entries.length; from += size) yield entries.slice(from, from + size);
}

// What a capture of some paths refuses, and what it leaves behind for the next one of everything.
import assert from 'node:assert/strict';
import { linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PatchMismatch } from '../../../src/core/manifest-patch.ts';
import { readEncodedManifest } from '../../../src/sync/browse/manifest-stream.ts';
import { captureTree } from '../../../src/sync/files/capture.ts';
import { LevelFileIndex, RACY_MARGIN_MS } from '../../../src/sync/files/file-index.ts';
import { lookAt } from '../../../src/sync/watch/look-at.ts';
import { capturePatch } from '../../../src/sync/watch/patch-capture.ts';
import { scratchFolder } from '../scratch.ts';
import { MemoryContent } from '../support/memory-content.ts';

describe('a capture of some paths', () => {
  const folder = scratchFolder();

  it('lets no folder that it saw gone count as being in its checkpoint when that comes back', async () => {
    const content = new MemoryContent();
    const startedAtMs = Date.now() + 10 * RACY_MARGIN_MS;
    const root = join(folder(), 'tree');
    const moved = [join(root, 'moved'), join(folder(), 'elsewhere')] as const;
    for (const name of ['moved', 'moved/below', 'stays']) {
      mkdirSync(join(root, name), { recursive: true });
      writeFileSync(join(root, name, 'file'), name);
    }
    const index = await LevelFileIndex.open(join(folder(), 'index'));
    try {
      const first = await captureTree(root, content, { index, startedAtMs });
      await first.settle(true);
      renameSync(...moved);
      const dirty = [{ path: Buffer.from('moved'), isWhole: true }];
      const found = lookAt(Buffer.from(root), dirty, { isExcluded: () => false, onMount: () => undefined });
      const before = { entries: readEncodedManifest(content, first.root), differingFiles: 0, notCrossed: [] };
      const run = await index.beginPart(startedAtMs);
      const patch = await capturePatch(before, found ?? [], {
        root: Buffer.from(root),
        writer: content,
        run,
      });
      assert.equal(patch.stats.files, 1);
      await patch.settle(true);
      // back as it was, for what that checkpoint has
      renameSync(moved[1], moved[0]);
      rmSync(join(root, 'stays'), { recursive: true });
      const { stats } = await captureTree(root, content, { index, startedAtMs });
      assert.deepEqual([stats.files, stats.unchangedFiles], [2, 0]);
    } finally {
      await index.close();
    }
  });

  for (const [what, replace] of [
    ['another file', (place: string) => writeFileSync(place, 'another')],
    ['a folder', (place: string) => mkdirSync(place)],
    ['nothing', () => undefined],
  ] as const)
    it(`gives no content to the other names of a file if ${what} has taken the place of one before it is read`, async () => {
      const content = new MemoryContent();
      const startedAtMs = Date.now() + 10 * RACY_MARGIN_MS;
      const root = join(folder(), 'tree');
      mkdirSync(root);
      writeFileSync(join(root, 'a'), 'before');
      linkSync(join(root, 'a'), join(root, 'b'));
      const index = await LevelFileIndex.open(join(folder(), 'index'));
      try {
        const first = await captureTree(root, content, { index, startedAtMs });
        await first.settle(true);
        writeFileSync(join(root, 'a'), 'after');
        const dirty = ['a', 'b'].map((path) => ({ path: Buffer.from(path), isWhole: true }));
        const found = lookAt(Buffer.from(root), dirty, { isExcluded: () => false, onMount: () => undefined });
        rmSync(join(root, 'a'));
        replace(join(root, 'a'));
        const before = {
          entries: readEncodedManifest(content, first.root),
          differingFiles: 0,
          notCrossed: [],
        };
        const work = { root: Buffer.from(root), writer: content, run: await index.beginPart(startedAtMs) };
        await assert.rejects(capturePatch(before, found ?? [], work), PatchMismatch);
      } finally {
        await index.close();
      }
    });
});

// What a capture makes that began before there was a writer.
import assert from 'node:assert/strict';
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { isDeskPodError } from '../../src/core/errors.ts';
import { captureTree, type ReadyWriter } from '../../src/sync/files/capture.ts';
import { CaptureAhead, type KnownIndexes } from '../../src/sync/files/capture-ahead.ts';
import { LevelFileIndex, RACY_MARGIN_MS } from '../../src/sync/files/file-index.ts';
import { createTree, openTree } from '../../src/sync/pod/tree.ts';
import { MemoryContent } from './support/memory-content.ts';
import { makeTempFolder } from './support/temp-folder.ts';

/** More than may be read before there is a writer. */
const FILES = 1500;
const NO_FILES: readonly number[] = [];

describe('a capture that begins before its writer is there', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let source: string;
  let content: MemoryContent;
  let index: LevelFileIndex;
  let chunks: { removals: number; has(id: Uint8Array): boolean };
  beforeEach(async () => {
    temp = makeTempFolder();
    source = join(temp.path, 'source');
    mkdirSync(join(source, 'many'), { recursive: true });
    for (let i = 0; i < FILES; i++) writeFileSync(join(source, 'many', `${i}`), `${i}`);
    linkSync(join(source, 'many', '0'), join(source, 'again'));
    symlinkSync('nowhere', join(source, 'symlink'));
    content = new MemoryContent();
    index = await LevelFileIndex.open(join(temp.path, 'index'));
    chunks = { removals: 0, has: (id) => content.hasChunk(id) };
  });
  afterEach(async () => {
    await index.close();
    temp.remove();
  });

  const writer = (): ReadyWriter => ({
    writeFile: (pieces) => content.writeFile(pieces),
    readFile: async () => undefined,
    writeRoot: (pieces) => content.writeRoot(pieces),
    hasChunk: (id) => content.hasChunk(id),
    get newBytes() {
      return content.newBytes;
    },
  });
  const begin = (opening: Promise<KnownIndexes> = Promise.resolve({ files: index, chunks })): CaptureAhead =>
    new CaptureAhead(source, opening, {});
  /** So that everything is known from then on. */
  async function captureAll(): Promise<void> {
    const startedAtMs = Date.now() + 10 * RACY_MARGIN_MS;
    const { settle } = await captureTree(source, content, { index, startedAtMs });
    await settle(true);
  }

  for (const [what, changed] of [
    ['nothing', NO_FILES],
    ['a file', [700]],
    ['everything', Array.from({ length: FILES }, (_, i) => i)],
  ] as const) {
    it(`makes the manifest that one makes which begins later, with ${what} changed`, async () => {
      await captureAll();
      for (const i of changed) writeFileSync(join(source, 'many', `${i}`), `changed ${i}`);
      for (const turns of [0, 1, 100]) {
        const ahead = begin();
        for (let turn = 0; turn < turns; turn++) await setImmediate();
        const captured = await ahead.finish(writer(), undefined);
        const { root } = await captureTree(source, content);
        assert.deepEqual(captured?.root, root);
        const { stats } = captured;
        // the first file has two names
        const differing = changed.length === FILES ? FILES + 1 : changed.length;
        assert.deepEqual(
          [stats.files, stats.unchangedFiles, stats.readFiles],
          [FILES + 1, FILES + 1 - differing, changed.length],
        );
      }
    });
  }

  it('writes nothing before, nor when it is stopped', async () => {
    const ahead = begin();
    for (let turn = 0; turn < 100; turn++) await setImmediate();
    assert.deepEqual([content.writtenFiles, content.chunks.size], [0, 0]);
    await ahead.stop();
    assert.deepEqual([content.writtenFiles, content.chunks.size], [0, 0]);
  });

  it('is given up when chunks may be gone that it counted on, and leaves the tree to another', async () => {
    await captureAll();
    const first = begin();
    await setImmediate();
    chunks.removals++;
    assert.equal(await first.finish(writer(), undefined), undefined);
    content.chunks.clear();
    const asked = Promise.withResolvers<void>();
    const has = (id: Uint8Array): boolean => {
      asked.resolve();
      return content.hasChunk(id);
    };
    const second = begin(Promise.resolve({ files: index, chunks: { removals: 0, has } }));
    await asked.promise;
    assert.equal(await second.finish(writer(), undefined), undefined);
    const { root, stats } = await captureTree(source, content, { index });
    assert.deepEqual(root, (await captureTree(source, content)).root);
    assert.equal(stats.readFiles, FILES);
  });

  it('is told of a tree that cannot be read when it is finished, and of indexes that cannot be opened', async () => {
    rmSync(source, { recursive: true });
    const missing = begin();
    await setImmediate();
    await assert.rejects(missing.finish(writer(), undefined), (error) =>
      isDeskPodError(error, 'SOURCE_UNREADABLE'),
    );
    const failure = new Error('no index');
    await begin(Promise.reject(failure)).stop();
  });

  it('ends at once when it is stopped, wherever it has come to', async () => {
    await captureAll();
    for (const turns of [0, 1, 3, 100]) {
      const ahead = begin();
      for (let turn = 0; turn < turns; turn++) await setImmediate();
      await ahead.stop();
    }
    // nothing holds the index any more, and what was known still is
    const { stats } = await captureTree(source, content, { index });
    assert.equal(stats.readFiles, 0);
  });

  it('has let go of everything when its pod is closed, though another folder took the place of the tree', async () => {
    const options = { dir: source, name: 'tree', passphrase: 'correct horse battery', workFactor: 2 };
    await createTree(options);
    truncateSync(join(source, 'many', '0'), 1 << 20);
    const tree = await openTree(source, options, { capturesAhead: true });
    const elsewhere = `${source}-elsewhere`;
    renameSync(source, elsewhere);
    mkdirSync(source);
    await assert.rejects(tree.capture({}), (error) => isDeskPodError(error, 'SOURCE_UNMOUNTED'));
    await tree.close();
    assert.deepEqual(openBelow(elsewhere), []);
  });
});

/** The files below a folder that this process has open. */
function openBelow(dir: string): string[] {
  const targets = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // that of the listing itself
    }
  });
  return targets.filter((target) => target.startsWith(`${dir}/`));
}

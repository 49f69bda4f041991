// What a capture reads, leaves out, notices and refuses.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
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
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import { isDeskPodError } from '../../src/core/errors.ts';
import { ManifestDecoder, type ManifestEntry } from '../../src/core/manifest.ts';
import type { Root } from '../../src/core/root.ts';
import { type CaptureOptions, captureTree } from '../../src/sync/files/capture.ts';
import { LevelFileIndex, RACY_MARGIN_MS } from '../../src/sync/files/file-index.ts';
import { ScanAhead } from '../../src/sync/files/scan-ahead.ts';
import { makeFifo } from '../../src/sync/posix/nodes.ts';
import { MemoryContent } from './support/memory-content.ts';
import { makeTempFolder } from './support/temp-folder.ts';

/** A time by which everything that a test has written is long ago. */
const laterMs = (): number => Date.now() + 10 * RACY_MARGIN_MS;

/** Writes twice through one mapping, before each line that it prints; the second time shows in no time of the file. */
const MAP_AND_WRITE = `
import mmap, sys
file = open(sys.argv[1], 'w+b')
file.truncate(4096)
memory = mmap.mmap(file.fileno(), 4096)
for word in (b'first', b'later'):
    memory[0:5] = word
    print(flush=True)
    sys.stdin.readline()
`;

const NO_ID = new Uint8Array(32);

describe('a capture', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let source: string;
  let content: MemoryContent;
  beforeEach(() => {
    temp = makeTempFolder();
    source = join(temp.path, 'source');
    mkdirSync(source);
    content = new MemoryContent();
  });
  afterEach(() => temp.remove());

  async function entriesOf(options: CaptureOptions = {}): Promise<ManifestEntry[]> {
    return entriesIn((await captureTree(source, content, options)).root);
  }
  async function entriesIn(root: Root): Promise<ManifestEntry[]> {
    const decoder = new ManifestDecoder();
    const entries: ManifestEntry[] = [];
    for await (const piece of content.readRoot(root)) entries.push(...decoder.push(piece));
    decoder.end();
    return entries;
  }
  const pathsOf = (entries: readonly ManifestEntry[]): string[] =>
    entries.map(({ path }) => Buffer.from(path).toString());

  it('puts the folder itself first and the rest in the order of the manifest', async () => {
    for (const name of ['b', 'a', 'a-b', 'a.b']) mkdirSync(join(source, name));
    writeFileSync(join(source, 'a', 'z'), '');
    assert.deepEqual(pathsOf(await entriesOf()), ['', 'a', 'a/z', 'a-b', 'a.b', 'b']);
  });

  it('leaves out what is excluded, with all that is in it', async () => {
    mkdirSync(join(source, '.deskpod', 'repository'), { recursive: true });
    writeFileSync(join(source, 'kept'), '');
    const isExcluded = (path: Uint8Array): boolean => Buffer.from(path).toString() === '.deskpod';
    assert.deepEqual(pathsOf(await entriesOf({ isExcluded })), ['', 'kept']);
  });

  it('gives the content of hard links once, and counts their bytes once', async () => {
    writeFileSync(join(source, 'a'), 'four');
    linkSync(join(source, 'a'), join(source, 'b'));
    const { stats } = await captureTree(source, content);
    assert.equal(stats.bytes, 4);
    assert.equal(stats.files, 2);
    const groups = (await entriesOf()).map(({ hardlinkGroup, chunkIds }) => [hardlinkGroup, chunkIds.length]);
    assert.deepEqual(groups, [
      [0, 0],
      [1, 1],
      [1, 0],
    ]);
  });

  it('has the latest time that a manifest can say of what is later', async () => {
    const latestNs = 2n ** 63n - 1n;
    writeFileSync(join(source, 'file'), 'text');
    utimesSync(join(source, 'file'), 0, 10_000_000_000);
    const { mtimeNs } = statSync(join(source, 'file'), { bigint: true });
    const file = (await entriesOf()).find(({ kind }) => kind === 'file');
    assert.equal(file?.mtimeNs, mtimeNs > latestNs ? latestNs : mtimeNs);
  });

  it('goes round no loop of symlinks', async () => {
    symlinkSync('.', join(source, 'self'));
    symlinkSync('..', join(source, 'up'));
    assert.deepEqual(pathsOf(await entriesOf()), ['', 'self', 'up']);
  });

  it('stops where there is no folder to capture', async () => {
    for (const place of [join(source, 'missing'), writeFileAt(join(source, 'file'))])
      await assert.rejects(captureTree(place, content), (error) =>
        isDeskPodError(error, 'SOURCE_UNREADABLE'),
      );
  });

  it('passes on what its writer fails with, once no file is open any more', async () => {
    for (let i = 0; i < 20; i++) writeFileSync(join(source, String(i)), 'x');
    const broken = new MemoryContent();
    broken.writeFile = () => Promise.reject(new Error('no room'));
    await assert.rejects(captureTree(source, broken), /no room/);
  });

  it('leaves out a file that vanishes before it is read, and gives its content to its other name', async () => {
    writeFileSync(join(source, 'a'), 'content');
    linkSync(join(source, 'a'), join(source, 'b'));
    const isExcluded = (path: Uint8Array): boolean => {
      // the scan has come to b, and a was not opened yet: four files before it are being read
      if (Buffer.from(path).toString() === 'b') rmSync(join(source, 'a'));
      return false;
    };
    for (let i = 0; i < 4; i++) writeFileSync(join(source, `0${i}`), 'x');
    const release = holdWrites(content, 4);
    const entries = entriesOf({
      isExcluded: (path) => {
        const isOut = isExcluded(path);
        if (Buffer.from(path).toString() === 'b') release();
        return isOut;
      },
    });
    const found = await entries;
    assert.deepEqual(pathsOf(found), ['', '00', '01', '02', '03', 'b']);
    assert.equal(found.at(-1)?.chunkIds.length, 1);
  });

  it('takes over a scan that began before, wherever that has come to', async () => {
    mkdirSync(join(source, 'a'));
    for (let i = 0; i < 600; i++) writeFileSync(join(source, 'a', `${i}`), `${i}`);
    // one of each sort, before and after what may have been found
    for (const name of ['0', 'b']) {
      writeFileSync(join(source, `${name}-setuid`), name, { mode: 0o4711 });
      linkSync(join(source, `${name}-setuid`), join(source, `${name}-again`));
      symlinkSync('nowhere', join(source, `${name}-symlink`));
      makeFifo(join(source, `${name}-fifo`), 0o640);
      writeFileSync(join(source, `${name}-sparse`), 'end');
      truncateSync(join(source, `${name}-sparse`), 300_000);
      utimesSync(join(source, `${name}-sparse`), 0, -12.5);
    }
    const { root } = await captureTree(source, content);
    for (const turns of [0, 1, 20]) {
      const ahead = new ScanAhead(source, {});
      for (let turn = 0; turn < turns; turn++) await setImmediate();
      assert.deepEqual((await captureTree(source, content, { ahead })).root, root);
    }
  });

  it('is told of a folder that a scan that began before could not read', async () => {
    const ahead = new ScanAhead(join(source, 'missing'), {});
    await setImmediate();
    await assert.rejects(captureTree(source, content, { ahead }), (error) =>
      isDeskPodError(error, 'SOURCE_UNREADABLE'),
    );
  });

  for (const [what, replace] of [
    ['another file', (place: string) => writeFileSync(place, 'other')],
    ['a folder', (place: string) => mkdirSync(place)],
    ['a symlink', (place: string) => symlinkSync('b', place)],
  ] as const) {
    it(`gives what another name had when ${what} takes the place of the first before it is read`, async () => {
      writeFileSync(join(source, 'a'), 'content');
      linkSync(join(source, 'a'), join(source, 'b'));
      linkSync(join(source, 'a'), join(source, 'c'));
      const entries = await entriesOf({
        onScanned: ({ path }) => {
          if (Buffer.from(path).toString() !== 'a') return;
          rmSync(join(source, 'a'));
          replace(join(source, 'a'));
        },
      });
      assert.deepEqual(pathsOf(entries), ['', 'a', 'b', 'c']);
      const [, a, b, c] = entries;
      assert.equal(b?.sizeBytes, 7);
      assert.equal(Buffer.from(await content.readChunk(b.chunkIds[0] ?? NO_ID)).toString(), 'content');
      assert.deepEqual([b.hardlinkGroup, c?.hardlinkGroup], [1, 1]);
      assert.equal(a?.hardlinkGroup, 0);
      assert.equal(a?.kind === 'file' ? a.sizeBytes : 0, what === 'another file' ? 5 : 0);
    });
  }

  it('takes a file that takes the place of a symlink before that is read', async () => {
    symlinkSync('b', join(source, 'a'));
    const entries = await entriesOf({
      onScanned: ({ path }) => {
        if (Buffer.from(path).toString() !== 'a') return;
        rmSync(join(source, 'a'));
        writeFileSync(join(source, 'a'), 'content');
      },
    });
    assert.deepEqual(
      entries.map(({ kind, sizeBytes }) => [kind, sizeBytes]),
      [
        ['directory', 0],
        ['file', 7],
      ],
    );
  });

  it('reads a file again that was written to meanwhile, and then names it', async () => {
    writeFileSync(join(source, 'busy'), 'x'.repeat(10));
    writeFileSync(join(source, 'still'), 'x');
    const write = content.writeFile.bind(content);
    let writes = 0;
    content.writeFile = async (pieces) => {
      const ids = await write(pieces);
      writes++;
      appendFileSync(join(source, 'busy'), 'more');
      return ids;
    };
    const { stats } = await captureTree(source, content);
    assert.deepEqual(
      stats.changedWhileRead.map((path) => Buffer.from(path).toString()),
      ['busy'],
    );
    assert.equal(writes, 3);
  });

  for (const [what, isLeftAlone] of [
    ['takes it', true],
    ['names it', false],
  ] as const)
    it(`reads a file once more that was written to while its writer read it, and ${what}`, async () => {
      writeFileSync(join(source, 'busy'), 'x');
      let reads = 0;
      const readMeanwhile = (): void => {
        reads++;
        if (reads === 1 || !isLeftAlone) appendFileSync(join(source, 'busy'), 'y');
      };
      content.readFile = async () => {
        readMeanwhile();
        return undefined;
      };
      const write = content.writeFile.bind(content);
      content.writeFile = async (pieces) => {
        const ids = await write(pieces);
        readMeanwhile();
        return ids;
      };
      const { stats } = await captureTree(source, content);
      assert.equal(reads, 2);
      assert.equal(stats.changedWhileRead.length, isLeftAlone ? 0 : 1);
      assert.equal(stats.bytes, 2);
    });

  describe('with a file index', () => {
    let index: LevelFileIndex;
    beforeEach(async () => {
      index = await LevelFileIndex.open(join(temp.path, 'index'));
    });
    afterEach(() => index.close());

    async function captureAll(startedAtMs = laterMs()): Promise<number> {
      const { stats, settle } = await captureTree(source, content, { index, startedAtMs });
      await settle(false);
      return stats.readFiles;
    }

    it('knows which files are as in the last checkpoint that nobody doubts, by all their names', async () => {
      for (const name of ['a', 'b', 'c']) writeFileSync(join(source, name), name);
      linkSync(join(source, 'a'), join(source, 'z'));
      const unchanged = async (isOfCheckpoint: boolean): Promise<number> => {
        const captured = await captureTree(source, content, { index, startedAtMs: laterMs() });
        await captured.settle(isOfCheckpoint);
        return captured.stats.unchangedFiles;
      };
      assert.deepEqual([await unchanged(false), await unchanged(false), await unchanged(true)], [0, 0, 0]);
      assert.equal(await unchanged(false), 4);
      writeFileSync(join(source, 'b'), 'other');
      assert.deepEqual([await unchanged(false), await unchanged(false)], [3, 3]);
      assert.deepEqual([await unchanged(true), await unchanged(true)], [3, 4]);
      renameSync(join(source, 'a'), join(source, 'y'));
      assert.equal(await unchanged(false), 2);
    });

    it('reads only what has changed, and makes the same manifest as without', async () => {
      mkdirSync(join(source, 'a'));
      for (const name of ['a/1', 'a/2', 'a-', 'b']) writeFileSync(join(source, name), name);
      assert.equal(await captureAll(), 4);
      assert.equal(await captureAll(), 0);
      appendFileSync(join(source, 'a', '2'), 'more');
      rmSync(join(source, 'a-'));
      writeFileSync(join(source, 'a', '3'), 'new');
      assert.equal(await captureAll(), 2);
      const { root } = await captureTree(source, content, { index, startedAtMs: laterMs() });
      assert.deepEqual(root, (await captureTree(source, content)).root);
    });

    it('notices a change that kept length and modification time', async () => {
      writeFileSync(join(source, 'file'), 'one');
      utimesSync(join(source, 'file'), 1000, 1000);
      assert.equal(await captureAll(), 1);
      writeFileSync(join(source, 'file'), 'two');
      utimesSync(join(source, 'file'), 1000, 1000);
      assert.equal(await captureAll(), 1);
    });

    it('notices that another file took the name', async () => {
      for (const name of ['a', 'b']) writeFileSync(join(source, name), name);
      assert.equal(await captureAll(), 2);
      renameSync(join(source, 'b'), join(source, 'a'));
      assert.equal(await captureAll(), 1);
    });

    it('reads again what was written shortly before the scan, as its times may not tell a later change', async () => {
      writeFileSync(join(source, 'file'), 'x');
      assert.equal(await captureAll(Date.now()), 1);
      assert.equal(await captureAll(), 1);
      assert.equal(await captureAll(), 0);
    });

    it('reads a file again that was mapped when it was read, as what is written to it then tells no time', async () => {
      const mapping = spawn('python3', ['-c', MAP_AND_WRITE, join(source, 'file')]);
      try {
        const written = createInterface({ input: mapping.stdout })[Symbol.asyncIterator]();
        await written.next();
        const read = async (): Promise<string> => {
          const { settle, root } = await captureTree(source, content, { index, startedAtMs: laterMs() });
          await settle(true);
          const file = (await entriesIn(root)).find(({ kind }) => kind === 'file');
          const [id = NO_ID] = file?.chunkIds ?? [];
          return Buffer.from(await content.readChunk(id)).toString('latin1', 0, 5);
        };
        assert.equal(await read(), 'first');
        mapping.stdin.write('\n');
        await written.next();
        assert.equal(await read(), 'later');
        mapping.stdin.end();
        await once(mapping, 'close');
        assert.equal(await captureAll(), 1);
        assert.equal(await captureAll(), 0);
      } finally {
        mapping.kill('SIGKILL');
      }
    });

    it('does not count on a capture that was never settled', async () => {
      writeFileSync(join(source, 'file'), 'x');
      for (let i = 0; i < 1200; i++) writeFileSync(join(source, `more${i}`), 'x');
      const { stats } = await captureTree(source, content, { index, startedAtMs: laterMs() });
      assert.equal(stats.readFiles, 1201);
      assert.equal(await captureAll(), 1201);
      assert.equal(await captureAll(), 0);
    });

    it('reads a file again whose chunks are gone', async () => {
      writeFileSync(join(source, 'file'), 'x');
      assert.equal(await captureAll(), 1);
      content.chunks.clear();
      assert.equal(await captureAll(), 1);
    });

    it('reads everything again after it was cleared', async () => {
      writeFileSync(join(source, 'file'), 'x');
      await captureAll();
      await index.clear();
      assert.equal(await captureAll(), 1);
    });
  });
});

function writeFileAt(path: string): string {
  writeFileSync(path, '');
  return path;
}

/** Keeps the first `count` files from being stored until the returned function is called. */
function holdWrites(content: MemoryContent, count: number): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  const write = content.writeFile.bind(content);
  let held = 0;
  content.writeFile = async (pieces) => {
    if (held++ < count) await promise;
    return write(pieces);
  };
  return resolve;
}

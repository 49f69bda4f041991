// Looking into checkpoints: what ls, cat, find, diff and why say of a real pod.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { isDeskPodError } from '../../src/core/errors.ts';
import { type BrowsedPod, type BrowseOptions, browsePod } from '../../src/sync/browse/browsed-pod.ts';
import { catFile } from '../../src/sync/browse/cat-file.ts';
import type { CheckpointName } from '../../src/sync/browse/checkpoint-choice.ts';
import { type ChangeReport, diffCheckpoints } from '../../src/sync/browse/diff-checkpoints.ts';
import type { EntryReport } from '../../src/sync/browse/entry-report.ts';
import { explainFile } from '../../src/sync/browse/explain-file.ts';
import { type FoundPath, findPaths } from '../../src/sync/browse/find-paths.ts';
import { listEntries } from '../../src/sync/browse/list-entries.ts';
import { addHome } from '../../src/sync/pod/add-home.ts';
import { syncHomes } from '../../src/sync/pod/replicate.ts';
import { createTree, openTree, type Tree } from '../../src/sync/pod/tree.ts';
import { makeTempFolder } from './support/temp-folder.ts';

const PASSPHRASE = 'correct horse battery';
const QUIET: BrowseOptions = { onProgress: () => undefined, signal: new AbortController().signal };
const RAW_NAME = Buffer.from('caf\xe9', 'latin1');

describe('looking into checkpoints', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let dir: string;
  let tree: Tree;
  const big = randomBytes(20_000_000);

  before(async () => {
    temp = makeTempFolder();
    dir = join(temp.path, 'pod');
    mkdirSync(join(dir, 'docs', 'deep'), { recursive: true });
    writeFileSync(join(dir, 'docs', 'letter'), 'first\n');
    linkSync(join(dir, 'docs', 'letter'), join(dir, 'docs', 'same'));
    symlinkSync('letter', join(dir, 'docs', 'link'));
    writeFileSync(Buffer.concat([Buffer.from(join(dir, 'docs', 'deep/')), RAW_NAME]), 'raw\n');
    writeFileSync(join(dir, 'big'), big);
    await createTree({ dir, name: 'papers', passphrase: PASSPHRASE, workFactor: 2 });
    tree = await openTree(dir, { passphrase: PASSPHRASE });
    await addHome(tree.pod, join(temp.path, 'home'));
    await seal();
    // the first name of an inode goes, the other stays; a file is now a folder; one changes, one only its mode
    unlinkSync(join(dir, 'docs', 'letter'));
    mkdirSync(join(dir, 'docs', 'letter'));
    writeFileSync(join(dir, 'docs', 'new'), 'new\n');
    chmodSync(join(dir, 'big'), 0o600);
    await seal();
    await sync();
    await seal();
    writeFileSync(join(dir, 'docs', 'new'), 'newer\n');
    await seal();
  });
  after(async () => {
    await tree.close();
    temp.remove();
  });

  const seal = (): Promise<unknown> => tree.checkpoint(() => undefined);
  const sync = async (): Promise<void> => {
    for (const outcome of await syncHomes(tree.pod, undefined, () => undefined))
      if ('error' in outcome) throw outcome.error;
  };

  it('lists a folder, everything below it, or one file', async () => {
    assert.deepEqual(await list(1, ''), ['big', 'docs']);
    assert.deepEqual(await list(1, '/docs/'), ['docs/deep', 'docs/letter', 'docs/link', 'docs/same']);
    assert.deepEqual(await list('latest', 'docs', true), [
      ...['docs/deep', 'docs/deep/caf\\xe9', 'docs/letter', 'docs/link', 'docs/new', 'docs/same'],
    ]);
    assert.deepEqual(await list(1, './docs//same'), ['docs/same']);
    assert.deepEqual(await list(2, 'docs/letter'), []);
  });

  it('tells a name that is not UTF-8 without loss, and finds it by that', async () => {
    const pathBase64 = Buffer.concat([Buffer.from('docs/deep/'), RAW_NAME]).toString('base64');
    const entries: EntryReport[] = [];
    const request = { checkpoint: 1, at: { path: '', pathBase64 }, isRecursive: false };
    await listEntries(browsePod(tree.pod), request, (entry) => void entries.push(entry), QUIET);
    assert.deepEqual([entries[0]?.pathBase64, entries[0]?.sizeBytes], [pathBase64, 4]);
    assert.equal((await cat(1, { path: '', pathBase64 })).toString(), 'raw\n');
  });

  it('gives the bytes of a file, by whichever name of its inode', async () => {
    assert.ok((await cat(1, { path: 'big' })).equals(big));
    for (const path of ['docs/letter', 'docs/same'])
      assert.equal((await cat(1, { path })).toString(), 'first\n');
    assert.equal((await cat('latest', { path: 'docs/same' })).toString(), 'first\n');
  });

  it('reads no further than whoever takes the bytes', async () => {
    let isWaiting = false;
    let pieces = 0;
    const emit = async (): Promise<void> => {
      assert.ok(!isWaiting, 'the next piece came before the last was taken');
      isWaiting = true;
      await new Promise((resolve) => setImmediate(resolve));
      isWaiting = false;
      if (++pieces === 2) throw new Error('enough');
    };
    const reading = catFile(browsePod(tree.pod), { checkpoint: 1, at: { path: 'big' } }, emit, QUIET);
    await assert.rejects(reading, /enough/);
    assert.equal(pieces, 2);
  });

  it('stops when it is told to', async () => {
    const stop = new AbortController();
    stop.abort(new Error('stopped'));
    const options = { ...QUIET, signal: stop.signal };
    await assert.rejects(
      catFile(browsePod(tree.pod), { checkpoint: 1, at: { path: 'big' } }, () => undefined, options),
      /stopped/,
    );
  });

  it('tells what changed between checkpoints', async () => {
    const { lines, answer } = await diff(1, 2);
    assert.deepEqual(lines, [
      'changed big mode',
      'changed docs mtime',
      'retyped docs/letter',
      'added docs/new',
    ]);
    const { contentChanged, metadataChanged, newBytes, formerBytes } = answer;
    assert.deepEqual(
      { contentChanged, metadataChanged, newBytes, formerBytes },
      {
        contentChanged: 0,
        metadataChanged: 2,
        newBytes: 4,
        formerBytes: 6,
      },
    );
    assert.deepEqual((await diff(3, 4, 'docs')).lines, ['changed docs/new content mtime']);
    assert.deepEqual((await diff(3, 4, 'big')).lines, []);
  });

  it('reads nothing to compare checkpoints with the same root', async () => {
    const unread: BrowsedPod = {
      ...browsePod(tree.pod),
      events: async () => [],
      content: {
        readChunk: () => assert.fail('a chunk was read'),
        readChunks: () => assert.fail('chunks were read'),
        readRoot: () => assert.fail('a manifest was read'),
      },
    };
    assert.deepEqual((await diff(2, 3, '', unread)).lines, []);
  });

  it('finds paths in all checkpoints, with the ranges in which their content is one', async () => {
    const found = await find('new', 'all');
    assert.deepEqual(found, ['docs/new: 2-3 4 bytes, 4-4 6 bytes']);
    assert.deepEqual(await find('/docs/s*', 'all'), ['docs/same: 1-4 6 bytes']);
    assert.deepEqual(await find('letter', 'all'), ['docs/letter: 1-1 6 bytes, 2-4 directory']);
    assert.deepEqual(await find('caf?', 3), ['docs/deep/caf\\xe9: 3-3 4 bytes']);
    assert.deepEqual(await find('nowhere', 'all'), []);
  });

  it('tells what brought a file here and where it lies', async () => {
    const { versions, epoch } = await explainFile(browsePod(tree.pod), { at: { path: 'docs/new' } }, QUIET);
    assert.equal(epoch, 1);
    const seen = versions.map(({ origin, holders }) => ({
      origin: [origin.number, origin.reason, origin.epoch, origin.deviceId === tree.pod.state.deviceId],
      holders: holders.map(({ number, homes }) => [number, ...homes.map(({ url }) => url)]),
    }));
    assert.deepEqual(seen, [
      { origin: [2, 'files', 1, true], holders: [[2, join(temp.path, 'home')], [3]] },
      { origin: [4, 'files', 1, true], holders: [[4]] },
    ]);
  });

  it('refuses what is not there, is no file, or is no path', async () => {
    const refused = (code: string, work: Promise<unknown>): Promise<void> =>
      assert.rejects(work, (error) => isDeskPodError(error) && error.code === code);
    await refused('CHECKPOINT_NOT_FOUND', list(9, ''));
    await refused('PATH_NOT_FOUND', list(1, 'docs/lett'));
    await refused('PATH_NOT_FOUND', cat(1, { path: 'docs/new' }));
    await refused('PATH_NOT_FOUND', diff(1, 2, 'docs/none'));
    await refused('PATH_NOT_FOUND', explainFile(browsePod(tree.pod), { at: { path: 'x' } }, QUIET));
    await refused('PATH_NOT_A_FILE', cat(1, { path: 'docs' }));
    await refused('PATH_NOT_A_FILE', cat(1, { path: '/' }));
    await refused('PATH_NOT_A_FILE', cat(1, { path: 'docs/link' }));
    await refused('USAGE', list(1, 'docs/../big'));
    await refused('USAGE', list(1, 'a\0b'));
    await refused('USAGE', cat(1, { path: '', pathBase64: '***' }));
    await refused('USAGE', find('[a', 'all'));
  });

  it('says which file is damaged in a pack, and reads the others', async () => {
    const copy = join(temp.path, 'damaged');
    mkdirSync(copy);
    writeFileSync(join(copy, 'small'), 'small');
    writeFileSync(join(copy, 'large'), randomBytes(3_000_000));
    await createTree({ dir: copy, name: 'damaged', passphrase: PASSPHRASE, workFactor: 2 });
    const damaged = await openTree(copy, { passphrase: PASSPHRASE });
    try {
      await damaged.checkpoint(() => undefined);
      const packs = join(copy, '.deskpod', 'repository', 'packs');
      for (const name of readdirSync(packs, { recursive: true, encoding: 'utf8' })) {
        if (!name.endsWith('.age')) continue;
        const bytes = readFileSync(join(packs, name));
        if (bytes.length < 1_000_000) continue;
        bytes.fill(0, 1_000_000, 1_000_100);
        rmSync(join(packs, name));
        writeFileSync(join(packs, name), bytes);
      }
      const pieces: Uint8Array[] = [];
      const reading = catFile(
        browsePod(damaged.pod),
        { checkpoint: 1, at: { path: 'large' } },
        (piece) => void pieces.push(piece),
        QUIET,
      );
      await assert.rejects(
        reading,
        (error) => isDeskPodError(error) && /DAMAGED/.test(error.code) && error.message.startsWith('large: '),
      );
      assert.ok(Buffer.concat(pieces).length < 3_000_000);
    } finally {
      await damaged.close();
    }
  });

  async function list(checkpoint: CheckpointName, path: string, isRecursive = false): Promise<string[]> {
    const paths: string[] = [];
    const request = { checkpoint, at: { path }, isRecursive };
    const { entryCount } = await listEntries(
      browsePod(tree.pod),
      request,
      (entry) => void paths.push(entry.path),
      QUIET,
    );
    assert.equal(entryCount, paths.length);
    return paths;
  }

  async function cat(checkpoint: CheckpointName, at: { path: string; pathBase64?: string }): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    await catFile(browsePod(tree.pod), { checkpoint, at }, (piece) => void pieces.push(piece), QUIET);
    return Buffer.concat(pieces);
  }

  async function find(pattern: string, checkpoint: CheckpointName | 'all'): Promise<string[]> {
    const found: FoundPath[] = [];
    await findPaths(browsePod(tree.pod), { pattern, checkpoint }, (path) => void found.push(path), QUIET);
    return found.map(({ path, versions }) => {
      const ranges = versions.map(({ firstCheckpoint, lastCheckpoint, entry }) => {
        const what = entry.sizeBytes === undefined ? entry.kind : `${entry.sizeBytes} bytes`;
        return `${firstCheckpoint}-${lastCheckpoint} ${what}`;
      });
      return `${path}: ${ranges.join(', ')}`;
    });
  }

  async function diff(before: number, after: number, path = '', pod: BrowsedPod = browsePod(tree.pod)) {
    const changes: ChangeReport[] = [];
    const request = { before, after, at: { path } };
    const answer = await diffCheckpoints(pod, request, (change) => void changes.push(change), QUIET);
    const lines = changes.map(({ kind, path: changed, isContentChanged, fields }) =>
      [kind, changed, ...(kind === 'changed' && isContentChanged ? ['content'] : []), ...fields].join(' '),
    );
    return { lines, answer };
  }
});

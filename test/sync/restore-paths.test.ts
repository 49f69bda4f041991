// Restoring by path: into a new folder, over what is there, after an interruption, and only what is meant.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { isDeskPodError } from '../../src/core/errors.ts';
import type { Root } from '../../src/core/root.ts';
import { INITIAL_STATE } from '../../src/core/state.ts';
import type { BrowsedPod, BrowseOptions } from '../../src/sync/browse/browsed-pod.ts';
import {
  type PlannedEntry,
  type RestoredPaths,
  type RestorePathsRequest,
  restorePaths,
} from '../../src/sync/browse/restore-paths.ts';
import { captureTree } from '../../src/sync/files/capture.ts';
import { setMtimeNs } from '../../src/sync/posix/times.ts';
import { buildTree, generatedTrees } from './support/generated-tree.ts';
import { MemoryContent } from './support/memory-content.ts';
import { makeTempFolder } from './support/temp-folder.ts';
import { listTree, storedBytes } from './support/tree-listing.ts';

const QUIET: BrowseOptions = { onProgress: () => undefined, signal: new AbortController().signal };
const PLAIN = { checkpoint: 'latest', includes: [], excludes: [], mayOverwrite: false } as const;

/** A pod that keeps its chunks in memory, and counts those that are read. */
class CountingPod implements BrowsedPod {
  readonly content: MemoryContent & BrowsedPod['content'];
  readonly state: BrowsedPod['state'];
  readonly proof: BrowsedPod['proof'];
  readonly events = async (): Promise<[]> => [];
  readChunks = 0;
  /** Fails the reading of the chunk with this number. */
  failAt = Number.POSITIVE_INFINITY;

  constructor(memory: MemoryContent, files: Root) {
    const checkpoint = {
      seq: 2,
      atMs: 0,
      number: 1,
      reason: 'files',
      files,
      packs: [],
      stats: { fileCount: 0, fileBytes: 0, imageBytes: 0, storedBytes: 0, pauseMs: 0 },
    } as const;
    this.state = { ...INITIAL_STATE, checkpoints: [checkpoint] };
    const read = async (id: Uint8Array): Promise<Uint8Array> => {
      if (++this.readChunks >= this.failAt) throw new Error('pulled');
      return memory.readChunk(id);
    };
    this.content = Object.assign(Object.create(memory) as MemoryContent, {
      readChunk: read,
      readRoot: (root: Root) => memory.readRoot(root),
      async *readChunks(ids: Iterable<Uint8Array>) {
        for (const id of ids) yield await read(id);
      },
    });
    this.proof = {
      measure: async (id) => memory.chunks.get(Buffer.from(id).toString('hex'))?.length,
      proves: (id, bytes) => createHash('sha256').update(bytes).digest().equals(id),
    };
  }
}

describe('restoring by path', () => {
  let folder: ReturnType<typeof makeTempFolder>;
  let source: string;
  let target: string;
  beforeEach(() => {
    folder = makeTempFolder();
    source = join(folder.path, 'source');
    target = join(folder.path, 'target');
    mkdirSync(source);
  });
  afterEach(() => folder.remove());

  const capture = async (from = source): Promise<CountingPod> => {
    const memory = new MemoryContent();
    return new CountingPod(memory, (await captureTree(from, memory)).root);
  };
  const restore = async (
    pod: CountingPod,
    request: Partial<RestorePathsRequest> = {},
  ): Promise<RestoredPaths & { plan: string[] }> => {
    const planned: PlannedEntry[] = [];
    const whole = { ...PLAIN, isDryRun: false, isVerified: false, into: target, ...request };
    const answer = await restorePaths(pod, whole, (entry) => void planned.push(entry), QUIET);
    return { ...answer, plan: planned.map(({ verdict, path }) => `${verdict} ${path}`) };
  };
  /** Two folders, three files, names that share an inode, a link. */
  const plant = (): void => {
    mkdirSync(join(source, 'home', 'me'), { recursive: true });
    mkdirSync(join(source, 'etc'));
    writeFileSync(join(source, 'etc', 'conf'), 'conf');
    writeFileSync(join(source, 'home', 'me', 'letter'), 'letter');
    linkSync(join(source, 'etc', 'conf'), join(source, 'home', 'me', 'same'));
    linkSync(join(source, 'etc', 'conf'), join(source, 'home', 'me', 'z-same'));
    symlinkSync('/etc/passwd', join(source, 'home', 'me', 'link'));
    writeFileSync(join(source, 'large'), randomBytes(1_000_000));
    chmodSync(join(source, 'home'), 0o711);
  };

  it('gives the captured tree, and finds nothing to do a second time', async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(generatedTrees, async (nodes) => {
        const base = join(folder.path, String(round++));
        mkdirSync(join(base, 'source'), { recursive: true });
        buildTree(Buffer.from(join(base, 'source')), nodes);
        setMtimeNs(join(base, 'source'), 1_000_000_001n);
        const pod = await capture(join(base, 'source'));
        const into = join(base, 'target');
        const first = await restore(pod, { into, isVerified: true });
        assert.deepEqual(listTree(into), listTree(join(base, 'source')));
        const rehearsed = await restore(pod, { into, isDryRun: true, mayOverwrite: true });
        pod.readChunks = 0;
        const second = await restore(pod, { into, mayOverwrite: true });
        assert.deepEqual(listTree(into), listTree(join(base, 'source')));
        assert.equal(pod.readChunks, 0);
        assert.deepEqual([second.verdicts.made, second.verdicts.replaced, second.writtenBytes], [0, 0, 0]);
        assert.deepEqual(second.verdicts, rehearsed.verdicts);
        assert.equal(second.bytes, first.bytes);
      }),
      { numRuns: 10 },
    );
  });

  it('restores only what is meant, the folders on the way, and the content of an inode by any name', async () => {
    plant();
    const pod = await capture();
    const { files, bytes, verdicts } = await restore(pod, { includes: ['/home/me'], excludes: ['le*'] });
    assert.deepEqual(readdirSync(target), ['home']);
    assert.deepEqual(readdirSync(join(target, 'home', 'me')), ['link', 'same', 'z-same']);
    assert.equal(readFileSync(join(target, 'home', 'me', 'same'), 'utf8'), 'conf');
    assert.equal(lstatSync(join(target, 'home', 'me', 'z-same')).nlink, 2);
    assert.equal(statSync(join(target, 'home')).mode & 0o777, 0o711);
    assert.deepEqual([files, bytes, verdicts.made], [2, 4, 5]);
  });

  it('touches nothing but what is meant', async () => {
    plant();
    const pod = await capture();
    mkdirSync(join(target, 'home', 'me'), { recursive: true });
    mkdirSync(join(target, 'other'));
    writeFileSync(join(target, 'home', 'me', 'letter'), 'mine');
    writeFileSync(join(target, 'home', 'me', 'extra'), 'extra');
    utimesSync(join(target, 'home'), 5, 5);
    const before = listTree(join(target, 'other'));
    await restore(pod, { includes: ['/home/me/same'], mayOverwrite: true, isVerified: true });
    assert.equal(readFileSync(join(target, 'home', 'me', 'letter'), 'utf8'), 'mine');
    assert.equal(readFileSync(join(target, 'home', 'me', 'extra'), 'utf8'), 'extra');
    assert.equal(statSync(join(target, 'home')).mtimeMs, 5000);
    assert.equal(statSync(join(target, 'home')).mode & 0o777, 0o755);
    assert.deepEqual(listTree(join(target, 'other')), before);
  });

  it('writes only the chunks that differ', async () => {
    plant();
    const pod = await capture();
    await restore(pod);
    const fd = openSync(join(target, 'large'), 'r+');
    writeSync(fd, 'changed', 250_000);
    closeSync(fd);
    pod.readChunks = 0;
    const { writtenBytes, verdicts } = await restore(pod, { mayOverwrite: true });
    assert.deepEqual([pod.readChunks, writtenBytes, verdicts.replaced], [1, 100_000, 1]);
    assert.deepEqual(listTree(target), listTree(source));
  });

  it('sees a change that left size and time only when it compares everything', async () => {
    plant();
    const pod = await capture();
    await restore(pod);
    const { mtimeNs } = statSync(join(source, 'large'), { bigint: true });
    const fd = openSync(join(target, 'large'), 'r+');
    writeSync(fd, 'silent', 950_000);
    closeSync(fd);
    setMtimeNs(join(target, 'large'), mtimeNs);
    assert.equal((await restore(pod, { mayOverwrite: true })).writtenBytes, 0);
    const thorough = await restore(pod, { mayOverwrite: true, isVerified: true });
    assert.deepEqual([thorough.writtenBytes, thorough.verifiedFiles], [100_000, 5]);
    assert.deepEqual(listTree(target), listTree(source));
  });

  it('sees such a change in a file with several names, too, and makes that anew under all that are meant', async () => {
    plant();
    const pod = await capture();
    await restore(pod);
    const conf = join(target, 'etc', 'conf');
    linkSync(conf, join(folder.path, 'outside'));
    const { mtimeNs } = statSync(conf, { bigint: true });
    writeFileSync(conf, 'CONF');
    setMtimeNs(conf, mtimeNs);
    assert.equal((await restore(pod, { mayOverwrite: true })).writtenBytes, 0);
    const thorough = await restore(pod, { mayOverwrite: true, isVerified: true });
    assert.deepEqual([thorough.writtenBytes, thorough.verifiedFiles], [4, 5]);
    assert.deepEqual(listTree(target), listTree(source));
    assert.equal(readFileSync(join(folder.path, 'outside'), 'utf8'), 'CONF');
    pod.readChunks = 0;
    assert.equal((await restore(pod, { mayOverwrite: true, isVerified: true })).writtenBytes, 0);
    assert.equal(pod.readChunks, 0);
  });

  it('goes on where it was interrupted, wherever that was', async () => {
    plant();
    writeFileSync(join(source, 'sparse'), 'start');
    truncateSync(join(source, 'sparse'), 3_000_000);
    const whole = await capture();
    await restore(whole, { into: join(folder.path, 'whole') });
    const chunkCount = whole.readChunks;
    for (let failAt = 1; failAt <= chunkCount; failAt += Math.ceil(chunkCount / 5)) {
      const pod = await capture();
      pod.failAt = failAt;
      const into = join(folder.path, `stopped-${failAt}`);
      await assert.rejects(restore(pod, { into }), /pulled/);
      pod.failAt = Number.POSITIVE_INFINITY;
      pod.readChunks = 0;
      await restore(pod, { into, mayOverwrite: true, isVerified: true });
      assert.deepEqual(listTree(into), listTree(source));
      // what was written before is not fetched again, but for what was under way
      assert.ok(pod.readChunks <= chunkCount, `${pod.readChunks} chunks for ${chunkCount}`);
      assert.ok(storedBytes(into, 'sparse') < 200_000);
    }
  });

  it('writes to no inode that has a name elsewhere', async () => {
    plant();
    const pod = await capture();
    mkdirSync(target);
    writeFileSync(join(folder.path, 'outside'), 'x'.repeat(1_000_000));
    linkSync(join(folder.path, 'outside'), join(target, 'large'));
    await restore(pod, { mayOverwrite: true });
    assert.deepEqual(listTree(target), listTree(source));
    assert.equal(readFileSync(join(folder.path, 'outside'), 'utf8'), 'x'.repeat(1_000_000));
  });

  it('is not led out of the target by a link, and says so in a dry run', async () => {
    plant();
    const pod = await capture();
    const outside = join(folder.path, 'outside');
    mkdirSync(join(outside, 'me'), { recursive: true });
    writeFileSync(join(outside, 'me', 'letter'), 'theirs');
    mkdirSync(target);
    symlinkSync(outside, join(target, 'home'));
    const request = { mayOverwrite: true, includes: ['/home/me/letter'] };
    assert.deepEqual((await restore(pod, { ...request, isDryRun: true })).plan, [
      'blocked home',
      'make home/me',
      'make home/me/letter',
    ]);
    await assert.rejects(restore(pod, request), (error) => isDeskPodError(error, 'TARGET_NOT_EMPTY'));
    const all = await restore(pod, { mayOverwrite: true, isDryRun: true, includes: ['/home'] });
    assert.deepEqual(all.plan.slice(0, 2), ['replace home', 'make home/me']);
    await restore(pod, { mayOverwrite: true, includes: ['/home'] });
    assert.ok(lstatSync(join(target, 'home')).isDirectory());
    assert.equal(readFileSync(join(outside, 'me', 'letter'), 'utf8'), 'theirs');
    assert.equal(readlinkSync(join(target, 'home', 'me', 'link')), '/etc/passwd');
  });

  it('removes no folder that has something in it', async () => {
    plant();
    const pod = await capture();
    mkdirSync(join(target, 'large'), { recursive: true });
    writeFileSync(join(target, 'large', 'precious'), 'precious');
    const rehearsed = await restore(pod, { mayOverwrite: true, isDryRun: true });
    assert.equal(rehearsed.blocked, 1);
    await assert.rejects(restore(pod, { mayOverwrite: true }), (error) =>
      isDeskPodError(error, 'TARGET_NOT_EMPTY'),
    );
    assert.equal(readFileSync(join(target, 'large', 'precious'), 'utf8'), 'precious');
    unlinkSync(join(target, 'large', 'precious'));
    await restore(pod, { mayOverwrite: true });
    assert.deepEqual(listTree(target), listTree(source));
  });

  it('only looks in a dry run', async () => {
    plant();
    const pod = await capture();
    const { plan, verdicts, writtenBytes } = await restore(pod, { isDryRun: true });
    assert.ok(!existsSync(target));
    assert.equal(pod.readChunks, 0);
    assert.equal(plan.length, 10);
    assert.deepEqual([verdicts.made, writtenBytes], [10, 1_000_010]);
    await restore(pod);
    chmodSync(join(target, 'home', 'me', 'letter'), 0o600);
    const before = listTree(target);
    const again = await restore(pod, { isDryRun: true, mayOverwrite: true });
    assert.deepEqual(
      again.plan.filter((line) => !line.startsWith('leave')),
      ['describe home/me/letter'],
    );
    assert.deepEqual(listTree(target), before);
  });

  it('says when what it reads back is not what it wrote', async () => {
    plant();
    const pod = await capture();
    const { proof } = pod;
    const lying = Object.assign(Object.create(pod) as CountingPod, {
      proof: {
        ...proof,
        proves: (id: Uint8Array, bytes: Uint8Array) => bytes.length < 10 && proof.proves(id, bytes),
      },
    });
    await assert.rejects(restore(lying, { isVerified: true }), (error) => {
      assert.ok(isDeskPodError(error, 'TARGET_WRITE_FAILED'));
      assert.deepEqual(error.details.paths, ['large']);
      return true;
    });
  });

  it('refuses a folder that is not empty, patterns that mean nothing, and broken ones', async () => {
    plant();
    const pod = await capture();
    const refused = (code: string, request: Partial<RestorePathsRequest>): Promise<void> =>
      assert.rejects(restore(pod, request), (error) => isDeskPodError(error) && error.code === code);
    await refused('PATH_NOT_FOUND', { includes: ['/home', '/nowhere'] });
    await refused('USAGE', { includes: ['[a'] });
    await refused('CHECKPOINT_NOT_FOUND', { checkpoint: 7 });
    assert.ok(!existsSync(target));
    mkdirSync(target);
    writeFileSync(join(target, 'mine'), 'mine');
    for (const isDryRun of [false, true]) await refused('TARGET_NOT_EMPTY', { isDryRun });
    assert.deepEqual(readdirSync(target), ['mine']);
    rmSync(target, { recursive: true });
    writeFileSync(target, 'a file');
    for (const isDryRun of [false, true]) await refused('TARGET_NOT_EMPTY', { isDryRun });
    await refused('TARGET_WRITE_FAILED', { mayOverwrite: true });
  });
});

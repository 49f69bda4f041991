// A checkpoint of a watched tree is the one that a scan of everything would make, and scans only when it has to.
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Root } from '../../../src/core/root.ts';
import { latestCheckpoint } from '../../../src/core/state.ts';
import { captureInto } from '../../../src/sync/pod/seal-checkpoint.ts';
import { createTree, openTree } from '../../../src/sync/pod/tree.ts';
import { makeFifo } from '../../../src/sync/posix/nodes.ts';
import { setXattr } from '../../../src/sync/posix/xattr.ts';
import { WatchedTree } from '../../../src/sync/watch/watched-tree.ts';
import { itAsRoot } from '../../as-root.ts';
import { expectCode } from '../expect-code.ts';
import { exchange } from '../support/exchange.ts';
import { makeTempFolder } from '../support/temp-folder.ts';

const PASSPHRASE = 'correct horse';
const SILENT = (): void => undefined;

describe('a watched tree', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let dir: string;
  let watched: WatchedTree;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    temp = makeTempFolder();
    dir = join(temp.path, 'tree');
    mkdirSync(join(dir, 'a', 'b'), { recursive: true });
    for (const name of ['file', 'other', 'a/note', 'a/b/deep']) writeFileSync(join(dir, name), name);
    await createTree({ dir, name: 'papers', passphrase: PASSPHRASE, workFactor: 2 });
    watched = await WatchedTree.start(await openTree(dir, { passphrase: PASSPHRASE }));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await watched.close();
    temp.remove();
  });

  /** The manifest of a checkpoint made now. */
  async function sealed(): Promise<Root> {
    await watched.checkpoint(SILENT);
    const files = latestCheckpoint(watched.pod.state)?.files;
    assert.ok(files !== undefined);
    return files;
  }

  /** The manifest that a scan makes which trusts nobody. */
  async function scanned(): Promise<Root> {
    const isExcluded = (path: Uint8Array): boolean => String(path) === '.deskpod';
    return (await captureInto(watched.pod.content, dir, 'data', { isExcluded })).root;
  }

  async function gaps(): Promise<string[]> {
    const events = await watched.pod.events(1);
    return events.flatMap(({ event }) => (event.type === 'watch.gap' ? [event.cause] : []));
  }

  async function assertPatched(): Promise<void> {
    assert.equal(watched.needsScan, false);
    assert.deepEqual(await sealed(), await scanned());
    assert.deepEqual(await gaps(), ['start']);
  }

  itAsRoot('says at each checkpoint what it leaves out, as something else is mounted there', async () => {
    mkdirSync(join(dir, 'a', 'drive'));
    execFileSync('mount', ['-t', 'tmpfs', 'none', join(dir, 'a', 'drive')]);
    const leftOut = async () => (await watched.checkpoint(SILENT)).notCrossed;
    try {
      assert.deepEqual(await leftOut(), ['a/drive']);
      assert.deepEqual(await leftOut(), ['a/drive']);
      for (const name of ['file', 'a/note']) {
        appendFileSync(join(dir, name), 'more');
        assert.deepEqual(await leftOut(), ['a/drive']);
      }
      // the folder around it is another one: all in it is looked at again
      renameSync(join(dir, 'a', 'b'), join(dir, 'a', 'c'));
      assert.deepEqual(await leftOut(), ['a/drive']);
      assert.equal(watched.needsScan, false);
      assert.deepEqual(watched.notCrossed().map(String), ['a/drive']);
    } finally {
      execFileSync('umount', [join(dir, 'a', 'drive')]);
    }
    assert.deepEqual(await leftOut(), []);
  });

  itAsRoot('looks again at what a drive that was full kept it from looking at', async () => {
    const [former, drive] = [watched, join(temp.path, 'drive')];
    mkdirSync(drive);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16M', 'none', drive]);
    try {
      dir = join(drive, 'tree');
      mkdirSync(dir);
      for (const name of ['file', 'other']) writeFileSync(join(dir, name), name);
      await createTree({ dir, name: 'papers', passphrase: PASSPHRASE, workFactor: 2 });
      watched = await WatchedTree.start(await openTree(dir, { passphrase: PASSPHRASE }));
      await sealed();
      appendFileSync(join(dir, 'other'), 'more');
      linkSync(join(dir, 'file'), join(dir, 'second'));
      assert.throws(() => writeFileSync(join(drive, 'filling'), Buffer.alloc(16 * 2 ** 20)));
      const fillLog = async (): Promise<void> => {
        for (;;) await watched.pod.append({ type: 'noteGap', cause: 'clock' });
      };
      await expectCode('SPACE_EXHAUSTED', fillLog);
      await expectCode('SPACE_EXHAUSTED', sealed);
      rmSync(join(drive, 'filling'));
      assert.deepEqual(await sealed(), await scanned());
      assert.equal((await gaps()).at(-1), 'links');
    } finally {
      if (watched !== former) await watched.close();
      watched = former;
      execFileSync('umount', [drive]);
    }
  });

  it('is scanned at first, and not again', async () => {
    assert.equal(watched.needsScan, true);
    assert.deepEqual(await sealed(), await scanned());
    assert.equal(watched.needsScan, false);
    const root = await sealed();
    assert.deepEqual(await sealed(), root);
    assert.deepEqual(await gaps(), ['start']);
  });

  it('has the same manifest as a scan after any edits, and needs one only for unknown names', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(edits, { minLength: 1, maxLength: 12 }), async (batch) => {
        for (const edit of batch) apply(dir, edit);
        assert.deepEqual(await sealed(), await scanned());
      }),
      { numRuns: 40 },
    );
    assert.deepEqual(
      (await gaps()).filter((cause) => cause !== 'start' && cause !== 'links'),
      [],
    );
  });

  it('carries over inodes with several names, and joins to them what comes from outside', async () => {
    mkdirSync(join(temp.path, 'outside'));
    linkSync(join(dir, 'file'), join(temp.path, 'outside', 'name'));
    linkSync(join(dir, 'other'), join(dir, 'a', 'second'));
    await sealed();
    writeFileSync(join(dir, 'a', 'note'), 'changed');
    await assertPatched();
    renameSync(join(temp.path, 'outside'), join(dir, 'inside'));
    await assertPatched();
    renameSync(join(dir, 'a'), join(dir, 'z'));
    await assertPatched();
  });

  it('notices what is written through a name outside of it', async () => {
    linkSync(join(dir, 'file'), join(temp.path, 'outside'));
    await sealed();
    await sealed();
    appendFileSync(join(temp.path, 'outside'), 'more');
    await assertPatched();
  });

  it('goes on when a file takes the place of a folder with a second name and a file that is open in it', async () => {
    linkSync(join(dir, 'file'), join(dir, 'a', 'b', 'second'));
    const held = openSync(join(dir, 'a', 'b', 'deep'), 'r+');
    await sealed();
    rmSync(join(dir, 'a', 'b'), { recursive: true });
    writeFileSync(join(dir, 'a', 'b'), 'a file');
    try {
      await assertPatched();
      await assertPatched();
    } finally {
      closeSync(held);
    }
  });

  it('looks at everything when a file got a second name, as nothing tells which the first is', async () => {
    await sealed();
    linkSync(join(dir, 'file'), join(dir, 'a', 'name'));
    assert.deepEqual(await sealed(), await scanned());
    assert.deepEqual(await gaps(), ['start', 'links']);
    appendFileSync(join(dir, 'file'), 'by one name');
    assert.deepEqual(await sealed(), await scanned());
    rmSync(join(dir, 'file'));
    assert.deepEqual(await sealed(), await scanned());
    assert.deepEqual(await gaps(), ['start', 'links']);
  });

  it('has what is written to an open file that got another name instead of the one it was opened by', async () => {
    const held = openSync(join(dir, 'file'), 'r+');
    try {
      linkSync(join(dir, 'file'), join(dir, 'moved'));
      rmSync(join(dir, 'file'));
      await sealed();
      writeSync(held, 'something else');
      assert.deepEqual(await sealed(), await scanned());
      writeSync(held, 'and more');
    } finally {
      closeSync(held);
    }
    assert.deepEqual(await sealed(), await scanned());
    assert.deepEqual(await gaps(), ['start', 'links']);
    await sealed();
    assert.equal(watched.needsScan, false);
  });

  it('has what a program writes through memory, while it has the file mapped and afterwards', async () => {
    await sealed();
    const writer = startWriter(join(dir, 'file'));
    children.push(writer.child);
    await writer.step();
    await assertPatched();
    await writer.step(); // the page is dirty already: no time of the file changes
    await assertPatched();
    await writer.step();
    writer.child.kill('SIGKILL');
    await once(writer.child, 'exit');
    await assertPatched();
  });

  itAsRoot('has what is written to the file system in an image file of it that is mounted', async () => {
    const [image, drive] = [join(dir, 'image'), join(temp.path, 'drive')];
    mkdirSync(drive);
    writeFileSync(image, '');
    truncateSync(image, 4 * 2 ** 20);
    execFileSync('mkfs.ext2', ['-q', '-F', image]);
    execFileSync('mount', ['-o', 'loop', image, drive]);
    try {
      await sealed();
      await sealed();
      writeFileSync(join(drive, 'file'), randomBytes(100_000));
      execFileSync('sync', ['-f', drive]);
      await assertPatched();
    } finally {
      execFileSync('umount', [drive]);
    }
  });

  it('has what a program writes through memory also when everything has to be looked at', async () => {
    const now = Date.now;
    // so that no file changed too shortly ago to be known
    Date.now = () => now() + 60_000;
    try {
      await watched.close();
      watched = await WatchedTree.start(await openTree(dir, { passphrase: PASSPHRASE }));
      await sealed();
      const writer = startWriter(join(dir, 'file'));
      children.push(writer.child);
      await writer.step();
      await sealed();
      await writer.step(); // the page is dirty already: no time of the file changes
      linkSync(join(dir, 'other'), join(dir, 'a', 'name'));
      assert.deepEqual(await sealed(), await scanned());
      assert.deepEqual(await gaps(), ['start', 'start', 'links']);
    } finally {
      Date.now = now;
    }
  });

  it('stores what has changed ahead of the checkpoint, which then has nothing to read', async () => {
    await sealed();
    const before = watched.pod.state.packs;
    writeFileSync(join(dir, 'large'), Buffer.alloc(5 * 1024 * 1024, 'large'));
    utimesSync(join(dir, 'large'), 1, 1);
    const { signal } = new AbortController();
    const path = Buffer.from('large');
    assert.equal(
      await watched.readAhead.take([{ path: Buffer.from('file'), isWhole: false }], signal),
      false,
    );
    assert.equal(await watched.readAhead.take([{ path, isWhole: false }], signal), true);
    assert.equal(watched.pod.state.packs, before);
    assert.deepEqual(await sealed(), await scanned());
  });

  it('seals nothing on schedule if nothing has changed, and else with that reason', async () => {
    await sealed();
    const onSchedule = { reason: 'schedule', isOptional: true, ifDoubtful: 'stop' } as const;
    assert.equal(await watched.seal(onSchedule, SILENT), undefined);
    chmodSync(join(dir, 'file'), 0o600);
    assert.equal((await watched.seal(onSchedule, SILENT))?.number, 2);
    assert.equal(latestCheckpoint(watched.pod.state)?.reason, 'schedule');
    assert.equal(await watched.seal(onSchedule, SILENT), undefined);
  });

  it('asks once on schedule about what looks like a loss, and goes on when it is answered', async () => {
    await sealed();
    const onSchedule = { reason: 'schedule', isOptional: true, ifDoubtful: 'stop' } as const;
    const asked = async (): Promise<number> => {
      await expectCode('CHECKPOINT_DOUBTFUL', () => watched.seal(onSchedule, SILENT));
      const events = await watched.pod.events(1);
      return events.filter(({ event }) => event.type === 'checkpoint.doubted').length;
    };
    const away = (name: string): string => join(temp.path, `away-${name}`);
    const names = ['file', 'other', 'a'];
    for (const name of names) renameSync(join(dir, name), away(name));
    assert.deepEqual([await asked(), await asked()], [1, 1]);
    for (const name of names) renameSync(away(name), join(dir, name));
    assert.equal((await watched.seal(onSchedule, SILENT))?.number, 2);
    assert.equal(watched.pod.state.doubt, undefined);
    assert.equal(await watched.seal(onSchedule, SILENT), undefined);

    for (const name of names) rmSync(join(dir, name), { recursive: true });
    assert.deepEqual([await asked(), await asked()], [2, 2]);
    assert.equal((await watched.checkpoint(SILENT, 'accept')).number, 3);
    writeFileSync(join(dir, 'new'), 'new');
    assert.equal((await watched.seal(onSchedule, SILENT))?.number, 4);
  });

  it('is asked about what changed between a scan that sealed nothing and the checkpoint', async () => {
    for (let i = 0; i < 60; i++) writeFileSync(join(dir, `${i}.txt`), `The text of file ${i}. `.repeat(20));
    await sealed();
    for (let i = 0; i < 30; i++) writeFileSync(join(dir, `${i}.txt`), randomBytes(500));
    watched.distrust();
    await watched.reconcile(SILENT);
    for (let i = 30; i < 33; i++) writeFileSync(join(dir, `${i}.txt`), randomBytes(500));
    const { details } = await expectCode('CHECKPOINT_DOUBTFUL', () => watched.checkpoint(SILENT));
    assert.equal(details.noiseCount, 33);
  });

  itAsRoot('says once in the log what it cannot read on schedule, and goes on when it can', async () => {
    await sealed();
    const onSchedule = { reason: 'schedule', isOptional: true, ifDoubtful: 'stop' } as const;
    execFileSync('chown', ['-R', '65534:65534', temp.path]);
    execFileSync('chown', ['0:0', join(dir, 'a')]);
    chmodSync(join(dir, 'a'), 0o700);
    const asNobody = async <Result>(act: () => Promise<Result>): Promise<Result> => {
      process.seteuid?.(65_534);
      try {
        return await act();
      } finally {
        process.seteuid?.(0);
      }
    };
    for (let i = 0; i < 2; i++)
      await expectCode('SOURCE_UNREADABLE', () => asNobody(() => watched.seal(onSchedule, SILENT)));
    const { doubt } = watched.pod.state;
    assert.deepEqual([doubt?.causes, doubt?.examples], [['unreadable'], [join(dir, 'a')]]);
    const events = await watched.pod.events(1);
    assert.equal(events.filter(({ event }) => event.type === 'checkpoint.doubted').length, 1);
    chmodSync(join(dir, 'a'), 0o755);
    assert.equal((await asNobody(() => watched.seal(onSchedule, SILENT)))?.number, 2);
    assert.equal(watched.pod.state.doubt, undefined);
  });

  it('scans ahead of the first checkpoint if there is time', async () => {
    await watched.reconcile(SILENT);
    appendFileSync(join(dir, 'file'), 'more');
    await assertPatched();
  });

  it('keeps what has changed in mind if a checkpoint fails', async () => {
    await sealed();
    writeFileSync(join(dir, 'new'), 'new');
    const flush = watched.pod.content.flush.bind(watched.pod.content);
    watched.pod.content.flush = () => Promise.reject(new Error('no space'));
    await assert.rejects(sealed(), /no space/);
    watched.pod.content.flush = flush;
    await assertPatched();
  });
});

type Edit = readonly [kind: (typeof KINDS)[number], path: string, other: string];
const KINDS = [
  ...['write', 'append', 'mkdir', 'remove', 'rename', 'link', 'symlink', 'fifo', 'chmod', 'touch', 'xattr'],
  ...['rename', 'mkdir', 'write', 'exchange'],
] as const;
const names = fc.constantFrom('a', 'b', 'c', 'a-', 'file', 'n\u00e9', 'x\\y');
const paths = fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const edits: fc.Arbitrary<Edit> = fc.tuple(fc.constantFrom(...KINDS), paths, paths);

/** Does something to a tree; what cannot be done is not. */
function apply(dir: string, [kind, path, other]: Edit): void {
  const [place, target] = [join(dir, path), join(dir, other)];
  try {
    if (kind === 'write') writeFileSync(place, other);
    else if (kind === 'append') appendFileSync(place, other);
    else if (kind === 'mkdir') mkdirSync(place, { recursive: true });
    else if (kind === 'remove') rmSync(place, { recursive: true });
    else if (kind === 'rename') renameSync(place, target);
    else if (kind === 'exchange') exchange(place, target);
    else if (kind === 'link') linkSync(place, target);
    else if (kind === 'symlink') symlinkSync(other, place);
    else if (kind === 'fifo') makeFifo(`${place}.fifo`, 0o600);
    else if (kind === 'chmod') chmodSync(place, 0o700 + other.length);
    else if (kind === 'touch') utimesSync(place, other.length, other.length);
    else setXattr(place, 'user.mark', Buffer.from(other));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}

/** A program that maps a file and writes a byte of it at each step. */
function startWriter(file: string): { readonly child: ChildProcess; step(): Promise<void> } {
  const program = [
    'import mmap, sys',
    `f = open(${JSON.stringify(file)}, "r+b"); m = mmap.mmap(f.fileno(), 4); f.close()`,
    'for i, line in enumerate(sys.stdin): m[0] = 65 + i; print("done", flush=True)',
  ];
  const child = spawn('python3', ['-c', program.join('\n')], { stdio: ['pipe', 'pipe', 'inherit'] });
  return {
    child,
    step: async () => {
      child.stdin.write('go\n');
      await once(child.stdout, 'data');
    },
  };
}

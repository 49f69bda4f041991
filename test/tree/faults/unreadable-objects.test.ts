// Objects that a drive does not give, in real commands: what cannot be read is named, and nothing else is harmed by it.
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT_STATUS } from '../../../src/cli/exit-codes.ts';
import type { ErrorCode } from '../../../src/core/errors.ts';
import type { Failure } from '../program.ts';
import { filesBelow } from '../tree-lab.ts';
import { CrashLab } from './crash-lab.ts';
import { failing, failureUnder, type SystemFault } from './injection.ts';
import { requireWholeHome, requireWholePod } from './whole.ts';

interface Verified {
  readonly damage: readonly { readonly kind: string; readonly name: string; readonly fault: string }[];
  readonly lost: readonly {
    readonly checkpoint: number;
    readonly files: readonly { readonly path: string }[];
  }[];
}

describe('an object that the drive does not give', function () {
  this.timeout(180_000);
  let lab: CrashLab;
  let repository: string;
  /** The pack with the file `large`, and the segment with the first record, as they are called and where they lie. */
  let pack: { readonly name: string; readonly path: string };
  let segment: { readonly name: string; readonly path: string };
  beforeEach(async () => {
    lab = await CrashLab.open();
    repository = join(lab.podDir, 'repository');
    await lab.change('large', 400_000);
    await lab.checkpoint();
    pack = largestBelow(join(repository, 'packs'));
    segment = largestBelow(join(repository, 'segments'));
  });
  afterEach(async () => {
    await lab.close();
  });

  /** From the `nth` on each read of the file fails. */
  const unreadable = (path: string, nth = 1): SystemFault => ({
    ...{ calls: ['read', 'pread64', 'readv', 'preadv'], error: 'EIO', path },
    ...{ nth, step: 1 },
  });
  const failureOf = (args: readonly string[], path: string, nth?: number): Promise<Failure | undefined> =>
    failureUnder(unreadable(path, nth), lab.tree.program, args);
  const verifyUnder = async (path: string, nth?: number): Promise<Verified> => {
    const args = ['--json', 'verify', '--read-data', '--no-heal', ...lab.tree.at];
    const { status, stdout, stderr } = await failing(lab.tree.program, unreadable(path, nth)).run(args);
    assert.equal(status, EXIT_STATUS.damaged, stderr);
    assert.doesNotMatch(stderr, /defect of deskpod/);
    return JSON.parse(stdout) as Verified;
  };
  const requireNamed = (failure: Failure | undefined, label: string, ...codes: ErrorCode[]): void => {
    assert.ok(failure !== undefined && codes.includes(failure.code as ErrorCode), JSON.stringify(failure));
    assert.ok(failure.message.includes(label), failure.message);
  };

  for (const nth of [1, 2])
    it(`is found by a verify that cannot make its read ${nth}, with the files that are lost by it`, async () => {
      const { damage, lost } = await verifyUnder(pack.path, nth);
      assert.deepEqual(
        damage.map(({ kind, name, fault }) => [kind, name, fault]),
        [['packs', pack.name, 'unreadable']],
      );
      const files = lost.map(({ checkpoint, files: named }) => [
        checkpoint,
        named.map(({ path }) => path).filter((path) => path === 'large'),
      ]);
      assert.deepEqual(files, [[1, ['large']]]);
      await requireWholePod(lab.tree.dir, lab.sealed);
    });

  it('is found by a verify if it is a segment', async () => {
    const { damage } = await verifyUnder(segment.path);
    assert.deepEqual(
      damage.map(({ kind, name, fault }) => [kind, name, fault]),
      [['segments', segment.name, 'unreadable']],
    );
    await requireWholePod(lab.tree.dir, lab.sealed);
  });

  it('is named with the file that needs it when that is read or restored', async () => {
    const { at, program, temp, dir } = lab.tree;
    const copy = join(temp, 'copy');
    const { status, stdout, stderr } = await failing(program, unreadable(pack.path, 2)).run([
      ...['cat', 'latest', 'large', ...at],
    ]);
    assert.equal(status, EXIT_STATUS.damaged, stderr);
    assert.match(stderr, new RegExp(`^deskpod: large: .*packs/${pack.name}`, 'm'));
    assert.ok(Buffer.byteLength(stdout) < 400_000);
    const failure = await failureOf(['restore', '--into', copy, ...at], pack.path, 2);
    // several chunks are read at once: the pack may be known to be of no use when the next one is looked for
    requireNamed(failure, `packs/${pack.name}`, 'OBJECT_DAMAGED', 'CHUNK_MISSING');
    await program.answer(['restore', '--into', copy, '--overwrite', ...at]);
    assert.deepEqual(await filesBelow(copy), await filesBelow(dir));
  });

  it('keeps a prune from forgetting anything', async () => {
    await lab.change('large', 300_000);
    await lab.checkpoint();
    const args = ['prune', '--keep-last', '1', '--max-unused', '0', ...lab.tree.at];
    const other = largestBelow(join(repository, 'packs'), [pack.path]);
    requireNamed(await failureOf(args, other.path), `packs/${other.name}`, 'CHUNK_MISSING');
    const { checkpoints } = await requireWholePod(lab.tree.dir, lab.sealed);
    assert.equal(checkpoints.length, 2);
  });

  for (const what of ['pack', 'segment'] as const)
    it(`keeps a sync from moving the head of home if it is a ${what}, and the next sync goes on`, async () => {
      const { home, podId, at, program } = lab.tree;
      await program.answer(['home', 'add', home, ...at]);
      await lab.tree.sync();
      await lab.change('large', 300_000);
      await lab.checkpoint();
      const folder = join(repository, `${what}s`);
      const sent = new Set(filesIn(join(home, 'pods', podId, `${what}s`)).map(({ name }) => name));
      const unsent = filesIn(folder).filter(({ name }) => !sent.has(name));
      const object = unsent.reduce((a, b) => (a.sizeBytes > b.sizeBytes ? a : b));
      requireNamed(
        await failureOf(['sync', ...at], object.path),
        `${what}s/${object.name}`,
        'OBJECT_DAMAGED',
      );
      assert.equal((await requireWholeHome(home, podId, lab.sealed))?.checkpoints.length, 1);
      await lab.tree.sync();
      assert.equal((await requireWholeHome(home, podId, lab.sealed))?.checkpoints.length, 2);
    });

  for (const what of ['pack', 'segment'] as const)
    it(`at home is named by a restore if it is a ${what}, which goes on when it can be read`, async () => {
      await lab.tree.bringHome();
      const { home, podId, temp, dir } = lab.tree;
      lab.sealed.set(2, await filesBelow(dir));
      const object = largestBelow(join(home, 'pods', podId, `${what}s`));
      const failure = await failureOf(lab.tree.restoreTo('back'), object.path);
      requireNamed(failure, `${what}s/${object.name}`, 'HOME_DAMAGED');
      await lab.tree.restoreHere('back', {});
      await requireWholePod(join(temp, 'back'), lab.sealed);
    });

  it('at home is named by a check of it', async () => {
    await lab.tree.bringHome();
    const { home, podId, program } = lab.tree;
    const object = largestBelow(join(home, 'pods', podId, 'packs'));
    const { status, stdout, stderr } = await failing(program, unreadable(object.path)).run([
      ...['--json', 'home', 'check', home],
    ]);
    assert.equal(status, EXIT_STATUS.damaged, stderr);
    const { pods } = JSON.parse(stdout) as { pods: { damaged: string[] }[] };
    assert.deepEqual(
      pods.map(({ damaged }) => damaged),
      [[`packs/${object.name.slice(0, 2)}/${object.name}.age`]],
    );
  });
});

interface ObjectFile {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
}

function filesIn(dir: string): ObjectFile[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return { name: entry.name.replace('.age', ''), path, sizeBytes: statSync(path).size };
    });
}

function largestBelow(dir: string, besides: readonly string[] = []): ObjectFile {
  const files = filesIn(dir).filter(({ path }) => !besides.includes(path));
  return files.reduce((a, b) => (a.sizeBytes > b.sizeBytes ? a : b));
}

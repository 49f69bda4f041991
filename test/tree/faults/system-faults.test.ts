// System calls that fail in a real command: it tells a code and the file, loses nothing, and the next one works.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { restorePod } from '../../../src/session/pod/restore-pod.ts';
import { readXattrs, setXattr } from '../../../src/sync/posix/xattr.ts';
import { IS_EXHAUSTIVE } from '../../exhaustive.ts';
import type { Failure } from '../program.ts';
import { filesBelow, PASSPHRASE } from '../tree-lab.ts';
import { CrashLab } from './crash-lab.ts';
import { FAULT_CODES, failing, failureUnder, type SystemFault } from './injection.ts';
import { leftovers, requireWholeHome, requireWholePod } from './whole.ts';

const WRITING: readonly Omit<SystemFault, 'nth'>[] = [
  { calls: ['pwrite64'], error: 'EIO' },
  { calls: ['pwrite64'], error: 'EDQUOT' },
  { calls: ['rename', 'renameat'], error: 'EROFS' },
  { calls: ['fsync'], error: 'EIO' },
  { calls: ['mkdir', 'mkdirat'], error: 'ENOSPC' },
];
/** What a prune and a restore do to a drive, themselves and by rsync. */
const CHANGING: readonly SystemFault['calls'][] = [
  ['pwrite64'],
  ['rename', 'renameat'],
  ['fsync', 'syncfs'],
  ['mkdir', 'mkdirat'],
  ['unlink', 'unlinkat'],
  ['ftruncate', 'utimensat', 'fchmod', 'chmod'],
];
/** Before those that are meant: fsyncs of Node's own, and the note of who holds the lock. */
const FSYNCS_OF_NODE = 3;
const NOTES_OF_LOCKS = 1;
/** Each of so many calls of a kind is made to fail in turn if thoroughness is asked for. */
const EACH_OF = 60;
/** The command does well without some calls, such as the note of who holds a lock; without so many it makes no more. */
const SPARED_MAX = 3;
/** Any of a network drive's, or of one that a program serves. */
const INTERRUPTIBLE = [
  ...['statx', 'getdents64', 'llistxattr', 'lgetxattr', 'lsetxattr', 'lseek', 'utimensat', 'syncfs'],
];

describe('a system call that fails', function () {
  this.timeout(IS_EXHAUSTIVE ? 3_600_000 : 180_000);
  let lab: CrashLab;
  beforeEach(async () => {
    lab = await CrashLab.open();
    await lab.change('large', 400_000);
    await lab.checkpoint();
  });
  afterEach(async () => {
    await lab.close();
  });

  const failureOf = (args: readonly string[], fault: SystemFault): Promise<Failure | undefined> =>
    failureUnder(fault, lab.tree.program, args);

  for (const [what, code, place] of [
    ['the log', 'LOG_DAMAGED', () => join('log', '000000000001.log')],
    ['the head', 'HEAD_DAMAGED', () => join('repository', 'head')],
    ['the marker', 'MARKER_DAMAGED', () => 'deskpod.pod'],
    ['the keyring', 'OBJECT_DAMAGED', (dir) => only(dir, join('repository', 'keyrings'))],
  ] as const satisfies readonly (readonly [string, ErrorCode, (podDir: string) => string])[])
    it(`to read ${what} is damage of that file`, async () => {
      const path = join(lab.podDir, place(lab.podDir));
      const fault = { calls: ['read', 'pread64'], error: 'EIO', path } as const;
      const failure = await failureOf(['checkpoint', ...lab.tree.at], fault);
      assert.equal(failure?.code, code);
      // of the marker it is the pod whose place is known
      const name = what === 'the marker' ? `${lab.tree.dir}: marker` : path.slice(path.lastIndexOf('/') + 1);
      assert.ok(failure.message.includes(name), failure.message);
      await requireWholePod(lab.tree.dir, lab.sealed);
    });

  it('to write, whichever it is, leaves a checkpoint sealed or not, and the next one seals', async () => {
    for (const fault of WRITING) {
      const first = fault.calls.includes('fsync') ? FSYNCS_OF_NODE + 1 : 1;
      let spared = 0;
      for (let nth = first; spared < SPARED_MAX && nth < first + (IS_EXHAUSTIVE ? EACH_OF : 3); nth++) {
        await lab.change('large', 400_000 + nth);
        const failure = await failureOf(['checkpoint', ...lab.tree.at], { ...fault, nth });
        spared = failure === undefined ? spared + 1 : 0;
        requireKnown(failure, { ...fault, nth });
        const { checkpoints } = await requireWholePod(lab.tree.dir, await sealedNow());
        assert.ok(failure !== undefined || checkpoints.length === lab.sealed.size);
        while (lab.sealed.size > checkpoints.length) lab.sealed.delete(lab.sealed.size);
        await lab.checkpoint();
        await requireWholePod(lab.tree.dir, lab.sealed);
        assert.deepEqual(leftovers(lab.podDir), []);
      }
    }
  });

  it('to write at home leaves it with a whole head, and the next sync goes on', async () => {
    const { home, podId, at, program } = lab.tree;
    await program.answer(['home', 'add', home, ...at]);
    await lab.tree.sync();
    const faults: readonly SystemFault[] = [
      { calls: ['renameat', 'rename'], error: 'EIO', nth: 1 },
      { calls: ['syncfs'], error: 'EIO', nth: 1 },
      { calls: ['mkdirat'], error: 'EROFS', nth: 1 },
    ];
    for (const [index, fault] of faults.entries()) {
      await lab.change('large', 300_000 + index);
      await lab.checkpoint();
      const failure = await failureOf(['sync', ...at], fault);
      assert.ok(
        failure === undefined || FAULT_CODES.includes(failure.code as ErrorCode),
        JSON.stringify(failure),
      );
      assert.ok((await requireWholeHome(home, podId, lab.sealed)) !== undefined);
      await lab.tree.sync();
      const after = await requireWholeHome(home, podId, lab.sealed);
      assert.equal(after?.checkpoints.length, lab.sealed.size);
      assert.deepEqual(leftovers(home), []);
    }
  });

  it('in a prune leaves every checkpoint that its log has, and the next prune ends it', async () => {
    const { dir, at } = lab.tree;
    let count = 0;
    await atEach(CHANGING, 1, async (fault) => {
      await lab.change('large', 300_000 + ++count);
      await lab.change(`kept ${count}`, 20_000);
      const last = await lab.checkpoint();
      const failure = await failureOf(['prune', '--keep-last', '1', '--max-unused', '0', ...at], fault);
      requireKnown(failure, fault);
      const { checkpoints } = await requireWholePod(dir, lab.sealed);
      assert.equal(checkpoints.at(-1)?.number, last);
      assert.ok(failure !== undefined || checkpoints.length === 1);
      await lab.prune();
      assert.equal((await requireWholePod(dir, lab.sealed)).checkpoints.length, 1);
      assert.deepEqual(leftovers(lab.podDir), []);
      return failure;
    });
  });

  it('in a restore harms no home, and the same command goes on with what had come', async () => {
    await lab.tree.bringHome();
    const { dir, home, podId, temp } = lab.tree;
    lab.sealed.set(2, await filesBelow(dir));
    const files = await filesBelow(dir);
    const back = join(temp, 'back');
    const repository = join(back, '.deskpod', 'repository');
    await atEach(CHANGING, 1, async (fault) => {
      const failure = await failureOf(lab.tree.restoreTo('back'), fault);
      requireKnown(failure, fault);
      assert.ok(await requireWholeHome(home, podId, lab.sealed));
      const came = inodesOf(repository);
      if (failure !== undefined) await lab.tree.restoreHere('back', {});
      // it may be whole and not have told home so
      else if (leftovers(home).length > 0) await lab.tree.report('back');
      const kept = inodesOf(repository);
      for (const [path, inode] of came) assert.equal(kept.get(path), inode, `${path} was fetched again`);
      await requireWholePod(back, lab.sealed);
      assert.deepEqual(await filesBelow(back), files);
      assert.deepEqual([...leftovers(join(back, '.deskpod')), ...leftovers(home)], []);
      rmSync(back, { recursive: true });
      return failure;
    });
  });

  it('when a restored pod is whole is a warning that home does not know it yet', async () => {
    await lab.tree.bringHome();
    const { home, temp } = lab.tree;
    const { TMPDIR } = process.env;
    let looks = 0;
    try {
      const { warnings } = await restorePod({
        from: home,
        target: join(temp, 'back'),
        credential: { passphrase: PASSPHRASE },
        isForced: false,
        onProgress: ({ step }) => {
          // the second time home is to be told; nobody may write there
          if (step === `looking at ${home}` && ++looks === 2) process.env.TMPDIR = '/sys';
        },
      });
      assert.equal(looks, 2);
      assert.match(warnings.join(), /Home could not be told .* Run deskpod sync later/);
    } finally {
      if (TMPDIR === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = TMPDIR;
    }
    assert.equal((await lab.tree.report('back')).wentBack, false);
  });

  it('because a signal interrupts it is made again', async () => {
    const { at, dir, temp, program } = lab.tree;
    const fault = { calls: INTERRUPTIBLE, error: 'EINTR', nth: 1, step: 3 } as const;
    setXattr(join(dir, 'letter.txt'), 'user.comment', Buffer.from('a comment'));
    truncateSync(join(dir, 'large'), 4_000_000);
    // it is built then: the shell's search for newer sources is not what is meant
    await program.answer(['status', ...at]);
    const interrupted = failing(program, fault);
    const { number } = await interrupted.answer<{ number: number }>(['checkpoint', ...at]);
    const copy = join(temp, 'copy');
    await interrupted.answer(['restore', '--into', copy, '--checkpoint', String(number), ...at]);
    assert.deepEqual(await filesBelow(copy), await filesBelow(dir));
    assert.deepEqual(readXattrs(join(copy, 'letter.txt')), readXattrs(join(dir, 'letter.txt')));
  });

  /** Has the first `count` calls of each kind fail in turn, or many more, until `act` says that nothing fails any more. */
  async function atEach(
    kinds: readonly SystemFault['calls'][],
    count: number,
    act: (fault: SystemFault) => Promise<Failure | undefined>,
  ): Promise<void> {
    for (const calls of kinds) {
      const passedOver = calls.includes('fsync')
        ? FSYNCS_OF_NODE
        : calls.includes('pwrite64')
          ? NOTES_OF_LOCKS
          : 0;
      const first = passedOver + 1;
      const errors = calls.includes('unlink') ? (['EIO'] as const) : (['ENOSPC', 'EIO'] as const);
      let spared = 0;
      for (let nth = first; spared < SPARED_MAX && nth < first + (IS_EXHAUSTIVE ? EACH_OF : count); nth++) {
        spared++;
        // by turns: all of them take as many times as long
        const tried = errors.filter((_, i) => IS_EXHAUSTIVE || i === nth % errors.length);
        for (const error of tried) if ((await act({ calls, error, nth })) !== undefined) spared = 0;
      }
    }
  }

  /** With the folder as it is for the checkpoint that may have come. */
  async function sealedNow() {
    lab.sealed.set(lab.sealed.size + 1, await filesBelow(lab.tree.dir));
    return lab.sealed;
  }
});

function requireKnown(failure: Failure | undefined, fault: SystemFault): void {
  if (failure === undefined) return;
  assert.ok(FAULT_CODES.includes(failure.code as ErrorCode), JSON.stringify({ fault, failure }));
}

/** The inodes of the packs below a repository. */
function inodesOf(repository: string): Map<string, number> {
  const packs = join(repository, 'packs');
  if (!existsSync(packs)) return new Map();
  const files = readdirSync(packs, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /^..\/[0-9a-f]{64}\.age$/.test(path),
  );
  return new Map(files.map((path) => [path, statSync(join(packs, path)).ino]));
}

function only(podDir: string, folder: string): string {
  return join(folder, readdirSync(join(podDir, folder))[0] ?? '');
}

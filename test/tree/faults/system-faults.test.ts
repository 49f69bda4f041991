// System calls that fail in a real command: it tells a code and the file, loses nothing, and the next one works.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { exitStatusOf } from '../../../src/cli/exit-codes.ts';
import type { ErrorCode } from '../../../src/core/errors.ts';
import type { Failure } from '../program.ts';
import { filesBelow } from '../tree-lab.ts';
import { CrashLab } from './crash-lab.ts';
import { IS_EXHAUSTIVE } from './crash-states.ts';
import { failing, type SystemFault } from './injection.ts';
import { leftovers, requireWholeHome, requireWholePod } from './whole.ts';

/** What a failed call may come to, whichever it is. */
const CODES: readonly ErrorCode[] = [
  ...(['SPACE_EXHAUSTED', 'TARGET_WRITE_FAILED', 'FILE_UNREADABLE', 'LOG_DAMAGED'] as const),
  ...(['HOME_FULL', 'HOME_UNREACHABLE'] as const),
];
const WRITING: readonly Omit<SystemFault, 'nth'>[] = [
  { calls: ['pwrite64'], error: 'EIO' },
  { calls: ['pwrite64'], error: 'EDQUOT' },
  { calls: ['rename', 'renameat'], error: 'EROFS' },
  { calls: ['fsync'], error: 'EIO' },
  { calls: ['mkdir', 'mkdirat'], error: 'ENOSPC' },
];
const FSYNCS_OF_NODE = 3;

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

  /** Runs a command with a fault; undefined if it did well. */
  const failureOf = async (args: readonly string[], fault: SystemFault): Promise<Failure | undefined> => {
    const { status, signal, stdout, stderr } = await failing(lab.tree.program, fault).run([
      '--json',
      ...args,
    ]);
    const said = `${JSON.stringify(fault)}: ${status} ${signal} ${stdout}${stderr}`;
    assert.doesNotMatch(stderr, /defect of deskpod/, said);
    if (status === 0) return undefined;
    const { error } = JSON.parse(stdout) as { error: Failure };
    assert.equal(status, exitStatusOf(error.code as ErrorCode), said);
    return error;
  };

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
      assert.ok(failure.hint);
      const name = path.slice(path.lastIndexOf('/') + 1);
      assert.ok(failure.message.includes(name), failure.message);
      await requireWholePod(lab.tree.dir, lab.sealed);
    });

  it('to write, whichever it is, leaves a checkpoint sealed or not, and the next one seals', async () => {
    for (const fault of WRITING) {
      const first = fault.calls.includes('fsync') ? FSYNCS_OF_NODE + 1 : 1;
      let hasFailed = true;
      for (let nth = first; hasFailed && nth < first + (IS_EXHAUSTIVE ? 60 : 3); nth++) {
        await lab.change('large', 400_000 + nth);
        const failure = await failureOf(['checkpoint', ...lab.tree.at], { ...fault, nth });
        hasFailed = failure !== undefined;
        if (failure !== undefined) {
          assert.ok(CODES.includes(failure.code as ErrorCode), JSON.stringify({ fault, nth, failure }));
          assert.ok(failure.hint, failure.message);
        }
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
      assert.ok(failure === undefined || CODES.includes(failure.code as ErrorCode), JSON.stringify(failure));
      assert.ok((await requireWholeHome(home, podId, lab.sealed)) !== undefined);
      await lab.tree.sync();
      const after = await requireWholeHome(home, podId, lab.sealed);
      assert.equal(after?.checkpoints.length, lab.sealed.size);
      assert.deepEqual(leftovers(home), []);
    }
  });

  /** With the folder as it is for the checkpoint that may have come. */
  async function sealedNow() {
    lab.sealed.set(lab.sealed.size + 1, await filesBelow(lab.tree.dir));
    return lab.sealed;
  }
});

function only(podDir: string, folder: string): string {
  return join(folder, readdirSync(join(podDir, folder))[0] ?? '');
}

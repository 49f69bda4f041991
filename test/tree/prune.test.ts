// Pruning by the program itself: killed in the middle, then asked again; what home keeps, and what a restore says of the rest.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HomePruneReport } from '../../src/sync/retention/prune-home.ts';
import type { PruneReport } from '../../src/sync/retention/prune-report.ts';
import { filesBelow, openTreeLab, type TreeLab } from './tree-lab.ts';

describe('deskpod prune', () => {
  let lab: TreeLab;
  beforeEach(async () => {
    lab = await openTreeLab();
  });
  afterEach(async () => {
    await lab.close();
  });

  /** Checkpoints of a file that changes and one that stays, by number. */
  async function checkpoints(count: number): Promise<Map<number, Map<string, string>>> {
    const sealed = new Map<number, Map<string, string>>();
    for (let nth = 0; nth < count; nth++) {
      await writeFile(join(lab.dir, 'changing'), randomBytes(200_000));
      if (nth === 0) await writeFile(join(lab.dir, 'large'), randomBytes(300_000));
      sealed.set(await lab.checkpoint(), await filesBelow(lab.dir));
    }
    return sealed;
  }

  it('refuses a policy that keeps nothing, and says what another one would do', async () => {
    await checkpoints(3);
    await lab.program.failure('USAGE', ['prune', ...lab.at]);
    await lab.program.failure('USAGE', ['prune', '--keep-last', '0', ...lab.at]);
    await lab.program.failure('USAGE', ['prune', '--keep-last', 'x', ...lab.at]);
    await lab.program.failure('USAGE', ['prune', '--keep-last', '1', '--max-unused', 'much', ...lab.at]);
    const { stdout } = await lab.program.run(['checkpoints', '--keep-last', '2', ...lab.at]);
    assert.match(stdout, /1 .*\n +forget\n.*2 .*\n +keep: last 2\n.*3 .*\n +keep: the newest, last 1\n/);
    const told = await lab.program.run(['prune', '--keep-last', '2', '--dry-run', ...lab.at]);
    assert.match(told.stdout, /^ +1 .* forget\n.*keep {4}last 2\n.*the newest, last 1\nwould forget 1 of 3/);
    const { checkpoints: left } = await lab.program.answer<{ checkpoints: object[] }>([
      'checkpoints',
      ...lab.at,
    ]);
    assert.equal(left.length, 3);
  });

  it('may be killed: what is kept is whole, and the next one finishes', async () => {
    const sealed = await checkpoints(4);
    await lab.program.answer(['home', 'add', lab.home, ...lab.at]);
    const prune = ['prune', '--keep-last', '2', '--max-unused', '0', ...lab.at];
    for (const step of ['reading packs', 'removing packs', 'copying what is needed']) {
      const running = lab.program.start(prune);
      await running.progress((progress) => progress.step === step);
      running.kill();
      await running.ended;
    }
    const report = await lab.program.answer<PruneReport>(prune);
    assert.deepEqual(
      report.checkpoints.slice(-2).map(({ number }) => number),
      [3, 4],
    );
    assert.equal(report.leftUnusedBytes, 0);
    await lab.sync();
    for (const number of [3, 4]) {
      await lab.restoreHere(`back-${number}`, { checkpoint: number });
      assert.deepEqual(await filesBelow(join(lab.temp, `back-${number}`)), sealed.get(number));
    }
  });

  it('leaves home what it has; a restore says where a forgotten checkpoint is, and touches nothing before', async () => {
    await lab.bringHome();
    const before = await filesBelow(lab.dir);
    await checkpoints(2);
    await lab.program.answer(['prune', '--keep-last', '1', '--max-unused', '0', ...lab.at]);
    await lab.sync();
    const { hint } = await lab.program.failure('CHECKPOINT_NOT_FOUND', [
      ...lab.restoreTo('back'),
      '--checkpoint',
      '1',
    ]);
    assert.match(hint ?? '', /--head/);
    const { pods } = await lab.program.answer<{ pods: { headSeqs: number[] }[] }>([
      'restore',
      '--from',
      lab.home,
      '--list',
    ]);
    const [first, second] = pods[0]?.headSeqs ?? [];
    assert.ok(first !== undefined && second !== undefined);
    await lab.program.failure('CHECKPOINT_NOT_FOUND', [...lab.restoreTo('back'), '--head', '9999']);
    // an earlier head restores a branch: home stays with the later one, keeps it, and says so
    const branch = await lab.program.run(['--json', ...lab.restoreTo('earlier'), '--head', `${first}`]);
    assert.equal(branch.status, 3, branch.stderr);
    assert.match(branch.stdout, /as the branch [0-9a-f]{8}/);
    assert.deepEqual(await filesBelow(join(lab.temp, 'earlier')), before);
    await lab.program.answer(['checkpoint', '-d', join(lab.temp, 'earlier')]);

    const told = await lab.program.run([
      'home',
      'prune',
      lab.home,
      '--keep-last',
      '1',
      '--grace',
      '0s',
      '--dry-run',
    ]);
    assert.match(told.stdout, /would forget 1 of 3 heads/);
    const { pods: pruned } = await lab.program.answer<{ pods: HomePruneReport[] }>([
      'home',
      'prune',
      lab.home,
      '--keep-last',
      '1',
      '--grace',
      '0s',
    ]);
    assert.equal(pruned[0]?.forgottenCount, 1);
    await lab.program.failure('CHECKPOINT_NOT_FOUND', [...lab.restoreTo('back'), '--head', `${first}`]);
    await lab.restoreHere('back', {});
  });

  it('and a restore from a home that lacks a pack fails before it touches the target, unless that is allowed', async () => {
    const sealed = await checkpoints(2);
    await lab.bringHome();
    const packs = join(lab.home, 'pods', lab.podId, 'packs');
    const files = (await readdir(packs, { recursive: true })).filter((name) => name.endsWith('.age'));
    const fragments = new Map(
      files.map((name) => [join(packs, name), join(lab.temp, name.replace('/', '-'))]),
    );
    for (const [path, aside] of fragments) {
      await rename(path, aside);
      const { message } = await lab.program.failure('HOME_DAMAGED', lab.restoreTo('back'));
      assert.match(message, /\(1 of \d+ objects are missing\)/);
      assert.equal(existsSync(join(lab.temp, 'back')), false);
      const { status } = await lab.program.run([
        ...lab.restoreTo('partly'),
        '--allow-missing',
        '--checkpoint',
        '2',
      ]);
      if (status === 0) assert.deepEqual(await filesBelow(join(lab.temp, 'partly')), sealed.get(2));
      await rm(join(lab.temp, 'partly'), { recursive: true, force: true });
      await rename(aside, path);
      if (status === 0) return;
    }
    assert.fail('no pack is needed by the first checkpoint alone');
  });
});

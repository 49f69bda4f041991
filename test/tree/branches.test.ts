// Two devices that claim one pod: home goes on with one of them, and what the other has is a branch, never an overwrite.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PodEvent } from '../../src/core/events.ts';
import { operate } from '../../src/session/operation/operate.ts';
import type { BranchReport } from '../../src/sync/pod/branches.ts';
import { changePassphrase } from '../../src/sync/pod/change-keys.ts';
import { type SyncReport, syncHome } from '../../src/sync/pod/replicate.ts';
import { openTree } from '../../src/sync/pod/tree.ts';
import { isCutOff } from './cut-off.ts';
import { filesBelow, openTreeLab, PASSPHRASE, replaceByCopy, type TreeLab } from './tree-lab.ts';

describe('two devices of one pod', () => {
  let lab: TreeLab;
  beforeEach(async () => {
    lab = await openTreeLab();
    await lab.bringHome();
  });
  afterEach(async () => {
    await lab.close();
  });

  const at = (name: string): string => join(lab.temp, name);
  const settings = { passphrase: async () => PASSPHRASE, onProgress: () => undefined };
  const followedHead = () => readFile(join(lab.home, 'pods', lab.podId, 'head'));
  const eventsOf = async (name: string): Promise<PodEvent[]> =>
    (await operate(at(name), 'log', { since: 1 }, settings)).events.map(({ event }) => event);
  const deviceOf = async (name: string): Promise<string> =>
    (await operate(at(name), 'status', {}, settings)).deviceId;
  const branchesAtHome = async (): Promise<readonly BranchReport[]> => {
    const [home] = (await operate(lab.dir, 'branches', {}, settings)).homes;
    assert.ok(home !== undefined && 'branches' in home);
    return home.branches;
  };
  /** Changes the passphrase of a pod, cheaply, and syncs it. */
  const changeKey = async (name: string, passphrase: string): Promise<SyncReport> => {
    const tree = await openTree(at(name), { passphrase: PASSPHRASE });
    try {
      await changePassphrase(tree.pod, { passphrase: PASSPHRASE }, { passphrase, workFactor: 2 });
      const [known] = tree.pod.state.homes;
      assert.ok(known);
      return await syncHome(tree.pod, known, () => undefined);
    } finally {
      await tree.close();
    }
  };
  const fromHome = (name: string) => ['--from', lab.home, '--branch', name.slice(0, 8)];
  /** Fails unless what was at home before is there still, with the same bytes; the head aside. */
  const requireKept = async (before: ReadonlyMap<string, string>): Promise<void> => {
    const after = await filesBelow(lab.home);
    for (const [path, hash] of before) if (!path.endsWith('/head')) assert.equal(after.get(path), hash, path);
  };

  it('have one home: a device that a restore replaced goes on there as a branch under its name', async () => {
    await lab.restoreHere('back', {});
    await lab.write('pod', 'on the old device\n');
    const [head, before] = [await followedHead(), await filesBelow(lab.home)];
    const { branch, notices, seq } = await lab.report('pod');
    assert.equal(branch, await deviceOf('pod'));
    assert.match(notices.join(), /as the branch [0-9a-f]{8}, and nothing is overwritten/);
    assert.deepEqual(await followedHead(), head);
    await requireKept(before);
    assert.deepEqual(
      (await branchesAtHome()).map((found) => [found.deviceId, found.seq, found.epoch]),
      [[branch, seq, 1]],
    );
    const [noted] = (await eventsOf('pod')).filter(({ type }) => type === 'home.branched');
    assert.deepEqual(noted, { type: 'home.branched', v: 1, url: lab.home, deviceId: branch, forkSeq: 3 });
    assert.deepEqual((await lab.report('pod')).sentObjects, 0);
    await lab.write('back', 'on the new device\n');
    assert.equal((await lab.report('back')).branch, undefined);
  });

  it('are told apart by what they hold: a replaced one with nothing new is no branch', async () => {
    await lab.restoreHere('back', {});
    const before = await filesBelow(lab.home);
    const { branch, notices } = await lab.report('pod');
    assert.equal(branch, undefined);
    assert.match(notices.join(), /has everything that this one has/);
    assert.deepEqual(await filesBelow(lab.home), before);
    assert.deepEqual(await branchesAtHome(), []);
  });

  it('are both looked into at home, and files of the branch are brought over', async () => {
    await lab.restoreHere('back', {});
    await lab.write('back', 'on the new device\n');
    await lab.report('back');
    await lab.write('pod', 'on the old device\n');
    const { branch = '' } = await lab.report('pod');
    const { program } = lab;
    assert.equal(
      (await program.run(['cat', 'latest', 'letter.txt', ...fromHome(branch)])).stdout,
      'on the old device\n',
    );
    const { checkpoints } = await program.answer<{ checkpoints: { number: number }[] }>([
      'checkpoints',
      ...fromHome(branch),
    ]);
    assert.deepEqual(
      checkpoints.map(({ number }) => number),
      [1, 2],
    );
    const { changes } = await program.answer<{ changes: { path: string }[] }>([
      'diff',
      '1',
      '2',
      ...fromHome(branch),
    ]);
    assert.deepEqual(
      changes.map(({ path }) => path),
      ['letter.txt'],
    );
    await program.answer(['restore', '--into', at('files'), '--include', 'letter.txt', ...fromHome(branch)]);
    assert.equal(await readFile(join(at('files'), 'letter.txt'), 'utf8'), 'on the old device\n');
    const listed = await program.run(['restore', '--list', '--from', lab.home]);
    assert.match(listed.stdout, new RegExp(`\n  branch ${branch}  position`));
    await program.failure('BRANCH_NOT_FOUND', ['ls', '--from', lab.home, '--branch', 'ffffffffff']);
    await program.failure('USAGE', ['ls', ...lab.at, '--branch', branch]);
  });

  it('need no home for that: the old device itself gives its files to whoever has it', async () => {
    await lab.restoreHere('back', {});
    await lab.write('pod', 'on the old device\n');
    await lab.program.answer(['restore', '--into', at('files'), ...lab.at]);
    assert.equal(await readFile(join(at('files'), 'letter.txt'), 'utf8'), 'on the old device\n');
  });

  it('may become three: a branch is restored to a device that is a branch of its own', async () => {
    await lab.restoreHere('back', {});
    await lab.write('pod', 'on the old device\n');
    const { branch = '' } = await lab.report('pod');
    const head = await followedHead();
    const told = await lab.program.run(['--json', 'restore', ...fromHome(branch), '--to', at('third')]);
    assert.equal(told.status, 3, told.stderr);
    assert.equal(await readFile(join(at('third'), 'letter.txt'), 'utf8'), 'on the old device\n');
    assert.deepEqual(await followedHead(), head);
    await lab.write('third', 'on the third device\n');
    const third = await lab.report('third');
    assert.equal(third.branch, await deviceOf('third'));
    assert.deepEqual(
      new Set((await branchesAtHome()).map(({ deviceId }) => deviceId)),
      new Set([branch, third.branch]),
    );
  });

  it('that are copies: the second that syncs gets a name of its own', async () => {
    await replaceByCopy(lab.dir, at('copy'));
    const original = await deviceOf('pod');
    await lab.write('copy', 'from the copy\n');
    await lab.write('pod', 'from the original\n');
    assert.equal((await lab.report('pod')).branch, undefined);
    const before = await filesBelow(lab.home);
    const { branch } = await lab.report('copy');
    assert.notEqual(branch, original);
    assert.equal(branch, await deviceOf('copy'));
    await requireKept(before);
    const forks = (await eventsOf('copy')).filter(({ type }) => type === 'device.forked');
    assert.deepEqual(forks, [{ type: 'device.forked', v: 1, deviceId: branch, cause: 'found' }]);
    await lab.write('pod', 'from the original, again\n');
    assert.equal((await lab.report('pod')).branch, undefined);
    const asked = { home: lab.home, depth: 'data', isHealing: false, isGivingUp: false } as const;
    const { damage, faults } = await operate(at('copy'), 'verify', asked, settings);
    assert.deepEqual([damage, faults], [[], []]);
    await lab.write('copy', 'from the copy, again\n');
    assert.equal((await lab.report('copy')).branch, branch);
  });

  it('that are copies of a replaced one are two branches', async () => {
    await replaceByCopy(lab.dir, at('copy'));
    await lab.restoreHere('back', {});
    await lab.write('pod', 'on the old device\n');
    await lab.write('copy', 'on a copy of it\n');
    const names = [(await lab.report('pod')).branch, (await lab.report('copy')).branch];
    assert.equal(names[0], await deviceOf('pod'));
    assert.notEqual(names[0], names[1]);
    assert.deepEqual(new Set((await branchesAtHome()).map(({ deviceId }) => deviceId)), new Set(names));
  });

  it('that are copies on purpose: the forked one is the branch, though it syncs first', async () => {
    await replaceByCopy(lab.dir, at('copy'));
    const { deviceId } = await operate(at('copy'), 'fork', {}, settings);
    await lab.write('copy', 'from the copy\n');
    assert.equal((await lab.report('copy')).branch, deviceId);
    await lab.write('pod', 'from the original\n');
    assert.equal((await lab.report('pod')).branch, undefined);
  });

  it('are no more than one where the other is just older: it says so, and sends nothing', async () => {
    await replaceByCopy(lab.dir, at('copy'));
    await lab.write('pod', 'from the original\n');
    await lab.report('pod');
    const before = await filesBelow(lab.home);
    assert.match((await lab.report('copy')).notices.join(), /has everything that this one has/);
    assert.deepEqual(await filesBelow(lab.home), before);
  });

  it('keep their keys apart: the branch opens with the keys of either', async () => {
    await lab.restoreHere('back', {});
    await lab.write('pod', 'on the old device\n');
    await changeKey('back', 'new at the new one');
    const report = await changeKey('pod', 'new at the old one');
    assert.ok(report.branch !== undefined);
    for (const passphrase of ['new at the new one', 'new at the old one']) {
      const file = at('other-passphrase');
      await writeFile(file, passphrase);
      const program = lab.program.with({ env: { DESKPOD_PASSPHRASE_FILE: file } });
      await program.answer(['checkpoints', ...fromHome(report.branch)]);
    }
  });

  it('lose nothing when a sync of a branch is cut off at any step', async () => {
    await lab.restoreHere('back', {});
    await lab.write('pod', 'on the old device\n');
    const head = await followedHead();
    let steps = 0;
    for (; await isCutOff(lab, steps); steps++) {
      assert.deepEqual(await followedHead(), head, `step ${steps}`);
      assert.deepEqual(await branchesAtHome(), [], `step ${steps}`);
    }
    assert.ok(steps >= 4, `${steps} steps`);
    const [branch] = await branchesAtHome();
    assert.ok(branch);
    const told = await lab.program.run(['cat', 'latest', 'letter.txt', ...fromHome(branch.deviceId)]);
    assert.equal(told.stdout, 'on the old device\n', told.stderr);
    const kinds = (await eventsOf('pod')).map(({ type }) => type);
    assert.equal(kinds.filter((kind) => kind === 'home.branched').length, 1);
  });
});

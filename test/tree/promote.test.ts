// A device whose history is a branch is promoted: its home goes on with it, and keeps what it had as a branch.
import assert from 'node:assert/strict';
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { PodEvent } from '../../src/core/events.ts';
import { operate } from '../../src/session/operation/operate.ts';
import type { Operations } from '../../src/session/operation/operations.ts';
import { openRsyncHome } from '../../src/sync/home/rsync-home.ts';
import { listBranches } from '../../src/sync/pod/branches.ts';
import { promoteBranch } from '../../src/sync/pod/promote-branch.ts';
import { openTree } from '../../src/sync/pod/tree.ts';
import { isCutOff } from './cut-off.ts';
import { filesBelow, openTreeLab, PASSPHRASE, replaceByCopy, type TreeLab } from './tree-lab.ts';

type Promotion = Operations['promote']['answer'];

describe('a device whose history is a branch, once it is promoted,', () => {
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
  const deviceOf = async (name: string): Promise<string> =>
    (await operate(at(name), 'status', {}, settings)).deviceId;
  const promote = (name: string, url?: string): Promise<Promotion> =>
    operate(at(name), 'promote', url === undefined ? {} : { url }, settings);
  const followedHead = () => readFile(join(lab.home, 'pods', lab.podId, 'head'));
  const branchesAtHome = async (): Promise<string[]> =>
    (await listBranches(openRsyncHome(lab.home), lab.podId)).map(({ deviceId }) => deviceId);
  const letterAtHome = async (...of: readonly string[]): Promise<string> =>
    (await lab.program.run(['cat', 'latest', 'letter.txt', '--from', lab.home, ...of])).stdout;
  /** A device that was replaced, and has gone on all the same; answers with the name of the other one. */
  const replaceAndGoOn = async (): Promise<string> => {
    await lab.restoreHere('back', {});
    await lab.write('back', 'on the new device\n');
    await lab.report('back');
    await lab.write('pod', 'on the old device\n');
    return deviceOf('back');
  };

  it('is the one that home goes on with, and what the other one had is the branch', async () => {
    const back = await replaceAndGoOn();
    const former = (await lab.report('pod')).branch;
    const before = await filesBelow(lab.home);
    const { deviceId, epoch, promotedAt, homes } = await promote('pod');
    assert.deepEqual([epoch, promotedAt, deviceId], [3, [lab.home], await deviceOf('pod')]);
    assert.notEqual(deviceId, former);
    const [report] = homes;
    assert.ok(report !== undefined && !('error' in report));
    assert.deepEqual([report.branch, report.wentBack], [undefined, false]);
    assert.match(
      report.notices.join(),
      new RegExp(`goes on with this device.* the branch ${back.slice(0, 8)}`),
    );
    assert.equal(report.notices.length, 1);
    const after = await filesBelow(lab.home);
    for (const [path, hash] of before) if (!path.endsWith('/head')) assert.equal(after.get(path), hash, path);
    assert.equal(await letterAtHome(), 'on the old device\n');
    assert.equal(await letterAtHome('--branch', back.slice(0, 8)), 'on the new device\n');
    await lab.write('pod', 'on the old device, again\n');
    assert.equal((await lab.report('pod')).branch, undefined);
    await lab.write('back', 'on the new device, again\n');
    assert.equal((await lab.report('back')).branch, back);
    await lab.restoreHere('third', {});
    assert.equal(await readFile(join(at('third'), 'letter.txt'), 'utf8'), 'on the old device, again\n');
  });

  it('need not have been at home as a branch before: it may just be behind', async () => {
    await lab.restoreHere('back', {});
    await lab.write('back', 'on the new device\n');
    await lab.report('back');
    assert.deepEqual((await promote('pod')).promotedAt, [lab.home]);
    assert.equal(await letterAtHome(), 'a letter\n');
    assert.deepEqual(await branchesAtHome(), [await deviceOf('back')]);
  });

  it('is whole at home, also where the other one has forgotten checkpoints and home has, too', async () => {
    await lab.write('pod', 'a second letter\n');
    await lab.sync();
    await lab.restoreHere('back', {});
    await lab.write('back', 'on the new device\n');
    await lab.forgetAllButLast('back');
    const { notices, sentObjects } = await lab.report('pod');
    assert.match(
      notices.join(),
      /has forgotten checkpoints that this one still has \(1, 2\); it has everything else/,
    );
    assert.equal(sentObjects, 0);
    await promote('pod');
    await lab.requireWholeHome('pod');
    assert.equal(await letterAtHome(), 'a second letter\n');
    assert.equal(await letterAtHome('--branch', await deviceOf('back')), 'on the new device\n');
  });

  it('is said by the program what became of each, and can be promoted back and forth', async () => {
    const back = await replaceAndGoOn();
    await lab.report('pod');
    const told = await lab.program.run(['promote', ...lab.at]);
    assert.equal(told.status, 0, told.stderr);
    assert.match(told.stdout, /this device is [0-9a-f]{8} from now on \(epoch 3\)/);
    await lab.program.answer(['promote', '-d', at('back')]);
    assert.equal(await letterAtHome(), 'on the new device\n');
    assert.equal((await lab.report('pod')).branch, await deviceOf('pod'));
    assert.notEqual(await deviceOf('back'), back);
    const again = await lab.program.answer<Promotion>(['promote', '-d', at('back')]);
    assert.deepEqual(again.promotedAt, []);
  });

  it('loses nothing when the sync that tells home is cut off at any step', async () => {
    const back = await replaceAndGoOn();
    await lab.report('pod');
    const tree = await openTree(lab.dir, { passphrase: PASSPHRASE });
    await promoteBranch(tree.pod, undefined, (url, _settings, work) => work({ home: openRsyncHome(url) }));
    await tree.close();
    const former = await followedHead();
    let steps = 0;
    for (; await isCutOff(lab, steps); steps++) {
      const isFormer = former.equals(await followedHead());
      assert.ok(isFormer || (await branchesAtHome()).includes(back), `step ${steps}`);
    }
    assert.ok(steps >= 4, `${steps} steps`);
    assert.equal(await letterAtHome(), 'on the old device\n');
    assert.equal(await letterAtHome('--branch', back), 'on the new device\n');
    const kinds = (await operate(lab.dir, 'log', { since: 1 }, settings)).events.map(
      ({ event }) => event.type,
    );
    assert.equal(kinds.filter((kind: PodEvent['type']) => kind === 'device.promoted').length, 1);
    assert.ok(!kinds.includes('home.reverted'));
  });

  it('is a branch still at a home that could not be asked, until it is promoted there', async () => {
    const other = at('other-home');
    await operate(lab.dir, 'home-add', { url: other }, settings);
    await lab.sync();
    await replaceAndGoOn();
    await operate(at('back'), 'sync', {}, settings);
    await lab.sync();
    await rename(other, `${other}-away`);
    const { promotedAt, homes } = await promote('pod');
    assert.deepEqual(promotedAt, [lab.home]);
    assert.deepEqual(
      homes.map((home) => ('error' in home ? home.error.code : home.branch)),
      [undefined, 'HOME_NOT_FOUND'],
    );
    await assert.rejects(promote('pod', other), { code: 'HOME_NOT_FOUND' });
    await rename(`${other}-away`, other);
    const { homes: synced } = await operate(lab.dir, 'sync', {}, settings);
    const branches = synced.map((home) => ('error' in home ? home.error.code : home.branch));
    assert.deepEqual(branches, [undefined, await deviceOf('pod')]);
    assert.deepEqual((await promote('pod', other)).promotedAt, [other]);
    assert.equal((await lab.report('pod')).branch, undefined);
  });

  it('may be a copy that was forked, and goes on in the place of its original', async () => {
    await replaceByCopy(lab.dir, at('copy'));
    await operate(at('copy'), 'fork', {}, settings);
    await lab.write('copy', 'from the copy\n');
    await lab.write('pod', 'from the original\n');
    await lab.report('pod');
    assert.ok((await lab.report('copy')).branch !== undefined);
    await promote('copy');
    assert.equal(await letterAtHome(), 'from the copy\n');
    assert.ok((await lab.report('pod')).branch !== undefined);
  });

  it('is refused by a twin of the other one, which stays as it is', async () => {
    const twin = at('twin');
    await operate(lab.dir, 'home-add', { url: twin, twin: { isForced: false } }, settings);
    await lab.sync();
    await replaceAndGoOn();
    await operate(at('back'), 'sync', {}, settings);
    const before = await filesBelow(join(twin, '.deskpod'));
    await assert.rejects(promote('pod', twin), { code: 'HOME_FENCED' });
    const { promotedAt, homes } = await promote('pod');
    assert.deepEqual(promotedAt, [lab.home]);
    assert.deepEqual(
      homes.map((home) => ('error' in home ? home.error.code : home.branch)),
      [undefined, 'HOME_FOREIGN'],
    );
    assert.deepEqual(await filesBelow(join(twin, '.deskpod')), before);
  });
});

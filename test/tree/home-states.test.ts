// Homes that are not as they should be: told apart, with nothing changed there that is not this pod's to change.
import assert from 'node:assert/strict';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PodEvent } from '../../src/core/events.ts';
import { openRsyncHome } from '../../src/sync/home/rsync-home.ts';
import { listBranches } from '../../src/sync/pod/branches.ts';
import type { SyncReport } from '../../src/sync/pod/replicate.ts';
import { unusedPort } from '../sync/support/loopback-sshd.ts';
import { assertSameFiles, filesBelow, openTreeLab, replaceByCopy, type TreeLab } from './tree-lab.ts';

/** What `sync --json` prints, whatever became of the homes. */
interface Told {
  readonly homes: readonly {
    readonly url: string;
    readonly seq?: number;
    readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
  }[];
}

describe('a home', () => {
  let lab: TreeLab;
  beforeEach(async () => {
    lab = await openTreeLab();
  });
  afterEach(async () => {
    await lab.close();
  });

  const sync = async (at = lab.at) =>
    (await lab.program.answer<{ homes: SyncReport[] }>(['sync', ...at])).homes[0];

  it('is not made of a folder with other files in it, which stays as it is', async () => {
    await mkdir(lab.home);
    await writeFile(join(lab.home, 'photo.jpg'), 'mine');
    await lab.program.failure('TARGET_NOT_EMPTY', ['home', 'add', lab.home, ...lab.at]);
    assert.deepEqual(await readdir(lab.home), ['photo.jpg']);
    assert.deepEqual(await lab.program.answer(['home', 'list', ...lab.at]), { homes: [] });
  });

  it('is not made below a folder that is not there, such as a drive that is not mounted', async () => {
    const url = join(lab.temp, 'drive', 'home');
    await lab.program.failure('HOME_NOT_FOUND', ['home', 'add', url, ...lab.at]);
    assert.deepEqual(await lab.program.answer(['home', 'list', ...lab.at]), { homes: [] });
  });

  it('is added once, under an address that means something', async () => {
    await lab.program.answer(['home', 'add', lab.home, ...lab.at]);
    await lab.program.failure('HOME_ALREADY_KNOWN', ['home', 'add', `${lab.home}/`, ...lab.at]);
    await lab.program.failure('USAGE', ['home', 'add', 'ftp://host/module', ...lab.at]);
    await lab.program.failure('USAGE', ['home', 'add', '-oProxyCommand=true:/x', ...lab.at]);
    await lab.program.failure('HOME_UNKNOWN', ['home', 'remove', join(lab.temp, 'other'), ...lab.at]);
    await lab.program.failure('HOME_UNKNOWN', ['sync', join(lab.temp, 'other'), ...lab.at]);
  });

  it('that cannot be reached keeps no other home from its sync', async () => {
    await lab.program.failure('HOME_UNKNOWN', ['sync', ...lab.at]);
    const url = `ssh://127.0.0.1:${await unusedPort()}/home`;
    await lab.program.failure('HOME_UNREACHABLE', ['home', 'add', url, ...lab.at]);
    const drive = join(lab.temp, 'drive');
    await lab.program.answer(['home', 'add', drive, ...lab.at]);
    await lab.bringHome();
    await rename(drive, `${drive}-unplugged`);
    await lab.checkpoint();
    const mixed = await lab.program.run(['--json', 'sync', ...lab.at]);
    assert.equal(mixed.status, 3, mixed.stderr);
    const told = (JSON.parse(mixed.stdout) as Told).homes;
    assert.deepEqual(
      told.map(({ url: each, seq, error }) => [each, seq !== undefined, error?.code]),
      [
        [drive, false, 'HOME_NOT_FOUND'],
        [lab.home, true, undefined],
      ],
    );
    assert.ok(told[0]?.error?.message && told[0].error.hint);
    const { homes } = await lab.program.answer<{ homes: { url: string; missingCheckpoints: number }[] }>([
      'home',
      'list',
      ...lab.at,
    ]);
    assert.deepEqual(
      homes.map(({ url: each, missingCheckpoints }) => [each, missingCheckpoints]),
      [
        [drive, 1],
        [lab.home, 0],
      ],
    );
    const forPeople = await lab.program.run(['sync', ...lab.at]);
    assert.equal(forPeople.status, 3);
    assert.match(forPeople.stdout, new RegExp(`^${lab.home}: up to date`));
    assert.ok(forPeople.stderr.includes(told[0].error.message), forPeople.stderr);
    await rename(`${drive}-unplugged`, drive);
    await sync();
    const after = await lab.program.answer<{ homes: { missingCheckpoints: number }[] }>([
      'home',
      'list',
      ...lab.at,
    ]);
    assert.deepEqual(
      after.homes.map(({ missingCheckpoints }) => missingCheckpoints),
      [0, 0],
    );
  });

  it('that fails as all others do gives the sync its status, and each is told', async () => {
    const drive = join(lab.temp, 'drive');
    await lab.program.answer(['home', 'add', drive, ...lab.at]);
    await lab.bringHome();
    await lab.checkpoint();
    await rename(drive, `${drive}-unplugged`);
    await writeFile(join(lab.home, 'pods', lab.podId, 'head'), 'not a head');
    const { status, stdout, stderr } = await lab.program.run(['--json', 'sync', ...lab.at]);
    assert.equal(status, 20);
    const { error, homes } = JSON.parse(stdout) as Told & { error: { code: string } };
    assert.equal(error.code, 'HOME_NOT_FOUND');
    assert.deepEqual(
      homes.map(({ url, error: each }) => [url, each?.code]),
      [
        [drive, 'HOME_NOT_FOUND'],
        [lab.home, 'HOME_DAMAGED'],
      ],
    );
    assert.equal(stderr.match(/^deskpod: /gm)?.length, 2, stderr);
  });

  it('that only knows of more acknowledgements than another goes on with a restore from that one', async () => {
    const first = join(lab.temp, 'first');
    await lab.program.answer(['home', 'add', first, ...lab.at]);
    await lab.bringHome();
    await lab.restoreHere('back', { from: first });
    const back = ['-d', join(lab.temp, 'back')];
    const { homes } = await lab.program.answer<{ homes: SyncReport[] }>(['sync', ...back]);
    assert.deepEqual(
      homes.map(({ url, wentBack }) => [url, wentBack]),
      [
        [first, false],
        [lab.home, false],
      ],
    );
    assert.deepEqual(
      homes.map(({ branch }) => branch),
      [undefined, undefined],
    );
    await lab.restoreHere('again', {});
    await assertSameFiles(join(lab.temp, 'again'), lab.dir);
    await lab.write('pod', 'on the former device\n');
    const [, report] = (await lab.program.answer<{ homes: SyncReport[] }>(['sync', ...lab.at])).homes;
    assert.match(report?.branch ?? '', /^[0-9a-f]{32}$/);
  });

  it('with a checkpoint more than another keeps a restore from that one as a branch', async () => {
    const first = join(lab.temp, 'first');
    await lab.program.answer(['home', 'add', first, ...lab.at]);
    await lab.bringHome();
    await lab.checkpoint();
    await lab.program.answer(['sync', lab.home, ...lab.at]);
    await lab.restoreHere('back', { from: first });
    await lab.write('back', 'on the new device\n');
    const before = await filesBelow(lab.home);
    const { homes } = await lab.program.answer<{ homes: SyncReport[] }>([
      'sync',
      lab.home,
      ...['-d', join(lab.temp, 'back')],
    ]);
    assert.match(homes[0]?.branch ?? '', /^[0-9a-f]{32}$/);
    const after = await filesBelow(lab.home);
    for (const [path, hash] of before) assert.equal(after.get(path), hash, path);
  });

  it('that went back in time is noticed and brought up to date again', async () => {
    await lab.bringHome();
    const older = join(lab.temp, 'older');
    await replaceByCopy(lab.home, older);
    await writeFile(join(lab.dir, 'letter.txt'), 'another letter\n');
    await lab.checkpoint();
    assert.equal((await sync())?.wentBack, false);
    await replaceByCopy(older, lab.home);
    const report = await lab.report('pod');
    assert.equal(report.wentBack, true);
    assert.match(report.notices.join(), /gone back in time.*It has everything again/s);
    const { events } = await lab.program.answer<{ events: { event: PodEvent }[] }>(['log', ...lab.at]);
    const noted = events.flatMap(({ event }) => (event.type === 'home.reverted' ? [event] : []));
    assert.deepEqual(noted, [{ type: 'home.reverted', v: 1, url: lab.home, seq: 3, acknowledgedSeq: 5 }]);
    assert.equal((await sync())?.wentBack, false);
    await lab.program.answer(lab.restoreTo('back'));
    await assertSameFiles(join(lab.temp, 'back'), lab.dir);
  });

  it('that went back in time, and was taken by a fenced device then, goes on with the newer one again', async () => {
    await lab.bringHome();
    const older = join(lab.temp, 'older');
    await replaceByCopy(lab.home, older);
    await lab.restoreHere('back', {});
    await replaceByCopy(older, lab.home);
    await lab.write('pod', 'on the old device\n');
    assert.equal((await lab.report('pod')).branch, undefined);
    await lab.write('back', 'on the new device\n');
    const { branch, wentBack, notices } = await lab.report('back');
    assert.deepEqual([branch, wentBack], [undefined, true]);
    assert.match(notices.join(), /kept as the branch/);
    await lab.restoreHere('again', {});
    await assertSameFiles(join(lab.temp, 'again'), join(lab.temp, 'back'));
    await lab.write('pod', 'on the old device, again\n');
    const [kept] = await listBranches(openRsyncHome(lab.home), lab.podId);
    const after = await lab.report('pod');
    assert.deepEqual([after.branch, (kept?.seq ?? 0) < after.seq], [kept?.deviceId, true]);
  });

  it('that was taken so, and forgot what that device pruned, has all of the newer one again', async () => {
    await lab.bringHome();
    await lab.write('pod', 'a second letter\n');
    await lab.sync();
    const older = join(lab.temp, 'older');
    await replaceByCopy(lab.home, older);
    await lab.restoreHere('back', {});
    await replaceByCopy(older, lab.home);
    await lab.write('pod', 'on the old device\n');
    await lab.forgetAllButLast('pod');
    await lab.write('back', 'on the new device\n');
    assert.match((await lab.report('back')).notices.join(), /kept as the branch/);
    await lab.requireWholeHome('back');
  });

  it('that lost this pod altogether gets all of it again', async () => {
    await lab.bringHome();
    await rm(join(lab.home, 'pods', lab.podId), { recursive: true });
    assert.equal((await sync())?.wentBack, true);
    await lab.program.answer(lab.restoreTo('back'));
    await assertSameFiles(join(lab.temp, 'back'), lab.dir);
  });

  it('whose head is damaged is not written to', async () => {
    await lab.bringHome();
    await lab.checkpoint();
    await writeFile(join(lab.home, 'pods', lab.podId, 'head'), 'not a head');
    const before = await filesBelow(lab.home);
    await lab.program.failure('HOME_DAMAGED', ['sync', ...lab.at]);
    assert.deepEqual(await filesBelow(lab.home), before);
  });

  it('with several pods asks which one is meant, and the damage of one harms no other', async () => {
    await lab.bringHome();
    const other = await openTreeLab();
    try {
      await other.program.answer(['home', 'add', lab.home, ...other.at]);
      await other.checkpoint();
      await other.program.answer(['sync', ...other.at]);
      const { hint } = await lab.program.failure('USAGE', lab.restoreTo('back'));
      assert.match(hint ?? '', new RegExp(`${lab.podId}`));
      await lab.program.answer([...lab.restoreTo('back'), '--pod', lab.podId.slice(0, 12)]);
      await assertSameFiles(join(lab.temp, 'back'), lab.dir);
      await writeFile(join(lab.home, 'pods', other.podId, 'head'), 'not a head');
      await lab.program.answer([...lab.restoreTo('again'), '--pod', lab.podId]);
      await lab.program.failure('HEAD_DAMAGED', [...lab.restoreTo('other'), '--pod', other.podId]);
    } finally {
      await other.close();
    }
  });
});

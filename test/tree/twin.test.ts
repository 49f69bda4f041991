// A tree pod's twin: a folder that follows the pod, can be looked into, and becomes the pod when it is started.
import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ErrorCode } from '../../src/core/errors.ts';
import { peekHead } from '../../src/core/head.ts';
import { decodeMarker, encodeMarker } from '../../src/core/marker.ts';
import { type OperateOptions, operate } from '../../src/session/operation/operate.ts';
import { operateStream } from '../../src/session/operation/operate-stream.ts';
import type { OperationName, Operations } from '../../src/session/operation/operations.ts';
import { startPod } from '../../src/session/operation/start-pod.ts';
import type { EntryReport } from '../../src/sync/browse/entry-report.ts';
import { twinUrl } from '../../src/sync/home/home-url.ts';
import type { Promotion } from '../../src/sync/pod/promote-twin.ts';
import { openTree } from '../../src/sync/pod/tree.ts';
import {
  assertSameFiles,
  filesBelow,
  openTreeLab,
  PASSPHRASE,
  replaceByCopy,
  type TreeLab,
} from './tree-lab.ts';

const QUIET: OperateOptions = { passphrase: async () => PASSPHRASE, onProgress: () => undefined };

function ask<Name extends OperationName>(
  dir: string,
  name: Name,
  parameters: Operations[Name]['parameters'],
): Promise<Operations[Name]['answer']> {
  return operate(dir, name, parameters, QUIET);
}

/** Starts the twin around `dir`; `onStep` may throw, as a kill would end it there. */
async function start(dir: string, onStep: (step: string) => void = () => undefined): Promise<Promotion> {
  const report = await startPod({
    ...QUIET,
    onProgress: ({ step }) => onStep(step),
    devicePath: dir,
    choice: 'default',
    geometry: { width: 1, height: 1 },
  });
  assert.ok(report.promotion);
  return report.promotion;
}

/** The files below `dir` without projections, which are opened and closed with a pod. */
async function lastingFiles(dir: string): Promise<Map<string, string>> {
  return new Map([...(await filesBelow(dir))].filter(([path]) => !path.includes('/level/')));
}

describe('the twin of a tree pod', () => {
  let lab: TreeLab;
  let twin: string;
  beforeEach(async () => {
    lab = await openTreeLab();
    twin = join(lab.temp, 'twin');
  });
  afterEach(async () => {
    await lab.close();
  });

  const add = (path = twin) => ask(lab.dir, 'home-add', { url: path, twin: { isForced: false } });
  const podDir = () => join(twin, '.deskpod');
  const headOf = async () => readFile(join(podDir(), 'repository', 'head'));

  /** A twin, and a home besides, to which everything was synced. */
  const follow = async (): Promise<void> => {
    await add();
    await lab.bringHome();
  };

  const codesOfSync = async (dir = lab.dir): Promise<(string | undefined)[]> => {
    const { homes } = await ask(dir, 'sync', {});
    return homes.map((home) => ('error' in home ? home.error.code : undefined));
  };

  it('holds marker and repository, and nothing of the files in the clear', async () => {
    await follow();
    assert.deepEqual(await readdir(twin), ['.deskpod']);
    assert.deepEqual((await readdir(podDir())).sort(), ['deskpod.pod', 'lock', 'repository']);
    for (const entry of await readdir(podDir(), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const bytes = await readFile(join(entry.parentPath, entry.name), 'latin1');
      assert.doesNotMatch(bytes, /a letter|a note|letter\.txt|papers/, entry.name);
    }
  });

  it('is looked into as it is, and stays a twin', async () => {
    await follow();
    const before = await filesBelow(podDir());
    const { isTwin, lastCheckpoint, kind } = await ask(twin, 'status', {});
    assert.deepEqual([isTwin, kind, lastCheckpoint?.number], [true, 'tree', 1]);
    assert.equal((await ask(twin, 'checkpoints', {})).checkpoints.length, 1);
    const none = [twinUrl(twin), lab.home].map((url) => ({ url, branches: [] }));
    assert.deepEqual((await ask(twin, 'branches', {})).homes, none);
    const entries: EntryReport[] = [];
    const list = { at: { path: '' }, checkpoint: 'latest', isRecursive: true } as const;
    await operateStream(twin, 'ls', list, (entry) => void entries.push(entry), QUIET);
    assert.deepEqual(
      entries.map(({ path }) => path),
      ['folder', 'folder/note.txt', 'letter.txt'],
    );
    const verify = { depth: 'data', isHealing: true, isGivingUp: false } as const;
    const { damage, failures, unrecorded } = await ask(twin, 'verify', verify);
    assert.deepEqual([damage, failures, unrecorded], [[], [], undefined]);
    assert.deepEqual(await filesBelow(podDir()), before);
  });

  it('is changed by nothing but syncs', async () => {
    await follow();
    const before = await filesBelow(podDir());
    const refused: [OperationName, object][] = [
      ['checkpoint', {}],
      ['home-add', { url: join(lab.temp, 'other') }],
      ['home-remove', { url: lab.home }],
      ['sync', {}],
      ['fork', {}],
      ['prune', { policy: { last: 1 } }],
      ['key-add', { credential: { passphrase: PASSPHRASE }, passphrase: 'another one' }],
      ['verify', { depth: 'data', isHealing: true, isGivingUp: true }],
    ];
    for (const [name, parameters] of refused)
      await assert.rejects(ask(twin, name, parameters as never), { code: 'POD_IS_TWIN' }, name);
    assert.deepEqual(await filesBelow(podDir()), before);
  });

  it('becomes the pod when it is started, as a new device in a new epoch that goes on', async () => {
    await follow();
    const { deviceId } = await ask(lab.dir, 'status', {});
    const promotion = await start(twin);
    assert.deepEqual([promotion.epoch, promotion.checkpoint, promotion.fileCount], [2, 1, 2]);
    await assertSameFiles(twin, lab.dir);
    const status = await ask(twin, 'status', {});
    assert.equal(status.isTwin, false);
    assert.notEqual(status.deviceId, deviceId);
    assert.deepEqual(
      status.homes.map(({ url }) => url),
      [lab.home],
    );
    await writeFile(join(twin, 'letter.txt'), 'goes on\n');
    assert.equal((await ask(twin, 'checkpoint', {})).number, 2);
    assert.deepEqual(await codesOfSync(twin), [undefined]);
    await lab.restoreHere('back', {});
    await assertSameFiles(join(lab.temp, 'back'), twin);
  });

  it('that was started refuses the device that it followed, which is a branch at the homes that it has told', async () => {
    await follow();
    const { deviceId } = await ask(lab.dir, 'status', {});
    await start(twin);
    await codesOfSync(twin);
    const before = [await filesBelow(twin), await filesBelow(podDir())];
    const head = await readFile(join(lab.home, 'pods', lab.podId, 'head'));
    await lab.write('pod', 'on the lost device\n');
    const { homes } = await ask(lab.dir, 'sync', {});
    assert.deepEqual(
      homes.map((home) => ('error' in home ? home.error.code : home.branch)),
      ['HOME_FENCED', deviceId],
    );
    assert.deepEqual([await filesBelow(twin), await filesBelow(podDir())], before);
    assert.deepEqual(await readFile(join(lab.home, 'pods', lab.podId, 'head')), head);
    await lab.write('twin', 'on the started twin\n');
    assert.equal((await lab.report('twin')).branch, undefined);
    const [found] = (await ask(twin, 'branches', {})).homes;
    assert.ok(found !== undefined && 'branches' in found);
    assert.deepEqual(
      found.branches.map((branch) => branch.deviceId),
      [deviceId],
    );
  });

  it('of which a copy is started, too, is two devices, and the second is a branch', async () => {
    await follow();
    const copy = join(lab.temp, 'copy');
    await replaceByCopy(twin, copy);
    const [first, second] = [await start(twin), await start(copy)];
    assert.notEqual(first.deviceId, second.deviceId);
    assert.equal((await lab.report('twin')).branch, undefined);
    const { homes } = await ask(copy, 'sync', { url: lab.home });
    assert.deepEqual(
      homes.map((home) => ('error' in home ? home.error.code : home.branch)),
      [second.deviceId],
    );
  });

  it('of which a copy is started, too, gets a name of its own from home where no medium tells them apart', async () => {
    await follow();
    const copy = join(lab.temp, 'copy');
    await replaceByCopy(twin, copy);
    const tree = await openTree(lab.dir, { passphrase: PASSPHRASE });
    const markerFile = join(copy, '.deskpod', 'deskpod.pod');
    const marker = decodeMarker(await readFile(markerFile), tree.pod.sealing);
    await writeFile(markerFile, encodeMarker({ ...marker, placeId: new Uint8Array(16) }, tree.pod.sealing));
    await tree.close();
    const [first, second] = [await start(twin), await start(copy)];
    assert.equal(first.deviceId, second.deviceId);
    assert.equal((await lab.report('twin')).branch, undefined);
    await lab.write('copy', 'on the copy\n');
    const { homes } = await ask(copy, 'sync', { url: lab.home });
    const [branch] = homes.map((home) => ('error' in home ? home.error.code : home.branch));
    assert.match(branch ?? '', /^[0-9a-f]{32}$/);
    assert.notEqual(branch, first.deviceId);
    assert.equal((await ask(copy, 'status', {})).deviceId, branch);
  });

  it('follows one device: another one of the pod is refused, be it behind or not, and changes nothing', async () => {
    await follow();
    await lab.restoreHere('back', {});
    assert.deepEqual(await codesOfSync(join(lab.temp, 'back')), [undefined, undefined]);
    const before = await filesBelow(podDir());
    assert.deepEqual(await codesOfSync(), ['HOME_FENCED', undefined]);
    await lab.write('pod', 'on the former device\n');
    assert.deepEqual(await codesOfSync(), ['HOME_FENCED', undefined]);
    assert.deepEqual(await filesBelow(podDir()), before);
  });

  it('is started from what it has, and leaves a home that has more as it is', async () => {
    await follow();
    await rename(twin, `${twin}-away`);
    await writeFile(join(lab.dir, 'letter.txt'), 'later\n');
    await lab.checkpoint();
    await codesOfSync();
    await rename(`${twin}-away`, twin);
    const before = await filesBelow(lab.home);
    const { checkpoint, deviceId } = await start(twin);
    assert.equal(checkpoint, 1);
    assert.equal(await readFile(join(twin, 'letter.txt'), 'utf8'), 'a letter\n');
    const { branch, notices } = await lab.report('twin');
    assert.equal(branch, deviceId);
    assert.match(notices.join(), /goes on with another device of this pod/);
    const after = await filesBelow(lab.home);
    for (const [path, hash] of before) assert.equal(after.get(path), hash, path);
  });

  for (const until of ['taking over the log', 'laying out the files']) {
    it(`whose promotion ended at "${until}" is a twin still, takes syncs, and is started again`, async () => {
      await follow();
      const stop = (step: string): void => {
        if (step === until) throw new Error('killed');
      };
      await assert.rejects(start(twin, stop), /killed/);
      assert.equal((await ask(twin, 'status', {})).isTwin, true);
      await writeFile(join(lab.dir, 'folder', 'new.txt'), 'new\n');
      await lab.checkpoint();
      assert.deepEqual(await codesOfSync(), [undefined, undefined]);
      const promotion = await start(twin);
      assert.deepEqual([promotion.epoch, promotion.checkpoint], [2, 2]);
      await assertSameFiles(twin, lab.dir);
    });
  }

  it('whose promotion ended right before its marker is fenced already, and goes on as the same new device', async () => {
    await follow();
    await cp(join(podDir(), 'deskpod.pod'), join(lab.temp, 'marker'));
    const first = await start(twin);
    await cp(join(lab.temp, 'marker'), join(podDir(), 'deskpod.pod'));
    assert.equal((await ask(twin, 'status', {})).isTwin, true);
    const head = await headOf();
    await lab.checkpoint();
    assert.deepEqual(await codesOfSync(), ['HOME_FENCED', undefined]);
    assert.deepEqual(await headOf(), head);
    const second = await start(twin);
    assert.deepEqual([second.deviceId, second.epoch], [first.deviceId, 2]);
    assert.deepEqual(await headOf(), head);
    assert.equal((await ask(twin, 'status', {})).isTwin, false);
  });

  it('is not started over files that are not its own', async () => {
    await follow();
    await writeFile(join(twin, 'letter.txt'), 'of somebody else\n');
    await assert.rejects(start(twin), { code: 'TARGET_NOT_EMPTY' });
    assert.equal(await readFile(join(twin, 'letter.txt'), 'utf8'), 'of somebody else\n');
    assert.equal((await ask(twin, 'status', {})).isTwin, true);
  });

  it('has nothing to start before its first sync, or before the first checkpoint', async () => {
    await add();
    await assert.rejects(start(twin), { code: 'POD_NOT_FOUND' });
    await assert.rejects(ask(twin, 'status', {}), { code: 'POD_NOT_FOUND' });
    assert.deepEqual(await codesOfSync(), [undefined]);
    await assert.rejects(start(twin), { code: 'CHECKPOINT_NOT_FOUND' });
    assert.equal((await ask(twin, 'status', {})).isTwin, true);
  });

  it('is opened by the recovery key, and by no wrong passphrase', async () => {
    await follow();
    const wrong = { ...QUIET, passphrase: async () => 'wrong' };
    await assert.rejects(operate(twin, 'status', {}, wrong), { code: 'PASSPHRASE_WRONG' });
    const { recoveryKey } = lab;
    const withKey = { ...QUIET, credential: async () => ({ recoveryKey }) };
    assert.equal((await operate(twin, 'status', {}, withKey)).isTwin, true);
  });

  it('that is away is no failure of a sync that another home got, but one of a sync that nobody got', async () => {
    await follow();
    await rename(twin, `${twin}-away`);
    await mkdir(twin); // as a mount point without its drive
    await lab.checkpoint();
    const synced = await lab.program.run(['sync', ...lab.at]);
    assert.equal(synced.status, 0, synced.stderr);
    assert.match(synced.stdout, /the twin at .*twin is not plugged in/);
    assert.deepEqual(await codesOfSync(), ['HOME_AWAY', undefined]);
    const branches = await lab.program.run(['branches', ...lab.at]);
    assert.deepEqual([branches.status, branches.stderr], [0, '']);
    assert.deepEqual(await readdir(twin), []);
    const [home] = (await ask(lab.dir, 'status', {})).homes;
    assert.deepEqual([home?.isTwin, home?.isAway, home?.missingCheckpoints], [true, true, 1]);
    await lab.program.failure('HOME_AWAY', ['sync', twin, ...lab.at]);
    await ask(lab.dir, 'home-remove', { url: lab.home });
    await lab.program.failure('HOME_AWAY', ['sync', ...lab.at]);
    await rm(twin, { recursive: true });
    await rename(`${twin}-away`, twin);
    assert.deepEqual(await codesOfSync(), [undefined]);
    const [back] = (await ask(lab.dir, 'home-list', {})).homes;
    assert.deepEqual([back?.isAway, back?.missingCheckpoints], [false, 0]);
  });

  it('loses what a prune removed from its pod, and is whole without it', async () => {
    await follow();
    await writeFile(join(lab.dir, 'letter.txt'), 'x'.repeat(300_000));
    await lab.checkpoint();
    await codesOfSync();
    await ask(lab.dir, 'prune', { policy: { last: 1 }, maxUnused: { share: 0 }, isDryRun: false });
    assert.deepEqual(await codesOfSync(), [undefined, undefined]);
    const packsIn = async (dir: string) =>
      (await readdir(join(dir, 'packs'), { recursive: true })).filter((name) => name.endsWith('.age')).sort();
    const here = await packsIn(join(lab.dir, '.deskpod', 'repository'));
    assert.deepEqual(await packsIn(join(podDir(), 'repository')), here);
    assert.ok((await packsIn(join(lab.home, 'pods', lab.podId))).length > here.length);
    await start(twin);
    await assertSameFiles(twin, lab.dir);
  });

  it('gives back an object that is damaged on the device', async () => {
    await add();
    await lab.checkpoint();
    await codesOfSync();
    const packs = join(lab.dir, '.deskpod', 'repository', 'packs');
    const [pack = ''] = (await readdir(packs, { recursive: true })).filter((name) => name.endsWith('.age'));
    await writeFile(join(packs, pack), 'rot');
    const verify = { depth: 'data', isHealing: true, isGivingUp: false } as const;
    const { damage } = await ask(lab.dir, 'verify', verify);
    assert.deepEqual(
      damage.map(({ healedFrom }) => healedFrom),
      [twinUrl(twin)],
    );
  });

  it('is healed from another home where it lies, and by its pod', async () => {
    await follow();
    const [pack = ''] = (await readdir(join(podDir(), 'repository', 'packs'), { recursive: true })).filter(
      (name) => name.endsWith('.age'),
    );
    const damage = () => writeFile(join(podDir(), 'repository', 'packs', pack), 'rot');
    await damage();
    const verify = { depth: 'data', isHealing: true, isGivingUp: false } as const;
    const here = await ask(twin, 'verify', verify);
    assert.deepEqual(
      here.damage.map(({ healedFrom }) => healedFrom),
      [lab.home],
    );
    assert.deepEqual(here.failures, []);
    await damage();
    const there = await ask(lab.dir, 'verify', { ...verify, home: twin });
    assert.equal(there.place, twinUrl(twin));
    assert.deepEqual(
      there.damage.map(({ healedFrom }) => healedFrom),
      ['device'],
    );
    assert.deepEqual((await ask(twin, 'verify', verify)).damage, []);
  });

  it('is a device of this computer', async () => {
    const far = ['home', 'add', 'user@host:/twin', '--twin', ...lab.at];
    await lab.program.failure('USAGE', far);
    await lab.program.failure('USAGE', ['restore', '--from', twinUrl(twin), '--list']);
    const { hint } = await lab.program.failure('USAGE', ['branches', '--from', twinUrl(twin)]);
    assert.match(hint ?? '', /look into it with `-d /);
  });

  it('follows the keys of its pod', async () => {
    await follow();
    const credential = { passphrase: PASSPHRASE };
    await ask(lab.dir, 'key-change', { credential, passphrase: 'another correct horse' });
    const changed = { ...QUIET, passphrase: async () => 'another correct horse' };
    await operate(lab.dir, 'sync', {}, changed);
    await assert.rejects(ask(twin, 'status', {}), { code: 'PASSPHRASE_WRONG' });
    assert.equal((await operate(twin, 'status', {}, changed)).isTwin, true);
  });

  const refusals: { what: string; code: ErrorCode; prepare: () => Promise<string> }[] = [
    { what: 'the pod itself', code: 'USAGE', prepare: async () => lab.dir },
    {
      what: 'a folder with other files',
      code: 'TARGET_NOT_EMPTY',
      prepare: async () => {
        await mkdir(twin);
        await writeFile(join(twin, 'photo.jpg'), 'mine');
        return twin;
      },
    },
    {
      what: 'the folder of another pod, or a copy of this one',
      code: 'POD_EXISTS',
      prepare: async () => {
        await replaceByCopy(lab.dir, twin);
        return twin;
      },
    },
    {
      what: 'a folder on a drive that is not mounted',
      code: 'HOME_NOT_FOUND',
      prepare: async () => join(lab.temp, 'drive', 'twin'),
    },
    {
      what: 'an image file, which is for desktops',
      code: 'USAGE',
      prepare: async () => {
        await writeFile(twin, '');
        return twin;
      },
    },
  ];
  for (const { what, code, prepare } of refusals) {
    it(`is not made of ${what}; nothing changes`, async () => {
      const path = await prepare();
      const before = await lastingFiles(lab.temp);
      await assert.rejects(add(path), { code });
      assert.deepEqual(await lastingFiles(lab.temp), before);
      assert.deepEqual((await ask(lab.dir, 'status', {})).homes, []);
    });
  }

  it('is added once, and taken back as it is after it was removed', async () => {
    await follow();
    await assert.rejects(add(), { code: 'HOME_ALREADY_KNOWN' });
    assert.equal((await ask(lab.dir, 'home-remove', { url: twin })).url, twinUrl(twin));
    const before = await headOf();
    assert.equal((await add()).url, twinUrl(twin));
    assert.deepEqual(await headOf(), before);
    assert.deepEqual(await codesOfSync(), [undefined, undefined]);
    assert.ok(peekHead(await headOf()).seq > peekHead(before).seq);
  });
});

// A tree pod's twin: a folder that follows the pod, can be looked into, and is healed; see twin-start.test.ts for its start.
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorCode, isDeskPodError } from '../../src/core/errors.ts';
import { peekHead } from '../../src/core/head.ts';
import { operate } from '../../src/session/operation/operate.ts';
import { operateStream } from '../../src/session/operation/operate-stream.ts';
import type { OperationName } from '../../src/session/operation/operations.ts';
import type { EntryReport } from '../../src/sync/browse/entry-report.ts';
import { twinUrl } from '../../src/sync/home/home-url.ts';
import { assertSameFiles, filesBelow, PASSPHRASE, replaceByCopy } from './tree-lab.ts';
import { ask, openTwinLab, QUIET, startTwin, type TwinLab } from './twin-lab.ts';

/** The files below `dir` without projections, which are opened and closed with a pod. */
async function lastingFiles(dir: string): Promise<Map<string, string>> {
  return new Map([...(await filesBelow(dir))].filter(([path]) => !path.includes('/level/')));
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

describe('the twin of a tree pod', () => {
  let lab: TwinLab;
  beforeEach(async () => {
    lab = await openTwinLab();
  });
  afterEach(async () => {
    await lab.close();
  });

  const headOf = async () => readFile(join(lab.podDir, 'repository', 'head'));

  it('holds marker and repository, and nothing of the files in the clear', async () => {
    await lab.follow();
    assert.deepEqual(await readdir(lab.twin), ['.deskpod']);
    assert.deepEqual((await readdir(lab.podDir)).sort(), ['deskpod.pod', 'lock', 'repository']);
    for (const entry of await readdir(lab.podDir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const bytes = await readFile(join(entry.parentPath, entry.name), 'latin1');
      assert.doesNotMatch(bytes, /a letter|a note|letter\.txt|papers/, entry.name);
    }
  });

  it('is looked into as it is, and stays a twin', async () => {
    await lab.follow();
    const before = await filesBelow(lab.podDir);
    const { isTwin, lastCheckpoint, kind } = await ask(lab.twin, 'status', {});
    assert.deepEqual([isTwin, kind, lastCheckpoint?.number], [true, 'tree', 1]);
    assert.equal((await ask(lab.twin, 'checkpoints', {})).checkpoints.length, 1);
    const none = [twinUrl(lab.twin), lab.home].map((url) => ({ url, branches: [] }));
    assert.deepEqual((await ask(lab.twin, 'branches', {})).homes, none);
    const entries: EntryReport[] = [];
    const list = { at: { path: '' }, checkpoint: 'latest', isRecursive: true } as const;
    await operateStream(lab.twin, 'ls', list, (entry) => void entries.push(entry), QUIET);
    assert.deepEqual(
      entries.map(({ path }) => path),
      ['folder', 'folder/note.txt', 'letter.txt'],
    );
    const verify = { depth: 'data', isHealing: true, isGivingUp: false } as const;
    const { damage, failures, unrecorded } = await ask(lab.twin, 'verify', verify);
    assert.deepEqual([damage, failures, unrecorded], [[], [], undefined]);
    assert.deepEqual(await filesBelow(lab.podDir), before);
  });

  it('is changed by nothing but syncs', async () => {
    await lab.follow();
    const before = await filesBelow(lab.podDir);
    const refused: [OperationName, object][] = [
      ['checkpoint', {}],
      ['home-add', { url: join(lab.temp, 'other') }],
      ['home-remove', { url: lab.home }],
      ['sync', {}],
      ['fork', {}],
      ['promote', {}],
      ['prune', { policy: { last: 1 } }],
      ['key-add', { credential: { passphrase: PASSPHRASE }, passphrase: 'another one' }],
      ['verify', { depth: 'data', isHealing: true, isGivingUp: true }],
    ];
    for (const [name, parameters] of refused)
      await assert.rejects(ask(lab.twin, name, parameters as never), { code: 'POD_IS_TWIN' }, name);
    assert.deepEqual(await filesBelow(lab.podDir), before);
  });

  it('follows one device: another one of the pod is refused, be it behind or not, and changes nothing', async () => {
    await lab.follow();
    await lab.restoreHere('back', {});
    assert.deepEqual(await lab.codesOfSync(join(lab.temp, 'back')), [undefined, undefined]);
    const before = await filesBelow(lab.podDir);
    assert.deepEqual(await lab.codesOfSync(), ['HOME_FENCED', undefined]);
    await lab.write('pod', 'on the former device\n');
    assert.deepEqual(await lab.codesOfSync(), ['HOME_FENCED', undefined]);
    assert.deepEqual(await filesBelow(lab.podDir), before);
  });

  it('is opened by the recovery key, and by no wrong passphrase', async () => {
    await lab.follow();
    const wrong = { ...QUIET, passphrase: async () => 'wrong' };
    await assert.rejects(operate(lab.twin, 'status', {}, wrong), { code: 'PASSPHRASE_WRONG' });
    const { recoveryKey } = lab;
    const withKey = { ...QUIET, credential: async () => ({ recoveryKey }) };
    assert.equal((await operate(lab.twin, 'status', {}, withKey)).isTwin, true);
  });

  it('that is away is no failure of a sync that another home got, but one of a sync that nobody got', async () => {
    await lab.follow();
    await rename(lab.twin, `${lab.twin}-away`);
    await mkdir(lab.twin); // as a mount point without its drive
    await lab.checkpoint();
    const synced = await lab.program.run(['sync', ...lab.at]);
    assert.equal(synced.status, 0, synced.stderr);
    assert.match(synced.stdout, /the twin at .*twin is not plugged in/);
    assert.deepEqual(await lab.codesOfSync(), ['HOME_AWAY', undefined]);
    const branches = await lab.program.run(['branches', ...lab.at]);
    assert.deepEqual([branches.status, branches.stderr], [0, '']);
    assert.deepEqual(await readdir(lab.twin), []);
    const [home] = (await ask(lab.dir, 'status', {})).homes;
    assert.deepEqual([home?.isTwin, home?.isAway, home?.missingCheckpoints], [true, true, 1]);
    await lab.program.failure('HOME_AWAY', ['sync', lab.twin, ...lab.at]);
    await ask(lab.dir, 'home-remove', { url: lab.home });
    await lab.program.failure('HOME_AWAY', ['sync', ...lab.at]);
    await rm(lab.twin, { recursive: true });
    await rename(`${lab.twin}-away`, lab.twin);
    assert.deepEqual(await lab.codesOfSync(), [undefined]);
    const [back] = (await ask(lab.dir, 'home-list', {})).homes;
    assert.deepEqual([back?.isAway, back?.missingCheckpoints], [false, 0]);
  });

  it('loses what a prune removed from its pod, and is whole without it', async () => {
    await lab.follow();
    await writeFile(join(lab.dir, 'letter.txt'), 'x'.repeat(300_000));
    await lab.checkpoint();
    await lab.codesOfSync();
    await ask(lab.dir, 'prune', { policy: { last: 1 }, maxUnused: { share: 0 }, isDryRun: false });
    assert.deepEqual(await lab.codesOfSync(), [undefined, undefined]);
    const packsIn = async (dir: string) =>
      (await readdir(join(dir, 'packs'), { recursive: true })).filter((name) => name.endsWith('.age')).sort();
    const here = await packsIn(join(lab.dir, '.deskpod', 'repository'));
    assert.deepEqual(await packsIn(join(lab.podDir, 'repository')), here);
    assert.ok((await packsIn(join(lab.home, 'pods', lab.podId))).length > here.length);
    await startTwin(lab.twin);
    await assertSameFiles(lab.twin, lab.dir);
  });

  it('gives back an object that is damaged on the device', async () => {
    await lab.add();
    await lab.checkpoint();
    await lab.codesOfSync();
    const packs = join(lab.dir, '.deskpod', 'repository', 'packs');
    const [pack = ''] = (await readdir(packs, { recursive: true })).filter((name) => name.endsWith('.age'));
    await writeFile(join(packs, pack), 'rot');
    const verify = { depth: 'data', isHealing: true, isGivingUp: false } as const;
    const { damage } = await ask(lab.dir, 'verify', verify);
    assert.deepEqual(
      damage.map(({ healedFrom }) => healedFrom),
      [twinUrl(lab.twin)],
    );
  });

  it('is healed from another home where it lies, and by its pod', async () => {
    await lab.follow();
    const [pack = ''] = (await readdir(join(lab.podDir, 'repository', 'packs'), { recursive: true })).filter(
      (name) => name.endsWith('.age'),
    );
    const damage = () => writeFile(join(lab.podDir, 'repository', 'packs', pack), 'rot');
    await damage();
    const verify = { depth: 'data', isHealing: true, isGivingUp: false } as const;
    const here = await ask(lab.twin, 'verify', verify);
    assert.deepEqual(
      here.damage.map(({ healedFrom }) => healedFrom),
      [lab.home],
    );
    assert.deepEqual(here.failures, []);
    await damage();
    const there = await ask(lab.dir, 'verify', { ...verify, home: lab.twin });
    assert.equal(there.place, twinUrl(lab.twin));
    assert.deepEqual(
      there.damage.map(({ healedFrom }) => healedFrom),
      ['device'],
    );
    assert.deepEqual((await ask(lab.twin, 'verify', verify)).damage, []);
  });

  const rots: { what: string; code: ErrorCode; rot: (marker: Buffer) => Buffer | undefined }[] = [
    { what: 'a bit of its MAC', code: 'MARKER_DAMAGED', rot: (marker) => flipped(marker, marker.length - 1) },
    { what: 'a bit of its pod id', code: 'HOME_FOREIGN', rot: (marker) => flipped(marker, 5) },
    { what: 'all of it', code: 'MARKER_DAMAGED', rot: () => undefined },
  ];
  it('that has lost its marker is named by each sync, and gets it anew from a verify of its pod', async () => {
    await lab.follow();
    const marker = join(lab.podDir, 'deskpod.pod');
    const verify = { depth: 'structure', home: lab.twin, isHealing: true, isGivingUp: false } as const;
    for (const { what, code, rot } of rots) {
      const bytes = rot(await readFile(marker));
      await (bytes === undefined ? rm(marker) : writeFile(marker, bytes));
      const [outcome] = (await ask(lab.dir, 'sync', {})).homes;
      assert.ok(outcome !== undefined && 'error' in outcome, what);
      assert.equal(outcome.error.code, code, what);
      assert.match(outcome.error.message, /^(twin:\/\/)?\/.*twin: .*expected .*got /, what);
      assert.match(outcome.error.hint ?? '', /`deskpod verify -d POD --home \/.*twin`/, what);
      for (const attempt of [() => ask(lab.twin, 'status', {}), () => startTwin(lab.twin)])
        await assert.rejects(attempt, (error) => {
          assert.ok(isDeskPodError(error), String(error));
          assert.ok(error.hint?.includes(`\`deskpod verify -d POD --home ${lab.twin}\``), error.hint);
          return true;
        });
      await assert.rejects(ask(lab.dir, 'verify', { ...verify, isHealing: false }), { code }, what);
      const { healedFaults, faults, damage } = await ask(lab.dir, 'verify', verify);
      assert.deepEqual([healedFaults.length, faults, damage], [1, [], []], what);
      assert.equal((await ask(lab.twin, 'status', {})).isTwin, true, what);
      assert.deepEqual(await lab.codesOfSync(), [undefined, undefined], what);
    }
    const healed = (await ask(lab.dir, 'log', { since: 1 })).events.flatMap(({ event }) =>
      event.type === 'object.healed' ? [[event.kind, event.name, event.place, event.from]] : [],
    );
    assert.deepEqual(
      healed,
      rots.map(() => ['marker', 'deskpod.pod', twinUrl(lab.twin), 'log']),
    );

    await writeFile(marker, 'rot');
    const { hint = '' } = await lab.program.failure('MARKER_DAMAGED', ['status', '-d', lab.twin]);
    const command = /`deskpod (verify -d POD --home [^`]*)`/.exec(hint)?.[1]?.split(' ') ?? [];
    const mended = await lab.program.run(command.map((word) => (word === 'POD' ? lab.dir : word)));
    assert.equal(mended.status, 4, mended.stderr);
    assert.equal((await ask(lab.twin, 'status', {})).isTwin, true);
  });

  it('gets no marker anew once it was started, or where nothing says that it is one', async () => {
    await lab.follow();
    const marker = join(lab.podDir, 'deskpod.pod');
    const verify = { depth: 'structure', home: lab.twin, isHealing: true, isGivingUp: false } as const;
    await writeFile(marker, 'rot');
    await rename(join(lab.podDir, 'repository', 'head'), join(lab.temp, 'head'));
    await assert.rejects(ask(lab.dir, 'verify', verify), {
      code: 'MARKER_DAMAGED',
      message: /no head of this pod/,
    });
    await rename(join(lab.temp, 'head'), join(lab.podDir, 'repository', 'head'));
    await ask(lab.dir, 'verify', verify);
    await startTwin(lab.twin);
    await writeFile(marker, 'rot');
    await assert.rejects(ask(lab.dir, 'verify', verify), {
      code: 'MARKER_DAMAGED',
      message: /no head of this pod/,
    });
    assert.equal(await readFile(marker, 'utf8'), 'rot');
  });

  it('says where it lies and what comes next when its head, keyring or repository is damaged', async () => {
    await lab.follow();
    const repository = join(lab.podDir, 'repository');
    const head = join(repository, 'head');
    const verify = { depth: 'structure', home: lab.twin, isHealing: true, isGivingUp: false } as const;
    const refused = async (act: () => Promise<unknown>, code: ErrorCode, hint: RegExp): Promise<void> => {
      await assert.rejects(act, (error) => {
        assert.ok(isDeskPodError(error, code), String(error));
        assert.ok(error.message.includes(lab.twin), error.message);
        assert.match(error.hint ?? '', hint);
        return true;
      });
    };
    const status = () => ask(lab.twin, 'status', {});

    await writeFile(head, 'rot');
    await refused(status, 'HEAD_DAMAGED', /`deskpod verify -d POD --home \/.*twin`.* another home/);
    const [synced] = (await ask(lab.dir, 'sync', {})).homes;
    assert.ok(synced !== undefined && 'error' in synced);
    assert.equal(synced.error.code, 'HOME_DAMAGED');
    assert.match(synced.error.message, /^twin:.*twin: .*expected .*got /);
    const next = `remove ${head} and sync again`;
    assert.ok(synced.error.hint?.includes(next), synced.error.hint);
    const { faults } = await ask(lab.dir, 'verify', verify);
    assert.ok(faults[0]?.includes(next), faults.join());
    await rm(head);
    await refused(status, 'POD_NOT_FOUND', /Sync to it from the device.* another home/);
    assert.deepEqual(await lab.codesOfSync(), [undefined, undefined]);

    const [keyring = ''] = await readdir(join(repository, 'keyrings'));
    await rm(join(repository, 'keyrings', keyring));
    await refused(status, 'OBJECT_MISSING', /-d POD --home \/.*twin`.*-d \/.*twin --home URL`/);
    await ask(lab.dir, 'verify', verify);
    await status();

    await rm(repository, { recursive: true });
    await refused(status, 'POD_NOT_FOUND', /Sync to it from the device.* another home/);
    await refused(() => ask(lab.dir, 'verify', verify), 'HOME_DAMAGED', /`deskpod sync`/);
    assert.deepEqual(await lab.codesOfSync(), [undefined, undefined]);
    await status();
  });

  it('gives back the keyring without which its pod cannot be opened', async () => {
    await lab.add();
    await lab.checkpoint();
    await lab.codesOfSync();
    const keyrings = join(lab.dir, '.deskpod', 'repository', 'keyrings');
    const [keyring = ''] = await readdir(keyrings);
    await writeFile(join(keyrings, keyring), 'rot');
    const { status, stderr } = await lab.program.run(['verify', ...lab.at, '--home', lab.twin]);
    assert.equal(status, 4, stderr);
    assert.match(stderr, /keyrings\/.* came back from/);
    assert.equal(await lab.checkpoint(), 2);
  });

  it('is a device of this computer', async () => {
    const far = ['home', 'add', 'user@host:/twin', '--twin', ...lab.at];
    await lab.program.failure('USAGE', far);
    const { hint } = await lab.program.failure('USAGE', ['branches', '--from', twinUrl(lab.twin)]);
    assert.match(hint ?? '', /look into it with `-d /);
  });

  it('follows the keys of its pod', async () => {
    await lab.follow();
    const credential = { passphrase: PASSPHRASE };
    await ask(lab.dir, 'key-change', { credential, passphrase: 'another correct horse' });
    const changed = { ...QUIET, passphrase: async () => 'another correct horse' };
    await operate(lab.dir, 'sync', {}, changed);
    await assert.rejects(ask(lab.twin, 'status', {}), { code: 'PASSPHRASE_WRONG' });
    assert.equal((await operate(lab.twin, 'status', {}, changed)).isTwin, true);
  });

  const refusals: { what: string; code: ErrorCode; prepare: () => Promise<string> }[] = [
    { what: 'the pod itself', code: 'USAGE', prepare: async () => lab.dir },
    { what: 'a folder within the pod', code: 'USAGE', prepare: async () => join(lab.dir, 'folder', 'twin') },
    {
      what: 'a folder with other files',
      code: 'TARGET_NOT_EMPTY',
      prepare: async () => {
        await mkdir(lab.twin);
        await writeFile(join(lab.twin, 'photo.jpg'), 'mine');
        return lab.twin;
      },
    },
    {
      what: 'the folder of another pod, or a copy of this one',
      code: 'POD_EXISTS',
      prepare: async () => {
        await replaceByCopy(lab.dir, lab.twin);
        return lab.twin;
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
        await writeFile(lab.twin, '');
        return lab.twin;
      },
    },
  ];
  for (const { what, code, prepare } of refusals) {
    it(`is not made of ${what}; nothing changes`, async () => {
      const path = await prepare();
      const before = await lastingFiles(lab.temp);
      await assert.rejects(lab.add(path), { code });
      assert.deepEqual(await lastingFiles(lab.temp), before);
      assert.deepEqual((await ask(lab.dir, 'status', {})).homes, []);
    });
  }

  it('is added once, and taken back as it is after it was removed', async () => {
    await lab.follow();
    await assert.rejects(lab.add(), { code: 'HOME_ALREADY_KNOWN' });
    assert.equal((await ask(lab.dir, 'home-remove', { url: lab.twin })).url, twinUrl(lab.twin));
    const before = await headOf();
    assert.equal((await lab.add()).url, twinUrl(lab.twin));
    assert.deepEqual(await headOf(), before);
    assert.deepEqual(await lab.codesOfSync(), [undefined, undefined]);
    assert.ok(peekHead(await headOf()).seq > peekHead(before).seq);
  });
});

// Tree pods that meet their home while nobody has them open: what home takes over, what it leaves alone, and what is told of it.
// Together they take a minute: what others show in part runs with DESKPOD_TEST_EXHAUSTIVE only.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromHex, toHex } from '../../src/core/bytes.ts';
import type { DockSignal } from '../../src/core/dock-machine.ts';
import { encodeHead, peekHead } from '../../src/core/head.ts';
import { encodeKeyring } from '../../src/core/keyring.ts';
import { encodeMarker } from '../../src/core/marker.ts';
import { dockDevice } from '../../src/session/dock/dock-device.ts';
import { identifyDevice } from '../../src/session/dock/identify-device.ts';
import { operate } from '../../src/session/operation/operate.ts';
import { seal } from '../../src/sync/age/age.ts';
import { readHomeIdentity } from '../../src/sync/dock/home-identity.ts';
import { Journal } from '../../src/sync/dock/journal.ts';
import { hashing } from '../../src/sync/hashing.ts';
import { encodeGrant, findGrant } from '../../src/sync/keyring/home-grant.ts';
import { openKeyring } from '../../src/sync/keyring/unlock.ts';
import { Repository } from '../../src/sync/repository/repository.ts';
import { HomeFolder } from '../../src/sync/retention/home-folder.ts';
import { pruneHomeFolder } from '../../src/sync/retention/prune-home.ts';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { expectCode } from '../sync/expect-code.ts';
import { DockLab, quiet, SETTINGS } from './dock-lab.ts';
import { PASSPHRASE } from './tree-lab.ts';

const itThoroughly = IS_EXHAUSTIVE ? it : () => undefined;

describe('a locked pod that meets its home', () => {
  let lab: DockLab;
  beforeEach(async () => {
    lab = await DockLab.open();
  });
  afterEach(() => lab.close());

  const reasonOf = async (name?: string): Promise<unknown> => {
    const { step, problem } = await lab.dock(name);
    assert.equal(step, 'refused', JSON.stringify(problem));
    return problem?.message;
  };

  itThoroughly('comes home sealed, is restored from there, and is told of it when it is opened', async () => {
    await lab.tree.write('pod', 'second');
    const { step, result } = await lab.dock();
    assert.equal(step, 'backed-up');
    assert.ok((result?.sentObjects ?? 0) > 0);
    await lab.tree.restoreHere('restored', {});
    assert.equal(await readFile(join(lab.tree.temp, 'restored', 'letter.txt'), 'utf8'), 'second');
  });

  it('has the docking in its log, and lacks nothing at home before its next sync', async () => {
    await lab.tree.write('pod', 'second');
    const { result } = await lab.dock();
    assert.equal(await lab.homeSeq(), result?.seq);
    assert.deepEqual(
      (await lab.journal.read()).map(({ step }) => step),
      ['noticed', 'identified', 'opened', 'syncing', 'verifying', 'backed-up'],
    );
    const docked = (await lab.events())
      .map(({ event }) => event)
      .filter(({ type }) => type === 'home.docked');
    assert.equal(docked.length, 1);
    const [{ missingCheckpoints } = { missingCheckpoints: -1 }] = (
      await operate(lab.tree.dir, 'status', {}, SETTINGS)
    ).homes;
    assert.equal(missingCheckpoints, 0);
    await lab.tree.write('pod', 'third');
    await lab.tree.sync();
    await lab.tree.requireWholeHome('pod');
  });

  itThoroughly('is at home already the second time, and says so', async () => {
    await lab.tree.write('pod', 'second');
    await lab.dock();
    const { step, result } = await lab.dock();
    assert.deepEqual([step, result?.sentObjects], ['backed-up', 0]);
  });

  itThoroughly('gives home a key that proves it and reads nothing of it', async () => {
    const { identity } = (await readHomeIdentity(lab.identityFile)) ?? assert.fail('no identity');
    const repository = await Repository.open(join(lab.tree.dir, '.deskpod', 'repository'));
    const head = peekHead((await repository.readHead()) ?? assert.fail('no head'));
    const keyring = await repository.readObject('keyrings', toHex(head.keyring));
    const grant = (await findGrant(keyring, identity)) ?? assert.fail('no grant');
    assert.equal(grant.secrets, undefined);
    assert.doesNotMatch(Buffer.from(encodeGrant(grant)).toString(), /AGE-SECRET|chunk|volume/);
    await expectCode('KEYRING_NO_IDENTITY', () => openKeyring(keyring, { homeIdentity: identity }));
    await lab.allow(true);
    const next = peekHead((await repository.readHead()) ?? assert.fail('no head'));
    const readable = await repository.readObject('keyrings', toHex(next.keyring));
    assert.equal((await openKeyring(readable, { homeIdentity: identity })).secrets.identity.length, 74);
    const { slots } = await operate(lab.tree.dir, 'key-list', {}, SETTINGS);
    assert.equal(slots.filter(({ kind }) => kind === 'home').length, 1, 'the former slot is replaced');
  });

  itThoroughly('is left alone without a word of its owner, and after that was taken back', async () => {
    const credential = { passphrase: PASSPHRASE };
    const before = await lab.homeHead();
    await operate(
      lab.tree.dir,
      'key-remove',
      { credential, slot: lab.tree.home, isConfirmed: false },
      SETTINGS,
    );
    await lab.tree.write('pod', 'second');
    assert.match(String(await reasonOf()), /does not let this home/);
    assert.deepEqual(await lab.homeHead(), before);
  });

  itThoroughly('is left alone where home has nothing of it yet', async () => {
    await rename(join(lab.tree.home, 'pods', lab.tree.podId), join(lab.tree.temp, 'elsewhere'));
    assert.match(String(await reasonOf()), /has nothing of pod/);
  });

  it('reaches nothing that its links lead to', async () => {
    const [victim, repository] = [
      join(lab.tree.temp, 'victim'),
      join(lab.tree.dir, '.deskpod', 'repository'),
    ];
    for (const [link, into] of [
      [join(repository, 'tmp'), victim],
      [repository, join(victim, 'repository')],
    ] as const) {
      await mkdir(join(victim, 'repository', 'tmp'), { recursive: true });
      await mkdir(join(victim, 'repository', 'packs'), { recursive: true });
      for (const file of ['thesis.txt', 'repository/tmp/thesis.txt'])
        await writeFile(join(victim, file), 'years');
      const before = await readdir(victim, { recursive: true });
      await rm(link, { recursive: true });
      await symlink(into, link);
      await lab.dock();
      assert.deepEqual(await readdir(victim, { recursive: true }), before, link);
    }
  });

  it('loses nothing that only home has, as its device lacks it, when home forgets earlier heads', async () => {
    const { home, podId, dir } = lab.tree;
    const podDir = join(home, 'pods', podId);
    const packsIn = async (folder: string): Promise<string[]> =>
      (await readdir(join(folder, 'packs'), { recursive: true })).filter((name) => name.endsWith('.age'));
    const [lost = ''] = await packsIn(podDir);
    await rm(join(dir, '.deskpod', 'repository', 'packs', lost));
    await lab.tree.write('pod', 'second');
    assert.equal((await lab.dock()).step, 'backed-up');
    await pruneHomeFolder(new HomeFolder(podDir), podId, {
      ...{ policy: { last: 1 }, graceMs: 0, isDryRun: false, onProgress: () => undefined },
      nowMs: Date.now() + 1_000_000_000, // long after everything there was received
    });
    assert.ok((await packsIn(podDir)).includes(lost));
  });

  it('is not taken for another that somebody made to look like it', async () => {
    await lab.tree.write('pod', 'second');
    const { recipient } = (await readHomeIdentity(lab.identityFile)) ?? assert.fail('no identity');
    await cp(lab.tree.dir, join(lab.tree.temp, 'forged'), { recursive: true });
    const podId = fromHex(lab.tree.podId);
    const sealing = { hashing, logKey: new Uint8Array(32).fill(7) };
    const dir = join(lab.tree.temp, 'forged', '.deskpod');
    const repository = await Repository.open(join(dir, 'repository'));
    const grant = encodeGrant({ podId, url: lab.tree.home, logKey: sealing.logKey, secrets: undefined });
    const slot = {
      kind: 'home' as const,
      label: 'x',
      createdAtMs: 0,
      sealed: await seal(grant, { recipient }),
    };
    const { name } = await repository.putObject(
      'keyrings',
      encodeKeyring({ podId, generation: 9, slots: [slot] }, sealing),
    );
    const former = peekHead((await repository.readHead()) ?? assert.fail('no head'));
    await repository.writeHead(encodeHead({ ...former, seq: 9999, keyring: fromHex(name) }, sealing));
    const marker = { ...former, kind: 'tree', isTwin: false, placeId: new Uint8Array(16) } as const;
    await writeFile(join(dir, 'deskpod.pod'), encodeMarker(marker, sealing));
    const before = await lab.homeHead();
    assert.match(String(await reasonOf('forged')), /says otherwise/);
    assert.deepEqual(await lab.homeHead(), before);
  });

  it('goes home with one of two copies; the other one is left for its owner, and becomes a branch', async () => {
    await cp(lab.tree.dir, join(lab.tree.temp, 'copy'), { recursive: true });
    await lab.tree.write('pod', 'one way');
    await lab.tree.write('copy', 'another way');
    await lab.tree.write('copy', 'and further');
    assert.equal((await lab.dock('pod')).step, 'backed-up');
    const head = await lab.homeHead();
    assert.match(String(await reasonOf('copy')), /different ways/);
    assert.deepEqual(await lab.homeHead(), head);
    await lab.tree.requireWholeHome('pod');
    assert.ok((await lab.tree.report('copy')).branch !== undefined);
  });

  itThoroughly('that went back in time takes nothing back at home', async () => {
    await cp(lab.tree.dir, join(lab.tree.temp, 'old'), { recursive: true });
    await lab.tree.write('pod', 'second');
    await lab.dock('pod');
    const head = await lab.homeHead();
    assert.match(String(await reasonOf('old')), /has more of pod/);
    assert.deepEqual(await lab.homeHead(), head);
  });

  itThoroughly(
    'whose device gives other bytes than it should leaves home as it was, and comes home once it is healed',
    async () => {
      const packsDir = join(lab.tree.dir, '.deskpod', 'repository', 'packs');
      const former = new Set(await readdir(packsDir, { recursive: true }));
      await writeFile(join(lab.tree.dir, 'big.bin'), randomBytes(200_000));
      await lab.tree.write('pod', 'second');
      const fresh = (await readdir(packsDir, { recursive: true })).find(
        (name) => name.endsWith('.age') && !former.has(name),
      );
      const pack = join(packsDir, fresh ?? assert.fail('no new pack'));
      const whole = await readFile(pack);
      await writeFile(pack, Buffer.from(whole).fill(0, 300, 340));
      const before = await lab.homeHead();
      const { step, problem } = await lab.dock();
      assert.deepEqual([step, problem?.code], ['failed', 'OBJECT_DAMAGED']);
      assert.deepEqual(await lab.homeHead(), before);
      await writeFile(pack, whole);
      assert.equal((await lab.dock()).step, 'backed-up');
      await lab.tree.requireWholeHome('pod');
    },
  );

  it('comes home whole after a take-over that was interrupted before it hashed what it had sent', async () => {
    const folder = new HomeFolder(join(lab.tree.home, 'pods', lab.tree.podId));
    const repositoryDir = join(lab.tree.dir, '.deskpod', 'repository');
    await writeFile(join(lab.tree.dir, 'big.bin'), randomBytes(200_000));
    await lab.tree.write('pod', 'second');
    const atHome = new Set((await folder.list(['packs'])).map(({ path }) => path));
    const fresh = (await new HomeFolder(repositoryDir).list(['packs'])).filter(
      ({ path }) => !atHome.has(path),
    );
    const { path, sizeBytes } = fresh.find((pack) => pack.sizeBytes > 100_000) ?? assert.fail('no new pack');
    const whole = await readFile(join(repositoryDir, path));
    const before = await lab.homeHead();
    // a stick that fails gives the same wrong bytes again, in full length
    await mkdir(join(folder.dir, path, '..'), { recursive: true });
    for (const dir of [folder.dir, repositoryDir])
      await writeFile(join(dir, path), Buffer.alloc(sizeBytes, 7));
    const { step, problem } = await lab.dock();
    assert.deepEqual([step, problem?.code], ['failed', 'OBJECT_DAMAGED']);
    assert.deepEqual(await lab.homeHead(), before);
    await writeFile(join(repositoryDir, path), whole);
    for (const left of [Buffer.alloc(sizeBytes, 7), whole.subarray(0, 1000)]) {
      await writeFile(join(folder.dir, path), left);
      await writeFile(join(folder.dir, 'head'), before);
      assert.equal((await lab.dock()).step, 'backed-up');
      assert.deepEqual(await readFile(join(folder.dir, path)), whole);
    }
    await lab.tree.requireWholeHome('pod');
  });

  itThoroughly(
    'leaves its owner’s sync nothing to trust after a take-over that was stopped before it hashed',
    async () => {
      const folder = new HomeFolder(join(lab.tree.home, 'pods', lab.tree.podId));
      const repository = new HomeFolder(join(lab.tree.dir, '.deskpod', 'repository'));
      const former = new Set((await repository.list(['packs'])).map(({ path }) => path));
      await writeFile(join(lab.tree.dir, 'big.bin'), randomBytes(200_000));
      await lab.tree.write('pod', 'second');
      const fresh = (await repository.list(['packs'])).filter(({ path }) => !former.has(path));
      const { path, sizeBytes } =
        fresh.find((pack) => pack.sizeBytes > 100_000) ?? assert.fail('no new pack');
      const whole = await readFile(join(repository.dir, path));
      // a stick that fails gives wrong bytes, in full length, while home takes it over
      await writeFile(join(repository.dir, path), Buffer.alloc(sizeBytes, 7));
      const settings = { homeDir: lab.tree.home, identityFile: lab.identityFile, onProgress: quiet };
      const stop = new AbortController();
      const emit = ({ type }: DockSignal): void => {
        if (type === 'verify') stop.abort();
      };
      await assert.rejects(dockDevice(await identifyDevice(lab.tree.dir), settings, emit, stop.signal));
      await writeFile(join(repository.dir, path), whole);
      await lab.tree.sync();
      assert.deepEqual(await readFile(join(folder.dir, path)), whole);
      await lab.tree.requireWholeHome('pod');
      // what did not get its place is no leftover for ever
      const arriving = join(folder.dir, '.arriving');
      await folder.dropArrivals(0);
      assert.ok((await readdir(arriving)).length > 0);
      await folder.dropArrivals(Date.now() + 1000);
      await assert.rejects(readdir(arriving), { code: 'ENOENT' });
    },
  );

  it('fills no home with objects that claim lengths which none can have', async () => {
    await lab.tree.write('pod', 'second');
    const repositoryDir = join(lab.tree.dir, '.deskpod', 'repository');
    const before = await lab.homeHead();
    const name = 'a'.repeat(64);
    for (const [object, sizeBytes, expected] of [
      [`packs/aa/${name}.age`, 10 * 2 ** 40, /at most 268435456 bytes, got 10995116277760/],
      [`packs/aa/${name}.age`, 100 * 2 ** 20, /a hole for the most part/],
      [`segments/000000000099-${name}.age`, 2 ** 32, /at most 2147483648 bytes/],
      [`bases/${name}.erofs`, 10 * 2 ** 40, /a hole for the most part/],
    ] as const) {
      const path = join(repositoryDir, object);
      await mkdir(join(path, '..'), { recursive: true });
      await writeFile(path, 'x');
      await truncate(path, sizeBytes);
      const { step, problem } = await lab.dock();
      assert.deepEqual([step, problem?.code], ['failed', 'OBJECT_DAMAGED']);
      assert.match(String(problem?.message), expected);
      assert.ok(problem?.message.startsWith(object));
      await rm(path);
    }
    const atHome = await new HomeFolder(join(lab.tree.home, 'pods', lab.tree.podId)).list(['packs', 'bases']);
    assert.ok(!atHome.some(({ path }) => path.includes(name)));
    assert.deepEqual(await lab.homeHead(), before);
    assert.equal((await lab.dock()).step, 'backed-up');
  });

  itThoroughly('has all hashed at home where nothing tells what home’s head needs', async () => {
    const folder = new HomeFolder(join(lab.tree.home, 'pods', lab.tree.podId));
    const [pack] = await folder.list(['packs']);
    const { path, sizeBytes } = pack ?? assert.fail('no pack');
    const whole = await readFile(join(folder.dir, path));
    await writeFile(join(folder.dir, path), Buffer.alloc(sizeBytes, 7));
    for (const inventory of await folder.list(['inventories']))
      await writeFile(join(folder.dir, inventory.path), 'x');
    await lab.tree.write('pod', 'second');
    assert.equal((await lab.dock()).step, 'backed-up');
    assert.deepEqual(await readFile(join(folder.dir, path)), whole);
  });

  itThoroughly('finds home gone, and comes home when it is back', async () => {
    await lab.tree.write('pod', 'second');
    await rename(lab.tree.home, `${lab.tree.home}-away`);
    const { step, problem } = await lab.dock();
    assert.deepEqual([step, problem?.code], ['failed', 'HOME_NOT_FOUND']);
    await rename(`${lab.tree.home}-away`, lab.tree.home);
    assert.equal((await lab.dock()).step, 'backed-up');
  });

  itThoroughly('leaves home its former head when it is stopped before home’s head moves', async () => {
    await lab.tree.write('pod', 'second');
    const before = await lab.homeHead();
    for (const at of ['open', 'sync', 'verify'] as const) {
      const stop = new AbortController();
      const emit = ({ type }: DockSignal): void => {
        if (type === at) stop.abort();
      };
      const settings = { homeDir: lab.tree.home, identityFile: lab.identityFile, onProgress: quiet };
      await assert.rejects(dockDevice(await identifyDevice(lab.tree.dir), settings, emit, stop.signal));
      assert.deepEqual(await lab.homeHead(), before, at);
    }
    assert.equal((await lab.dock()).step, 'backed-up');
    await lab.tree.requireWholeHome('pod');
  });

  itThoroughly('takes a file that is no note of a home for none, and takes it away', async () => {
    const note = join(lab.tree.dir, '.deskpod', 'deskpod.note');
    await mkdir(note);
    const notices: string[] = [];
    await operate(lab.tree.dir, 'status', {}, { ...SETTINGS, onNotice: (text) => notices.push(text) });
    assert.match(notices.join(), /was none/);
    await writeFile(note, 'x');
    await operate(lab.tree.dir, 'status', {}, SETTINGS);
    assert.ok(!(await readdir(join(lab.tree.dir, '.deskpod'))).includes('deskpod.note'));
  });

  itThoroughly('writes every step into home’s journal, which a power cut cannot spoil', async () => {
    await lab.tree.write('pod', 'second');
    await lab.dock();
    const steps = (await lab.journal.read()).map(({ step }) => step);
    assert.deepEqual(steps, ['noticed', 'identified', 'opened', 'syncing', 'verifying', 'backed-up']);
    await writeFile(lab.journal.path, '{"v":1,"atMs":1,"type":"dock.st', { flag: 'a' });
    const again = new Journal(lab.journal.path);
    await again.add('dock.step', { step: 'last' });
    assert.deepEqual(
      (await again.read()).map(({ step }) => step),
      [...steps, 'last'],
    );
  });
});

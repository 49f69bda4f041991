// What is so on this computer: batteries as the kernel shows them, other backups that run, and what the network costs.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findCircumstances } from '../../src/session/dock/find-circumstances.ts';
import { isMountedFromNetwork } from '../../src/session/dock/network-folder.ts';
import { programFolders } from '../../src/session/host/programs.ts';
import { itAsRoot } from '../as-root.ts';
import { NetworkManagerBus } from './network-manager.ts';

describe('the circumstances of a backup', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'deskpod-facts-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  async function supply(name: string, files: Readonly<Record<string, string>>): Promise<void> {
    await mkdir(join(dir, name));
    for (const [file, text] of Object.entries(files)) await writeFile(join(dir, name, file), `${text}\n`);
  }
  const battery = async (): Promise<number | undefined> =>
    (await findCircumstances({ powerDir: dir, procDir: '/proc', others: [] })).batteryLeft;

  it('have no battery where there is none, on mains, while one is charged, and in a mouse', async () => {
    assert.equal(await battery(), undefined);
    await supply('mouse', { type: 'Battery', scope: 'Device', status: 'Discharging', capacity: '3' });
    assert.equal(await battery(), undefined);
    await supply('BAT0', { type: 'Battery', status: 'Charging', capacity: '12' });
    assert.equal(await battery(), undefined);
    await writeFile(join(dir, 'BAT0', 'status'), 'Discharging\n');
    assert.equal(await battery(), 0.12);
    await supply('AC', { type: 'Mains', online: '1' });
    assert.equal(await battery(), undefined);
    await writeFile(join(dir, 'AC', 'online'), '0\n');
    await supply('BAT1', { type: 'Battery', status: 'Not charging', capacity: '88' });
    assert.equal(await battery(), 0.5);
  });

  it('have another backup while its process runs, and not by a file that it has left', async () => {
    const held = join(dir, 'held.pid');
    const others = [
      { name: 'this test', lockFile: held },
      { name: 'nobody', lockFile: join(dir, 'none.pid') },
      { name: 'no such', program: 'no-such-program' },
      { name: 'ours', program: (await readFile('/proc/self/comm', 'utf8')).trim() },
    ];
    const found = async (): Promise<readonly string[]> =>
      (await findCircumstances({ powerDir: dir, procDir: '/proc', others })).otherBackups;
    assert.deepEqual(await found(), ['ours']);
    await writeFile(held, `${process.pid}\n`);
    assert.deepEqual(await found(), ['this test', 'ours']);
    await rename(held, join(dir, 'elsewhere.pid'));
    await symlink('elsewhere.pid', held);
    assert.deepEqual(await found(), ['this test', 'ours']);
    await rm(held);
    await mkdir(held);
    assert.deepEqual(await found(), ['ours'], 'what cannot be read hinders nothing');
    await rm(held, { recursive: true });
    await writeFile(held, '4194999\n');
    assert.deepEqual(await found(), ['ours']);
  });

  itAsRoot(
    'have a metered network if NetworkManager says or guesses so, and know nothing where it does not run',
    async () => {
      const bus = await NetworkManagerBus.start(dir);
      try {
        const { address: busAddress } = bus;
        const isMetered = async (): Promise<boolean | undefined> =>
          (await findCircumstances({ busAddress, others: [] })).isMetered;
        assert.equal(await isMetered(), undefined);
        for (const [word, expected] of [
          ['yes', true],
          ['guessedYes', true],
          ['no', false],
          ['guessedNo', false],
          ['unknown', false],
        ] as const) {
          await bus.say(word);
          assert.equal(await isMetered(), expected, word);
        }
        // where there is no systemd, the other program asks
        await bus.say('yes');
        await withPrograms(['gdbus'], async () => assert.equal(await isMetered(), true));
        await withPrograms([], async () => assert.equal(await isMetered(), undefined));
      } finally {
        await bus.close();
      }
      const noBus = { busAddress: `unix:path=${join(dir, 'none')}`, others: [] };
      assert.equal((await findCircumstances(noBus)).isMetered, undefined);
    },
  );

  it('have a home on the network where its folder is mounted from there', () => {
    const mount = (mountPoint: string, fsType: string) => ({
      ...{ mountPoint, fsType },
      ...{ deviceNumber: '0:50', source: 'server:/srv', fsOptions: [] },
    });
    const mounts = [mount('/', 'ext4'), mount('/srv', 'nfs4'), mount('/srv/here', 'xfs')];
    const isMounted = (path: string): boolean => isMountedFromNetwork(path, mounts);
    assert.deepEqual(['/srv/home', '/srv', '/srv/here/home', '/srvant', '/home'].map(isMounted), [
      ...[true, true, false, false, false],
    ]);
    assert.equal(isMountedFromNetwork('/srv/home', [...mounts, mount('/srv', 'ext4')]), false);
    assert.equal(isMountedFromNetwork('/mnt/home', [...mounts, mount('/mnt', 'fuse.sshfs')]), true);
  });

  /** No program is found but these. */
  async function withPrograms(names: readonly string[], act: () => Promise<void>): Promise<void> {
    const folder = await mkdtemp(join(dir, 'programs-'));
    for (const name of names) await symlink(placeOf(name), join(folder, name));
    const { PATH } = process.env;
    process.env.PATH = folder;
    try {
      await act();
    } finally {
      process.env.PATH = PATH;
    }
  }

  function placeOf(name: string): string {
    const place = programFolders()
      .map((folder) => join(folder, name))
      .find((path) => existsSync(path));
    assert.ok(place !== undefined, `${name} is not installed`);
    return place;
  }
});

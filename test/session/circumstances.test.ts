// What is so on this computer: batteries as the kernel shows them, and other backups that run.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findCircumstances } from '../../src/session/dock/find-circumstances.ts';

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
});

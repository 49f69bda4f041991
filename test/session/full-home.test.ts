// Homes on drives that are full or read-only; mounting them needs root.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isDeskPodError } from '../../src/core/errors.ts';
import type { Home } from '../../src/sync/home/home.ts';
import { openRsyncHome } from '../../src/sync/home/rsync-home.ts';
import { POD, writeObject } from '../sync/support/home-contract.ts';
import { makeTempFolder } from '../sync/support/temp-folder.ts';

describe('a home on a drive', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let folder: string;
  let repository: string;
  let home: Home;
  beforeEach(async () => {
    temp = makeTempFolder();
    folder = join(temp.path, 'home');
    repository = join(temp.path, 'repository');
    mkdirSync(folder);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', folder]);
    home = openRsyncHome(folder);
    await home.initialise();
  });
  afterEach(() => {
    execFileSync('umount', [folder]);
    temp.remove();
  });

  it('that is full keeps its former head, and goes on when there is room', async () => {
    const first = writeObject(repository, randomBytes(1_000_000));
    await home.push(repository, POD, [first]);
    await home.writeHead(POD, Buffer.from('former head'));
    const objects = [3_000_000, 3_000_000].map((sizeBytes) =>
      writeObject(repository, randomBytes(sizeBytes)),
    );
    await assert.rejects(home.push(repository, POD, objects), (error) => isDeskPodError(error, 'HOME_FULL'));
    assert.equal(Buffer.from((await home.head(POD)) ?? []).toString(), 'former head');
    execFileSync('mount', ['-o', 'remount,size=16m', folder]);
    await home.push(repository, POD, objects);
    for (const object of objects) assert.equal(statSync(join(folder, 'pods', POD, object)).size, 3_000_000);
  });

  it('that is read-only says so', async () => {
    const object = writeObject(repository, Buffer.from('x'));
    execFileSync('mount', ['-o', 'remount,ro', folder]);
    await assert.rejects(home.push(repository, POD, [object]), (error) => {
      assert.ok(isDeskPodError(error, 'TARGET_WRITE_FAILED'));
      assert.match(error.message, /read-only/);
      return true;
    });
    assert.deepEqual(await home.listPods(), []);
  });

  it('that is not mounted is missing, and its mount point stays empty', async () => {
    const object = writeObject(repository, Buffer.from('x'));
    execFileSync('umount', [folder]);
    try {
      assert.equal((await home.probe()).state, 'missing');
      await assert.rejects(home.push(repository, POD, [object]), (error) =>
        isDeskPodError(error, 'HOME_NOT_FOUND'),
      );
      assert.deepEqual(readdirSync(folder), []);
    } finally {
      execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', folder]);
    }
  });
});

// Transfers in several streams: what arrives is the same, and what fails is told once.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeskPodError } from '../../src/core/errors.ts';
import type { Progress } from '../../src/core/progress.ts';
import { openRsyncHome } from '../../src/sync/home/rsync-home.ts';
import { POD, writeObject } from './support/home-contract.ts';
import { type LoopbackSshd, startSshd } from './support/loopback-sshd.ts';
import { makeTempFolder } from './support/temp-folder.ts';

describe('a transfer in several streams', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let sshd: LoopbackSshd;
  let repository: string;
  before(async () => {
    temp = makeTempFolder();
    sshd = await startSshd(join(temp.path, 'sshd'));
  });
  after(async () => {
    await sshd.stop();
    temp.remove();
  });
  beforeEach(() => {
    repository = join(temp.path, randomBytes(6).toString('hex'));
    mkdirSync(repository);
  });

  const at = (name: string, options: { readonly streams?: number; readonly bytesPerSecond?: number } = {}) =>
    openRsyncHome(`ssh://${sshd.user}@127.0.0.1:${sshd.port}${join(temp.path, name)}`, {
      shell: sshd.sharedShell,
      ...options,
    });
  const objectsOf = (count: number, sizeBytes: number): string[] =>
    Array.from({ length: count }, () => writeObject(repository, randomBytes(sizeBytes)));

  it('goes over ssh in as many as somebody asks for, both ways, with one count of what is done', async () => {
    const home = at('asked', { streams: 3 });
    await home.initialise();
    const objects = objectsOf(12, 200_000);
    const seen: Progress[] = [];
    const report = await home.push(repository, POD, objects, { onProgress: (p) => seen.push(p) });
    assert.equal(report.streams, 3);
    assert.equal(report.streamsReason, 'as asked for');
    assert.equal(report.sentBytes, 2_400_000);
    assert.ok(report.wireBytes > 2_400_000, String(report.wireBytes));
    assert.deepEqual([seen.at(-1)?.doneBytes, seen.at(-1)?.totalBytes], [2_400_000, 2_400_000]);
    const back = join(temp.path, 'back');
    mkdirSync(back);
    const fetched: Progress[] = [];
    const sizes = new Map(objects.map((object) => [object, 200_000]));
    await home.pull(POD, back, { objects, sizes, onProgress: (p) => fetched.push(p) });
    for (const object of objects)
      assert.deepEqual(readFileSync(join(back, object)), readFileSync(join(repository, object)));
    assert.deepEqual([fetched.at(-1)?.doneBytes, fetched.at(-1)?.totalBytes], [2_400_000, 2_400_000]);
  });

  it('goes over ssh in two by itself if there is enough of it, and in one if it is held back', async () => {
    const objects = objectsOf(34, 1024 * 1024);
    const free = at('free');
    await free.initialise();
    const report = await free.push(repository, POD, objects);
    assert.ok((report.streams ?? 0) >= 2, report.streamsReason);
    assert.match(report.streamsReason ?? '', /over the network|little to transfer/);
    const limited = at('limited', { bytesPerSecond: 1_000_000_000 });
    await limited.initialise();
    assert.equal(
      (await limited.push(repository, POD, objects.slice(0, 2))).streamsReason,
      'the rate is limited',
    );
  });

  it('fails as a whole with what failed first, and goes on from there the next time', async () => {
    const folder = join(temp.path, 'blocked');
    const home = openRsyncHome(folder, { streams: 3 });
    await home.initialise();
    const objects = objectsOf(9, 100_000);
    const place = join(folder, 'pods', POD);
    mkdirSync(join(place, 'packs'), { recursive: true });
    // a file where one of the folders has to be
    const blocked = join(place, (objects[4] ?? '').slice(0, 'packs/00'.length));
    writeFileSync(blocked, '');
    await assert.rejects(home.push(repository, POD, objects), (error) => isDeskPodError(error));
    unlinkSync(blocked);
    await home.push(repository, POD, objects);
    for (const object of objects)
      assert.deepEqual(readFileSync(join(place, object)), readFileSync(join(repository, object)));
    for (const name of readdirSync(join(place, 'packs')))
      assert.ok(!existsSync(join(place, 'packs', name, '.partial')));
  });
});

// Starting the twin of a tree pod: it becomes the pod, as a new device, and nothing of the other one is lost.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { toHex } from '../../src/core/bytes.ts';
import { isDeskPodError } from '../../src/core/errors.ts';
import { peekHead } from '../../src/core/head.ts';
import { decodeMarker, encodeMarker } from '../../src/core/marker.ts';
import type { ProgressListener } from '../../src/core/progress.ts';
import type { StartedTree } from '../../src/session/operation/start-pod.ts';
import { sealCheckpoint } from '../../src/sync/pod/seal-checkpoint.ts';
import { openTree } from '../../src/sync/pod/tree.ts';
import { assertSameFiles, filesBelow, PASSPHRASE, replaceByCopy } from './tree-lab.ts';
import { ask, openTwinLab, startTwin, type TwinLab } from './twin-lab.ts';

describe('a start of the twin of a tree pod', () => {
  let lab: TwinLab;
  beforeEach(async () => {
    lab = await openTwinLab();
  });
  afterEach(async () => {
    await lab.close();
  });

  const headOf = async () => readFile(join(lab.podDir, 'repository', 'head'));
  const killAt =
    (until: string): ProgressListener =>
    ({ step }) => {
      if (step === until) throw new Error('killed');
    };

  it('becomes the pod when it is started, as a new device in a new epoch that goes on', async () => {
    await lab.follow();
    const { deviceId } = await ask(lab.dir, 'status', {});
    const promotion = await startTwin(lab.twin);
    assert.deepEqual([promotion.epoch, promotion.checkpoint, promotion.fileCount], [2, 1, 2]);
    await assertSameFiles(lab.twin, lab.dir);
    const status = await ask(lab.twin, 'status', {});
    assert.equal(status.isTwin, false);
    assert.notEqual(status.deviceId, deviceId);
    assert.deepEqual(
      status.homes.map(({ url }) => url),
      [lab.home],
    );
    await writeFile(join(lab.twin, 'letter.txt'), 'goes on\n');
    assert.equal((await ask(lab.twin, 'checkpoint', {})).number, 2);
    assert.deepEqual(await lab.codesOfSync(lab.twin), [undefined]);
    await lab.restoreHere('back', {});
    await assertSameFiles(join(lab.temp, 'back'), lab.twin);
  });

  it('that was started refuses the device that it followed, which is a branch at the homes that it has told', async () => {
    await lab.follow();
    const { deviceId } = await ask(lab.dir, 'status', {});
    await startTwin(lab.twin);
    await lab.codesOfSync(lab.twin);
    const before = [await filesBelow(lab.twin), await filesBelow(lab.podDir)];
    const head = await readFile(join(lab.home, 'pods', lab.podId, 'head'));
    await lab.write('pod', 'on the lost device\n');
    const { homes } = await ask(lab.dir, 'sync', {});
    assert.deepEqual(
      homes.map((home) => ('error' in home ? home.error.code : home.branch)),
      ['HOME_FENCED', deviceId],
    );
    assert.deepEqual([await filesBelow(lab.twin), await filesBelow(lab.podDir)], before);
    assert.deepEqual(await readFile(join(lab.home, 'pods', lab.podId, 'head')), head);
    await lab.write('twin', 'on the started twin\n');
    assert.equal((await lab.report('twin')).branch, undefined);
    const [found] = (await ask(lab.twin, 'branches', {})).homes;
    assert.ok(found !== undefined && 'branches' in found);
    assert.deepEqual(
      found.branches.map((branch) => branch.deviceId),
      [deviceId],
    );
  });

  it('of which a copy is started, too, is two devices, and the second is a branch', async () => {
    await lab.follow();
    const copy = join(lab.temp, 'copy');
    await replaceByCopy(lab.twin, copy);
    const [first, second] = [await startTwin(lab.twin), await startTwin(copy)];
    assert.notEqual(first.deviceId, second.deviceId);
    assert.equal((await lab.report('twin')).branch, undefined);
    const { homes } = await ask(copy, 'sync', { url: lab.home });
    assert.deepEqual(
      homes.map((home) => ('error' in home ? home.error.code : home.branch)),
      [second.deviceId],
    );
  });

  it('of which a copy is started, too, gets a name of its own from home where no medium tells them apart', async () => {
    await lab.follow();
    const copy = join(lab.temp, 'copy');
    await replaceByCopy(lab.twin, copy);
    const tree = await openTree(lab.dir, { passphrase: PASSPHRASE });
    const markerFile = join(copy, '.deskpod', 'deskpod.pod');
    const marker = decodeMarker(await readFile(markerFile), tree.pod.sealing);
    await writeFile(markerFile, encodeMarker({ ...marker, placeId: new Uint8Array(16) }, tree.pod.sealing));
    await tree.close();
    const [first, second] = [await startTwin(lab.twin), await startTwin(copy)];
    assert.equal(first.deviceId, second.deviceId);
    assert.equal((await lab.report('twin')).branch, undefined);
    await lab.write('copy', 'on the copy\n');
    const { homes } = await ask(copy, 'sync', { url: lab.home });
    const [branch] = homes.map((home) => ('error' in home ? home.error.code : home.branch));
    assert.match(branch ?? '', /^[0-9a-f]{32}$/);
    assert.notEqual(branch, first.deviceId);
    assert.equal((await ask(copy, 'status', {})).deviceId, branch);
  });

  it('is started from what it has, and leaves a home that has more as it is', async () => {
    await lab.follow();
    await rename(lab.twin, `${lab.twin}-away`);
    await writeFile(join(lab.dir, 'letter.txt'), 'later\n');
    await lab.checkpoint();
    await lab.codesOfSync();
    await rename(`${lab.twin}-away`, lab.twin);
    const before = await filesBelow(lab.home);
    const { checkpoint, deviceId } = await startTwin(lab.twin);
    assert.equal(checkpoint, 1);
    assert.equal(await readFile(join(lab.twin, 'letter.txt'), 'utf8'), 'a letter\n');
    const { branch, notices } = await lab.report('twin');
    assert.equal(branch, deviceId);
    assert.match(notices.join(), /goes on with another device of this pod/);
    const after = await filesBelow(lab.home);
    for (const [path, hash] of before) assert.equal(after.get(path), hash, path);
  });

  for (const until of ['taking over the log', 'laying out the files']) {
    it(`whose promotion ended at "${until}" is a twin still, takes syncs, and is started again`, async () => {
      await lab.follow();
      await assert.rejects(startTwin(lab.twin, { onProgress: killAt(until) }), /killed/);
      assert.equal((await ask(lab.twin, 'status', {})).isTwin, true);
      await writeFile(join(lab.dir, 'folder', 'new.txt'), 'new\n');
      await lab.checkpoint();
      assert.deepEqual(await lab.codesOfSync(), [undefined, undefined]);
      const promotion = await startTwin(lab.twin);
      assert.deepEqual([promotion.epoch, promotion.checkpoint], [2, 2]);
      await assertSameFiles(lab.twin, lab.dir);
    });
  }

  it('whose promotion ended right before its marker is fenced already, and goes on as the same new device', async () => {
    await lab.follow();
    await cp(join(lab.podDir, 'deskpod.pod'), join(lab.temp, 'marker'));
    const first = await startTwin(lab.twin);
    await cp(join(lab.temp, 'marker'), join(lab.podDir, 'deskpod.pod'));
    assert.equal((await ask(lab.twin, 'status', {})).isTwin, true);
    const head = await headOf();
    await lab.checkpoint();
    assert.deepEqual(await lab.codesOfSync(), ['HOME_FENCED', undefined]);
    assert.deepEqual(await headOf(), head);
    const second = await startTwin(lab.twin);
    assert.deepEqual([second.deviceId, second.epoch], [first.deviceId, 2]);
    assert.deepEqual(await headOf(), head);
    assert.equal((await ask(lab.twin, 'status', {})).isTwin, false);
  });

  it('is not started over files that are not its own', async () => {
    await lab.follow();
    await writeFile(join(lab.twin, 'letter.txt'), 'of somebody else\n');
    await assert.rejects(startTwin(lab.twin), { code: 'TARGET_NOT_EMPTY' });
    assert.equal(await readFile(join(lab.twin, 'letter.txt'), 'utf8'), 'of somebody else\n');
    assert.equal((await ask(lab.twin, 'status', {})).isTwin, true);
  });

  it('of which the marker is damaged says so, and how its files come out; nobody is told to make it anew', async () => {
    await lab.follow();
    await writeFile(join(lab.podDir, 'deskpod.pod'), 'rot');
    const attempts: (() => Promise<unknown>)[] = [
      () => startTwin(lab.twin),
      () => ask(lab.twin, 'status', {}),
      () => lab.restoreHere('back', { from: lab.twin }),
    ];
    for (const attempt of attempts)
      await assert.rejects(attempt, (error) => {
        assert.ok(isDeskPodError(error, 'MARKER_DAMAGED'), String(error));
        assert.match(
          error.hint ?? '',
          /^Keep what is here.*--home \/[^` ]*twin`.*ops\/reader .*\.deskpod\/repository/,
        );
        return true;
      });
  });

  it('has nothing to start before its first sync, or before the first checkpoint', async () => {
    await lab.add();
    await assert.rejects(startTwin(lab.twin), { code: 'POD_NOT_FOUND' });
    await assert.rejects(ask(lab.twin, 'status', {}), { code: 'POD_NOT_FOUND' });
    assert.deepEqual(await lab.codesOfSync(), [undefined]);
    await assert.rejects(startTwin(lab.twin), { code: 'CHECKPOINT_NOT_FOUND' });
    assert.equal((await ask(lab.twin, 'status', {})).isTwin, true);
  });

  it('that goes on after a kill brings back no file that was deleted since', async () => {
    await lab.follow();
    const onProgress: ProgressListener = ({ doneFiles = 0, totalFiles = 0 }) => {
      if (totalFiles > 0 && doneFiles === totalFiles) throw new Error('killed');
    };
    await assert.rejects(startTwin(lab.twin, { onProgress }), /killed/);
    await rm(join(lab.dir, 'letter.txt'));
    await lab.checkpoint();
    assert.deepEqual(await lab.codesOfSync(), [undefined, undefined]);
    await startTwin(lab.twin);
    await assertSameFiles(lab.twin, lab.dir);
  });

  it('that ended while its files were put in their place goes on as the same new device', async () => {
    await lab.follow();
    const onProgress: ProgressListener = ({ doneFiles = 0, totalFiles = 0 }) => {
      if (totalFiles === 0 || doneFiles !== totalFiles) return;
      // what stands in the way of one of them by then
      mkdirSync(join(lab.twin, 'folder'), { recursive: true });
      writeFileSync(join(lab.twin, 'folder', 'note.txt'), 'in the way');
    };
    await assert.rejects(startTwin(lab.twin, { onProgress }));
    assert.equal((await ask(lab.twin, 'status', {})).isTwin, true);
    assert.deepEqual(await lab.codesOfSync(), ['HOME_FENCED', undefined]);
    const deviceId = toHex(peekHead(await headOf()).deviceId);
    const promotion = await startTwin(lab.twin);
    assert.deepEqual([promotion.epoch, promotion.deviceId], [2, deviceId]);
    await assertSameFiles(lab.twin, lab.dir);
    assert.ok(!(await readdir(lab.podDir)).includes('files'));
  });

  it('takes the checkpoint that it is told to', async () => {
    await lab.follow();
    await writeFile(join(lab.dir, 'letter.txt'), 'later\n');
    await lab.checkpoint();
    await lab.codesOfSync();
    const { checkpoint } = await startTwin(lab.twin, { checkpoint: 1 });
    assert.equal(checkpoint, 1);
    assert.equal(await readFile(join(lab.twin, 'letter.txt'), 'utf8'), 'a letter\n');
    assert.equal((await ask(lab.twin, 'checkpoint', {})).number, 3);
  });

  it('tells of a newest checkpoint that was doubtful when it was made', async () => {
    await lab.follow();
    for (const name of ['letter.txt', 'folder']) await rm(join(lab.dir, name), { recursive: true });
    const tree = await openTree(lab.dir, { passphrase: PASSPHRASE });
    const files = await tree.capture({});
    await sealCheckpoint(tree.pod, { reason: 'files', files, pauseMs: 0, startedMs: 0, ifDoubtful: 'note' });
    await tree.close();
    await lab.codesOfSync();
    const { warnings, fileCount } = await startTwin(lab.twin);
    assert.equal(fileCount, 0);
    assert.match(warnings.join(), /Checkpoint 2 was doubtful .* --checkpoint 1 -d /);
  });

  describe('by the program', () => {
    it('needs --promote where there is nobody to ask, and is refused without a change', async () => {
      await lab.follow();
      const before = await filesBelow(lab.podDir);
      const { hint } = await lab.program.failure('POD_IS_TWIN', ['start', lab.twin]);
      assert.match(hint ?? '', /--promote/);
      assert.deepEqual(await filesBelow(lab.podDir), before);
      const { promotion } = await lab.program.answer<StartedTree>(['start', lab.twin, '--promote']);
      assert.equal(promotion.epoch, 2);
    });

    it('asks at a terminal whether the other device is lost', async () => {
      await lab.follow();
      const { DESKPOD_PASSPHRASE_FILE: _none, ...env } = process.env;
      const answered = async (answer: string) => {
        const program = new URL('../../bin/deskpod', import.meta.url).pathname;
        const command = `${program} start ${lab.twin} --passphrase-file ${join(lab.temp, 'passphrase')}`;
        const script = promisify(execFile)('script', ['-qec', command, '/dev/null'], { env });
        script.child.stdin?.end(answer);
        return script.then(
          ({ stdout }) => ({ code: 0, stdout }),
          ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
        );
      };
      const refused = await answered('no\n');
      assert.equal(refused.code, 130, refused.stdout);
      assert.match(refused.stdout, /only if that device is lost/);
      assert.equal((await ask(lab.twin, 'status', {})).isTwin, true);
      const accepted = await answered('yes\n');
      assert.equal(accepted.code, 0, accepted.stdout);
      assert.equal((await ask(lab.twin, 'status', {})).isTwin, false);
    });
  });
});

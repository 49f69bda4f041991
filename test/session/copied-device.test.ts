// A desktop's device that was copied bit by bit, and one that a restore replaced: home keeps what they have as branches.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Desktop } from '../../src/session/pod/desktop.ts';
import { openDevice } from '../../src/session/pod/open-device.ts';
import { restorePod } from '../../src/session/pod/restore-pod.ts';
import { openRsyncHome } from '../../src/sync/home/rsync-home.ts';
import { addHome } from '../../src/sync/pod/add-home.ts';
import { listBranches } from '../../src/sync/pod/branches.ts';
import { type SyncReport, syncHome } from '../../src/sync/pod/replicate.ts';
import { run } from '../../src/sync/process.ts';
import { READER } from '../tree/reader-program.ts';
import { DeviceBench, failureOf, MEBIBYTE, onDrive } from './device-bench.ts';

const PASSPHRASE = 'a pod that was copied';
const CREDENTIAL = { passphrase: PASSPHRASE };
const QUIET = (): void => undefined;
/** Where the layer has a user's file. */
const LETTER = 'home/user/letter.txt';

describe('a desktop’s device', () => {
  let bench: DeviceBench;
  let home: string;
  let podId: string;
  beforeEach(async () => {
    bench = await DeviceBench.open();
    home = bench.path('home');
    podId = await bench.pod('pod.img', { passphrase: PASSPHRASE, sizeBytes: 192 * MEBIBYTE });
    await goOn('pod.img', 'before');
  });
  afterEach(() => bench.close());

  /** Writes a letter into the pod on a device, seals it and syncs. */
  const goOn = async (device: string, text: string): Promise<SyncReport & { notice: string | undefined }> => {
    const opened = await openDevice(bench.path(device), CREDENTIAL);
    const desktop = await Desktop.take(opened, QUIET);
    try {
      const letter = join(desktop.root.layerDir, LETTER);
      await mkdir(join(letter, '..'), { recursive: true });
      await writeFile(letter, text);
      await desktop.checkpoint(QUIET);
      if (desktop.pod.state.homes.length === 0) await addHome(desktop.pod, home);
      const [known] = desktop.pod.state.homes;
      assert.ok(known);
      return { ...(await syncHome(desktop.pod, known, QUIET)), notice: opened.notice };
    } finally {
      await desktop.close();
    }
  };
  const restore = (target: string, more: { readonly branch?: string; readonly isForced?: boolean } = {}) =>
    restorePod({
      ...{
        from: home,
        credential: CREDENTIAL,
        target: bench.path(target),
        isForced: false,
        onProgress: QUIET,
      },
      ...{ sizeBytes: 192 * MEBIBYTE, ...more },
    });
  const letterOn = async (device: string): Promise<string> => {
    const desktop = await Desktop.take(await openDevice(bench.path(device), CREDENTIAL), QUIET);
    try {
      return await readFile(join(desktop.root.layerDir, LETTER), 'utf8');
    } finally {
      await desktop.close();
    }
  };

  it('that was copied by dd is noticed when it is opened, and is a branch when both have gone on', async () => {
    await run('dd', [`if=${bench.path('pod.img')}`, `of=${bench.path('copy.img')}`, 'bs=1M', 'conv=sparse']);
    const original = await goOn('pod.img', 'from the original');
    assert.deepEqual([original.branch, original.notice], [undefined, undefined]);
    const copy = await goOn('copy.img', 'from the copy');
    assert.match(copy.notice ?? '', /lies on another medium.*If you copied it.*deskpod fork/s);
    assert.match(copy.notices.join(), /is a copy.*as the branch/s);
    const [branch, ...others] = await listBranches(openRsyncHome(home), podId);
    assert.deepEqual([branch?.deviceId, others], [copy.branch, []]);
    await restore('main.img');
    assert.equal(await letterOn('main.img'), 'from the original');
    await restore('branch.img', { branch: copy.branch ?? '' });
    assert.equal(await letterOn('branch.img'), 'from the copy');
  });

  it('that has lost its marker is kept, and the pod comes back by each way that is told', async () => {
    await onDrive(bench.path('pod.img'), 'mv deskpod.pod kept');
    const { hint } = await failureOf('DEVICE_NOT_A_POD', () => letterOn('pod.img'));
    assert.match(hint ?? '', /^Keep what is here.*from a copy.*from a home.*ops\/reader FOLDER\/repository/);
    assert.match(hint ?? '', /Only if .* did not finish, do that again with --force\.$/);
    await writeFile(bench.path('passphrase'), PASSPHRASE);
    const key = ['--passphrase-file', bench.path('passphrase')];
    const words = [READER, 'repository', ...key, '--into', bench.path('read')];
    await onDrive(bench.path('pod.img'), words.join(' '), 'loop,ro');
    assert.equal(await readFile(bench.path(`read/${LETTER}`), 'utf8'), 'before');
    await onDrive(bench.path('pod.img'), 'mv kept deskpod.pod');
    assert.equal(await letterOn('pod.img'), 'before');

    await onDrive(bench.path('pod.img'), 'rm deskpod.pod');
    await restore('new.img');
    assert.equal(await letterOn('new.img'), 'before');
    await failureOf('TARGET_NOT_EMPTY', () => restore('pod.img'));
    await restore('pod.img', { isForced: true });
    assert.equal(await letterOn('pod.img'), 'before');
  });

  it('that a restore replaced is a branch when it turns up, and what the new one has stays as it is', async () => {
    await restore('new.img');
    assert.equal((await goOn('new.img', 'on the new device')).branch, undefined);
    const old = await goOn('pod.img', 'on the old device');
    assert.equal(old.notice, undefined);
    assert.deepEqual(
      (await listBranches(openRsyncHome(home), podId)).map(({ deviceId, epoch }) => [deviceId, epoch]),
      [[old.branch, 1]],
    );
    await restore('again.img');
    assert.equal(await letterOn('again.img'), 'on the new device');
  });
});

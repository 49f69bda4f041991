// Twins with too little room, and one that is pulled out: the former head stays, and what is to be done is told.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { desktopOperations } from '../../src/session/operation/desktop-operations.ts';
import { operate } from '../../src/session/operation/operate.ts';
import { Desktop } from '../../src/session/pod/desktop.ts';
import { openDevice } from '../../src/session/pod/open-device.ts';
import { restorePod } from '../../src/session/pod/restore-pod.ts';
import { run } from '../../src/sync/process.ts';
import { failureOf, MEBIBYTE } from './device-bench.ts';
import { CREDENTIAL, codes, headSeq, quiet, SETTINGS, TwinLab } from './twin-lab.ts';

describe('a twin on a device', () => {
  let lab: TwinLab;
  beforeEach(async () => {
    lab = await TwinLab.open();
  });
  afterEach(() => lab.close());

  it('that is full keeps its former head, and takes a sync after a prune', async () => {
    await lab.checkpoint('letter.txt', 'Dear reader');
    await lab.add(lab.twin, { sizeBytes: 140 * MEBIBYTE });
    await lab.sync();
    const seq = await headSeq(lab.twin);
    await lab.checkpoint('noise', randomBytes(130 * MEBIBYTE));
    assert.deepEqual(codes(await lab.sync()), ['HOME_FULL']);
    assert.equal(await headSeq(lab.twin), seq);
    assert.equal((await operate(lab.twin, 'status', {}, SETTINGS)).lastCheckpoint?.number, 1);
    await unlink(join(lab.desktop.root.layerDir, 'noise'));
    await lab.desktop.checkpoint(quiet);
    const prune = { policy: { last: 1 }, maxUnused: { share: 0 }, isDryRun: false };
    await lab.operations.prune(prune, quiet);
    assert.deepEqual(codes(await lab.sync()), [undefined]);
    assert.equal((await operate(lab.twin, 'status', {}, SETTINGS)).lastCheckpoint?.number, 3);
  });

  it('that has everything but no room to be started is told, is not started, and is restored to a larger device', async () => {
    await lab.add(lab.twin, { sizeBytes: 140 * MEBIBYTE });
    // zeros take no room in the repository, and all of it in the files
    await lab.checkpoint('zeros', new Uint8Array(130 * MEBIBYTE));
    const [outcome] = await lab.sync();
    assert.ok(outcome !== undefined && !('error' in outcome));
    assert.match(outcome.warnings.join(), /too little room to be started/);
    await failureOf('DEVICE_TOO_SMALL', () => openDevice(lab.twin, CREDENTIAL, { onPromotion: quiet }));
    assert.equal((await operate(lab.twin, 'status', {}, SETTINGS)).isTwin, true);
    const plan = { from: lab.twin, credential: CREDENTIAL, sizeBytes: 600 * MEBIBYTE, onProgress: quiet };
    await failureOf('USAGE', () => restorePod({ ...plan, target: lab.twin, isForced: true }));
    const larger = lab.bench.path('larger.img');
    const { epoch, warnings } = await restorePod({ ...plan, target: larger, isForced: false });
    assert.deepEqual([epoch, warnings], [2, []]);
    const restored = await Desktop.take(await openDevice(larger, CREDENTIAL), quiet);
    try {
      assert.equal((await stat(join(restored.root.layerDir, 'zeros'))).size, 130 * MEBIBYTE);
      const { homes } = await desktopOperations(restored).sync({}, quiet);
      assert.deepEqual(codes(homes), [undefined]);
    } finally {
      await restored.close();
    }
    assert.equal((await operate(lab.twin, 'status', {}, SETTINGS)).isTwin, true);
    await failureOf('USAGE', () => restorePod({ ...plan, from: larger, target: lab.image, isForced: true }));
  });

  it('that is pulled out during a sync is away, with its former head', async () => {
    // a drive that gives up after so many bytes, as one that is pulled out does
    const drive = lab.bench.path('drive');
    await mkdir(drive);
    await run('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'tmpfs', drive]);
    lab.bench.atEnd(() => run('umount', ['--lazy', drive]));
    const onDrive = join(drive, 'twin.img');
    await lab.add(onDrive, { sizeBytes: 200 * MEBIBYTE });
    await lab.checkpoint('noise', randomBytes(100 * MEBIBYTE));
    const progress = ({ step }: { step: string }): void => {
      if (step.startsWith('sending')) void rm(onDrive, { force: true });
    };
    const { homes } = await lab.operations.sync({}, progress);
    assert.deepEqual(codes(homes), ['HOME_AWAY']);
    assert.equal(lab.desktop.pod.state.homes[0]?.seq, 0);
    await lab.desktop.checkpoint(quiet);
  });
});

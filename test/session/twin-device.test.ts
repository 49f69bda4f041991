// Twins on devices: made of image files and drives, filled, and made the pod; without any session.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ErrorCode } from '../../src/core/errors.ts';
import { findStaging, formatDevice } from '../../src/session/device/device.ts';
import { findTarget, findUses } from '../../src/session/device/device-target.ts';
import { endProcess, identifyProcess } from '../../src/session/host/process-identity.ts';
import { operate } from '../../src/session/operation/operate.ts';
import { openDevice } from '../../src/session/pod/open-device.ts';
import { lockHolder } from '../../src/sync/posix/flock.ts';
import { run } from '../../src/sync/process.ts';
import { Program } from '../tree/program.ts';
import { failureOf, MEBIBYTE } from './device-bench.ts';
import {
  CREDENTIAL,
  codes,
  headSeq,
  NEW_POD,
  onDevice,
  PASSPHRASE,
  quiet,
  SETTINGS,
  TwinLab,
} from './twin-lab.ts';

describe('a twin on a device', () => {
  let lab: TwinLab;
  beforeEach(async () => {
    lab = await TwinLab.open();
  });
  afterEach(() => lab.close());

  it('whose marker cannot be read is kept, as it may be whole but for that; its pod writes it anew', async () => {
    const { url } = await lab.add(lab.twin, { sizeBytes: 200 * MEBIBYTE });
    await lab.sync();
    const writeMarker = (change: (marker: Buffer) => Buffer): Promise<void> =>
      onDevice(lab.twin, async (mountDir) => {
        const path = join(mountDir, 'deskpod.pod');
        await writeFile(path, change(await readFile(path)));
      });
    const open = () => openDevice(lab.twin, CREDENTIAL, { onPromotion: quiet });
    await writeMarker((marker) => Buffer.concat([marker.subarray(0, 4), Buffer.of(2), marker.subarray(5)]));
    const newer = await failureOf('FORMAT_UNKNOWN', open);
    assert.match(newer.hint ?? '', /newer deskpod/);
    await writeMarker((marker) => Buffer.alloc(marker.length));
    const damaged = await failureOf('MARKER_DAMAGED', open);
    assert.ok(damaged.message.startsWith(`${lab.twin}: `), damaged.message);
    assert.match(damaged.hint ?? '', /^Keep what is here.*ops\/reader FOLDER\/repository/);
    assert.doesNotMatch(damaged.hint ?? '', /--force/);
    await onDevice(lab.twin, (mountDir) => rm(join(mountDir, 'deskpod.pod')));
    assert.deepEqual(codes(await lab.sync()), ['DEVICE_NOT_A_POD']);
    const asked = { home: url, depth: 'structure', isHealing: true, isGivingUp: false } as const;
    const { healedFaults, faults } = await lab.operations.verify(asked, quiet);
    assert.deepEqual([healedFaults, faults], [['marker: expected it, got nothing'], []]);
    assert.deepEqual(codes(await lab.sync()), [undefined]);
    assert.equal((await operate(lab.twin, 'status', {}, SETTINGS)).isTwin, true);
  });

  it('holds marker and repository only, and is free to be unplugged after each sync', async () => {
    await lab.checkpoint('letter.txt', 'Dear reader');
    const added = await lab.add(lab.twin, { sizeBytes: 200 * MEBIBYTE });
    assert.deepEqual(added, { url: `twin://${lab.twin}`, warnings: [] });
    assert.deepEqual(codes(await lab.sync()), [undefined]);
    assert.deepEqual(await findUses(await findTarget(lab.twin)), []);
    const names = await onDevice(lab.twin, (dir) => readdir(dir));
    assert.deepEqual(names.sort(), ['deskpod.pod', 'lost+found', 'repository']);
    assert.doesNotMatch(await readFile(lab.twin, 'latin1'), /Dear reader|letter\.txt/);
  });

  it('becomes the pod in place, with the files, while the device that it followed is refused', async () => {
    await lab.checkpoint('letter.txt', 'Dear reader');
    await lab.add(lab.twin, { sizeBytes: 200 * MEBIBYTE });
    await lab.sync();
    await failureOf('POD_IS_TWIN', () => openDevice(lab.twin, CREDENTIAL));
    await failureOf('PASSPHRASE_WRONG', () =>
      openDevice(lab.twin, { passphrase: 'wrong' }, { onPromotion: quiet }),
    );
    await lab.promoted(async (promoted, { promotion }) => {
      const { epoch, homes, vault } = promoted.pod.state;
      assert.deepEqual([epoch, homes, vault], [2, [], lab.desktop.pod.state.vault]);
      assert.equal(promotion?.epoch, 2);
      assert.equal(await readFile(join(promoted.root.layerDir, 'letter.txt'), 'utf8'), 'Dear reader');
      await promoted.checkpoint(quiet);
    });
    const seq = await headSeq(lab.twin);
    await lab.checkpoint('letter.txt', 'from the lost one');
    assert.deepEqual(codes(await lab.sync()), ['HOME_FENCED']);
    assert.equal(await headSeq(lab.twin), seq);
    assert.equal((await operate(lab.twin, 'status', {}, SETTINGS)).epoch, 2);
  });

  it('goes on to become the pod after whoever began it was killed at any step', async () => {
    await lab.checkpoint('letter.txt', 'Dear reader');
    await lab.add(lab.twin, { sizeBytes: 200 * MEBIBYTE });
    await lab.sync();
    await writeFile(lab.bench.path('passphrase'), PASSPHRASE);
    const program = new Program({ env: { DESKPOD_PASSPHRASE_FILE: lab.bench.path('passphrase') } });
    const { lockFile } = await findStaging(lab.twin);
    for (const step of [/becomes the pod/, /taking over/, /laying out/]) {
      const starting = program.start(['start', lab.twin, '--promote', '--no-view']);
      await starting.progress((progress) => step.test(progress.step));
      const supervisor = identifyProcess(lockHolder(lockFile) ?? 0);
      assert.ok(supervisor !== undefined && (await endProcess(supervisor)), String(step));
      await starting.ended;
    }
    await lab.promoted(async (promoted) => {
      assert.equal(promoted.pod.state.epoch, 2); // once, however often it was begun
      assert.equal(await readFile(join(promoted.root.layerDir, 'letter.txt'), 'utf8'), 'Dear reader');
    });
    assert.deepEqual(await findUses(await findTarget(lab.twin)), []);
  });

  it('on a drive is found by its file system, whatever the drive is called when it is plugged in again', async () => {
    await run('truncate', ['-s', String(200 * MEBIBYTE), lab.twin]);
    const plugIn = async () => (await run('losetup', ['--find', '--show', lab.twin])).stdout;
    const first = await plugIn();
    const { url } = await lab.add(first);
    assert.match(url, /^twin:\/\/\/dev\/disk\/by-uuid\/[0-9a-f-]{36}$/);
    assert.deepEqual(codes(await lab.sync()), [undefined]);
    await run('losetup', ['-d', first]);
    await lab.checkpoint('letter.txt', 'Dear reader');
    assert.deepEqual(codes(await lab.sync()), ['HOME_AWAY']);
    const other = await lab.bench.blockDevice('other.img'); // takes the name that the drive had
    const second = await plugIn();
    lab.bench.atEnd(() => run('losetup', ['-d', second]));
    assert.notEqual(second, other);
    const { homes } = await lab.operations.sync({ url: second }, quiet);
    assert.deepEqual(codes(homes), [undefined]);
    assert.equal((await operate(second, 'status', {}, SETTINGS)).lastCheckpoint?.number, 1);
  });

  const refusals: { what: string; code: ErrorCode; prepare: () => Promise<string> }[] = [
    { what: 'the device of the pod itself', code: 'USAGE', prepare: async () => lab.image },
    {
      what: 'the device of another pod',
      code: 'POD_EXISTS',
      prepare: async () => {
        await lab.bench.pod('twin.img', NEW_POD);
        return lab.twin;
      },
    },
    {
      what: 'a file with something else in it',
      code: 'TARGET_NOT_EMPTY',
      prepare: async () => {
        await writeFile(lab.twin, randomBytes(MEBIBYTE * 130));
        return lab.twin;
      },
    },
    {
      what: 'a device that is mounted',
      code: 'DEVICE_IN_USE',
      prepare: async () => {
        await formatDevice({ path: lab.twin, sizeBytes: 140 * MEBIBYTE });
        await mkdir(lab.bench.path('elsewhere'));
        await run('mount', ['-o', 'loop', lab.twin, lab.bench.path('elsewhere')]);
        lab.bench.atEnd(() => run('umount', [lab.bench.path('elsewhere')]));
        return lab.twin;
      },
    },
    {
      what: 'a device that is too small for what the pod has',
      code: 'DEVICE_TOO_SMALL',
      prepare: async () => {
        await lab.checkpoint('noise', randomBytes(80 * MEBIBYTE));
        await run('truncate', ['-s', String(160 * MEBIBYTE), lab.twin]);
        return lab.twin;
      },
    },
    { what: 'a folder', code: 'USAGE', prepare: async () => lab.bench.dir },
    { what: 'a file that is not there, without a size', code: 'USAGE', prepare: async () => lab.twin },
  ];
  for (const { what, code, prepare } of refusals) {
    it(`is not made of ${what}; nothing changes`, async () => {
      const path = await prepare();
      await failureOf(code, () => lab.add(path));
      assert.deepEqual(lab.desktop.pod.state.homes, []);
    });
  }

  it('that was replaced by the device of another pod is refused, and is one again after it was erased for it', async () => {
    await lab.add(lab.twin, { sizeBytes: 140 * MEBIBYTE });
    await lab.checkpoint('letter.txt', 'Dear reader');
    await lab.sync();
    await lab.bench.pod('other.img', NEW_POD);
    await rename(lab.bench.path('other.img'), lab.twin);
    assert.deepEqual(codes(await lab.sync()), ['HOME_FOREIGN']);
    await failureOf('POD_EXISTS', () => lab.add());
    await lab.add(lab.twin, { isForced: true });
    const [outcome] = await lab.sync();
    assert.ok(outcome !== undefined && !('error' in outcome));
    assert.deepEqual([outcome.wentBack, outcome.notices], [false, []]);
    assert.equal((await operate(lab.twin, 'status', {}, SETTINGS)).lastCheckpoint?.number, 1);
  });
});

// Twins on devices: made of image files and drives, filled, full, pulled out, and made the pod; without any session.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ErrorCode } from '../../src/core/errors.ts';
import { peekHead } from '../../src/core/head.ts';
import { findStaging, formatDevice, mountDevice } from '../../src/session/device/device.ts';
import { findTarget, findUses } from '../../src/session/device/device-target.ts';
import { endProcess, identifyProcess } from '../../src/session/host/process-identity.ts';
import { desktopOperations } from '../../src/session/operation/desktop-operations.ts';
import { type OperateOptions, operate } from '../../src/session/operation/operate.ts';
import type { SyncOutcome } from '../../src/session/operation/operations.ts';
import { Desktop } from '../../src/session/pod/desktop.ts';
import { openDevice } from '../../src/session/pod/open-device.ts';
import { restorePod } from '../../src/session/pod/restore-pod.ts';
import { lockHolder } from '../../src/sync/posix/flock.ts';
import { run } from '../../src/sync/process.ts';
import { Program } from '../tree/program.ts';
import { DeviceBench, failureOf, MEBIBYTE } from './device-bench.ts';

const PASSPHRASE = 'correct horse battery';
const CREDENTIAL = { passphrase: PASSPHRASE };
const NEW_POD = { passphrase: PASSPHRASE, sizeBytes: 400 * MEBIBYTE };
const onProgress = (): void => undefined;
const SETTINGS: OperateOptions = { passphrase: async () => PASSPHRASE, onProgress };

describe('a twin on a device', () => {
  let bench: DeviceBench;
  let image: string;
  let twin: string;
  let desktop: Desktop;

  beforeEach(async () => {
    bench = await DeviceBench.open();
    [image, twin] = [bench.path('pod.img'), bench.path('twin.img')];
    await bench.pod('pod.img', NEW_POD);
    await openPod();
  });
  afterEach(async () => {
    await bench.close();
  });

  /** Opens the pod; it is closed at the end, at the latest. */
  const openPod = async (): Promise<void> => {
    const opened = await Desktop.take(await openDevice(image, CREDENTIAL), onProgress);
    desktop = opened;
    bench.atEnd(() => (desktop === opened ? opened.close() : Promise.resolve()));
  };

  const add = (path = twin, options: { sizeBytes?: number; isForced?: boolean } = {}) =>
    desktopOperations(desktop)['home-add']({ url: path, twin: { isForced: false, ...options } }, onProgress);
  const sync = async (): Promise<readonly SyncOutcome[]> =>
    (await desktopOperations(desktop).sync({}, onProgress)).homes;
  const codes = (outcomes: readonly SyncOutcome[]): (string | undefined)[] =>
    outcomes.map((outcome) => ('error' in outcome ? outcome.error.code : undefined));
  const checkpoint = async (name: string, content: string | Uint8Array): Promise<void> => {
    await writeFile(join(desktop.root.layerDir, name), content);
    await desktop.checkpoint(onProgress);
  };

  /** What is on a device. */
  const onDevice = async <T>(path: string, look: (mountDir: string) => Promise<T>): Promise<T> => {
    const device = await mountDevice(path, { isFresh: true });
    try {
      return await look(device.mountDir);
    } finally {
      await device.unmount();
    }
  };
  const headSeq = (path: string): Promise<number> =>
    onDevice(path, async (dir) => peekHead(await readFile(join(dir, 'repository', 'head'))).seq);

  it('whose marker cannot be read is kept, as it may be whole but for that; its pod writes it anew', async () => {
    const { url } = await add(twin, { sizeBytes: 200 * MEBIBYTE });
    await sync();
    const writeMarker = (change: (marker: Buffer) => Buffer): Promise<void> =>
      onDevice(twin, async (mountDir) => {
        const path = join(mountDir, 'deskpod.pod');
        await writeFile(path, change(await readFile(path)));
      });
    const open = () => openDevice(twin, CREDENTIAL, { onPromotion: onProgress });
    await writeMarker((marker) => Buffer.concat([marker.subarray(0, 4), Buffer.of(2), marker.subarray(5)]));
    const newer = await failureOf('FORMAT_UNKNOWN', open);
    assert.match(newer.hint ?? '', /newer deskpod/);
    await writeMarker((marker) => Buffer.alloc(marker.length));
    const damaged = await failureOf('MARKER_DAMAGED', open);
    assert.ok(damaged.message.startsWith(`${twin}: `), damaged.message);
    assert.match(damaged.hint ?? '', /^Keep what is here.*ops\/reader FOLDER\/repository/);
    assert.doesNotMatch(damaged.hint ?? '', /--force/);
    await onDevice(twin, (mountDir) => rm(join(mountDir, 'deskpod.pod')));
    assert.deepEqual(codes(await sync()), ['DEVICE_NOT_A_POD']);
    const asked = { home: url, depth: 'structure', isHealing: true, isGivingUp: false } as const;
    const { healedFaults, faults } = await desktopOperations(desktop).verify(asked, onProgress);
    assert.deepEqual([healedFaults, faults], [['marker: expected it, got nothing'], []]);
    assert.deepEqual(codes(await sync()), [undefined]);
    assert.equal((await operate(twin, 'status', {}, SETTINGS)).isTwin, true);
  });

  it('holds marker and repository only, and is free to be unplugged after each sync', async () => {
    await checkpoint('letter.txt', 'Dear reader');
    const added = await add(twin, { sizeBytes: 200 * MEBIBYTE });
    assert.deepEqual(added, { url: `twin://${twin}`, warnings: [] });
    assert.deepEqual(codes(await sync()), [undefined]);
    assert.deepEqual(await findUses(await findTarget(twin)), []);
    const names = await onDevice(twin, (dir) => readdir(dir));
    assert.deepEqual(names.sort(), ['deskpod.pod', 'lost+found', 'repository']);
    assert.doesNotMatch(await readFile(twin, 'latin1'), /Dear reader|letter\.txt/);
  });

  it('becomes the pod in place, with the files, while the device that it followed is refused', async () => {
    await checkpoint('letter.txt', 'Dear reader');
    await add(twin, { sizeBytes: 200 * MEBIBYTE });
    await sync();
    await failureOf('POD_IS_TWIN', () => openDevice(twin, CREDENTIAL));
    await failureOf('PASSPHRASE_WRONG', () =>
      openDevice(twin, { passphrase: 'wrong' }, { onPromotion: onProgress }),
    );
    const opened = await openDevice(twin, CREDENTIAL, { onPromotion: onProgress });
    const promoted = await Desktop.take(opened, onProgress);
    try {
      const { epoch, homes, vault } = promoted.pod.state;
      assert.deepEqual([epoch, homes, vault], [2, [], desktop.pod.state.vault]);
      assert.equal(opened.promotion?.epoch, 2);
      assert.equal(await readFile(join(promoted.root.layerDir, 'letter.txt'), 'utf8'), 'Dear reader');
      await promoted.checkpoint(onProgress);
    } finally {
      await promoted.close();
    }
    const seq = await headSeq(twin);
    await checkpoint('letter.txt', 'from the lost one');
    assert.deepEqual(codes(await sync()), ['HOME_FENCED']);
    assert.equal(await headSeq(twin), seq);
    assert.equal((await operate(twin, 'status', {}, SETTINGS)).epoch, 2);
  });

  it('goes on to become the pod after whoever began it was killed at any step', async () => {
    await checkpoint('letter.txt', 'Dear reader');
    await add(twin, { sizeBytes: 200 * MEBIBYTE });
    await sync();
    await writeFile(bench.path('passphrase'), PASSPHRASE);
    const program = new Program({ env: { DESKPOD_PASSPHRASE_FILE: bench.path('passphrase') } });
    const { lockFile } = await findStaging(twin);
    for (const step of [/becomes the pod/, /taking over/, /laying out/]) {
      const starting = program.start(['start', twin, '--promote', '--no-view']);
      await starting.progress((progress) => step.test(progress.step));
      const supervisor = identifyProcess(lockHolder(lockFile) ?? 0);
      assert.ok(supervisor !== undefined && (await endProcess(supervisor)), String(step));
      await starting.ended;
    }
    const opened = await openDevice(twin, CREDENTIAL, { onPromotion: onProgress });
    const promoted = await Desktop.take(opened, onProgress);
    try {
      assert.equal(promoted.pod.state.epoch, 2); // once, however often it was begun
      assert.equal(await readFile(join(promoted.root.layerDir, 'letter.txt'), 'utf8'), 'Dear reader');
    } finally {
      await promoted.close();
    }
    assert.deepEqual(await findUses(await findTarget(twin)), []);
  });

  it('on a drive is found by its file system, whatever the drive is called when it is plugged in again', async () => {
    await run('truncate', ['-s', String(200 * MEBIBYTE), twin]);
    const plugIn = async () => (await run('losetup', ['--find', '--show', twin])).stdout;
    const first = await plugIn();
    const { url } = await add(first);
    assert.match(url, /^twin:\/\/\/dev\/disk\/by-uuid\/[0-9a-f-]{36}$/);
    assert.deepEqual(codes(await sync()), [undefined]);
    await run('losetup', ['-d', first]);
    await checkpoint('letter.txt', 'Dear reader');
    assert.deepEqual(codes(await sync()), ['HOME_AWAY']);
    const other = await bench.blockDevice('other.img'); // takes the name that the drive had
    const second = await plugIn();
    bench.atEnd(() => run('losetup', ['-d', second]));
    assert.notEqual(second, other);
    const { homes } = await desktopOperations(desktop).sync({ url: second }, onProgress);
    assert.deepEqual(codes(homes), [undefined]);
    assert.equal((await operate(second, 'status', {}, SETTINGS)).lastCheckpoint?.number, 1);
  });

  it('that is full keeps its former head, and takes a sync after a prune', async () => {
    await checkpoint('letter.txt', 'Dear reader');
    await add(twin, { sizeBytes: 140 * MEBIBYTE });
    await sync();
    const seq = await headSeq(twin);
    await checkpoint('noise', randomBytes(130 * MEBIBYTE));
    assert.deepEqual(codes(await sync()), ['HOME_FULL']);
    assert.equal(await headSeq(twin), seq);
    assert.equal((await operate(twin, 'status', {}, SETTINGS)).lastCheckpoint?.number, 1);
    await unlink(join(desktop.root.layerDir, 'noise'));
    await desktop.checkpoint(onProgress);
    const prune = { policy: { last: 1 }, maxUnused: { share: 0 }, isDryRun: false };
    await desktopOperations(desktop).prune(prune, onProgress);
    assert.deepEqual(codes(await sync()), [undefined]);
    assert.equal((await operate(twin, 'status', {}, SETTINGS)).lastCheckpoint?.number, 3);
  });

  it('that has everything but no room to be started is told, is not started, and is restored to a larger device', async () => {
    await add(twin, { sizeBytes: 140 * MEBIBYTE });
    // zeros take no room in the repository, and all of it in the files
    await checkpoint('zeros', new Uint8Array(130 * MEBIBYTE));
    const [outcome] = await sync();
    assert.ok(outcome !== undefined && !('error' in outcome));
    assert.match(outcome.warnings.join(), /too little room to be started/);
    await failureOf('DEVICE_TOO_SMALL', () => openDevice(twin, CREDENTIAL, { onPromotion: onProgress }));
    assert.equal((await operate(twin, 'status', {}, SETTINGS)).isTwin, true);
    const plan = { from: twin, credential: CREDENTIAL, sizeBytes: 600 * MEBIBYTE, onProgress };
    await failureOf('USAGE', () => restorePod({ ...plan, target: twin, isForced: true }));
    const larger = bench.path('larger.img');
    const { epoch, warnings } = await restorePod({ ...plan, target: larger, isForced: false });
    assert.deepEqual([epoch, warnings], [2, []]);
    const restored = await Desktop.take(await openDevice(larger, CREDENTIAL), onProgress);
    try {
      assert.equal((await stat(join(restored.root.layerDir, 'zeros'))).size, 130 * MEBIBYTE);
      const { homes } = await desktopOperations(restored).sync({}, onProgress);
      assert.deepEqual(codes(homes), [undefined]);
    } finally {
      await restored.close();
    }
    assert.equal((await operate(twin, 'status', {}, SETTINGS)).isTwin, true);
    await failureOf('USAGE', () => restorePod({ ...plan, from: larger, target: image, isForced: true }));
  });

  it('that is pulled out during a sync is away, with its former head', async () => {
    // a drive that gives up after so many bytes, as one that is pulled out does
    const drive = bench.path('drive');
    await mkdir(drive);
    await run('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'tmpfs', drive]);
    bench.atEnd(() => run('umount', ['--lazy', drive]));
    const onDrive = join(drive, 'twin.img');
    await add(onDrive, { sizeBytes: 200 * MEBIBYTE });
    await checkpoint('noise', randomBytes(100 * MEBIBYTE));
    const progress = ({ step }: { step: string }): void => {
      if (step.startsWith('sending')) void rm(onDrive, { force: true });
    };
    const { homes } = await desktopOperations(desktop).sync({}, progress);
    assert.deepEqual(codes(homes), ['HOME_AWAY']);
    assert.equal(desktop.pod.state.homes[0]?.seq, 0);
    await desktop.checkpoint(onProgress);
  });

  /** What this host would put on devices: no program, but bytes as good as those of one for all that does not run it. */
  const hostHas = async (image: Uint8Array | undefined): Promise<void> => {
    const path = bench.path('runtime.erofs');
    const former = process.env.DESKPOD_RUNTIME_IMAGE;
    process.env.DESKPOD_RUNTIME_IMAGE = path;
    bench.atEnd(async () => {
      if (former === undefined) delete process.env.DESKPOD_RUNTIME_IMAGE;
      else process.env.DESKPOD_RUNTIME_IMAGE = former;
    });
    await (image === undefined ? rm(path, { force: true }) : writeFile(path, image));
  };
  const putOnDevice = () => desktopOperations(desktop)['runtime-put']({}, onProgress);
  const warnings = (outcomes: readonly SyncOutcome[]): string =>
    outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.error.code] : outcome.warnings)).join();

  it('carries a runtime as the device does, of the host that syncs, also when it is the pod', async () => {
    const [first, second] = [randomBytes(3 * MEBIBYTE), randomBytes(3 * MEBIBYTE)];
    await hostHas(first);
    await putOnDevice();
    await checkpoint('letter.txt', 'Dear reader');
    const { url } = await add(twin, { sizeBytes: 200 * MEBIBYTE });
    const carried = () =>
      onDevice(twin, async (dir) => {
        const names = (await readdir(dir)).filter((name) => /deskpod$|runtime/.test(name));
        if (names.length === 0) return undefined;
        assert.deepEqual(names.sort(), ['deskpod', 'runtime.erofs']);
        const [entry, image] = [await stat(join(dir, 'deskpod')), join(dir, 'runtime.erofs')];
        assert.equal(entry.mode & 0o777, 0o755);
        return { bytes: await readFile(image), inode: (await stat(image)).ino };
      });
    const asked = { home: url, depth: 'structure', isGivingUp: false } as const;
    const verify = (isHealing: boolean) =>
      desktopOperations(desktop).verify({ ...asked, isHealing }, onProgress);
    const made = await carried();
    assert.deepEqual(made?.bytes, first);
    await sync();
    await checkpoint('letter.txt', 'Dear reader,');
    assert.deepEqual(codes(await sync()), [undefined]);
    assert.deepEqual(await carried(), made); // it was not copied again

    await hostHas(second);
    const { seq } = desktop.pod.state;
    await sync();
    assert.deepEqual((await carried())?.bytes, second);
    const types = (await desktop.pod.events(seq + 1)).map(({ event }) => event.type);
    assert.ok(types.includes('home.equipped') && !types.includes('runtime.put'), types.join());

    await onDevice(twin, (dir) => writeFile(join(dir, 'deskpod'), '#!/bin/sh\necho gotcha\n'));
    assert.equal((await verify(false)).runtime?.standing, 'altered');
    const healed = await verify(true);
    assert.deepEqual([healed.runtime?.standing, healed.healedFaults.length], ['as-put', 1]);

    await desktopOperations(desktop)['runtime-remove']({}, onProgress);
    await sync();
    assert.deepEqual([await carried(), (await verify(true)).runtime?.standing], [undefined, 'none']);
    await putOnDevice();
    await sync();
    const { standing } = await operate(twin, 'runtime-check', {}, SETTINGS);
    assert.equal(standing, 'as-put');

    await desktop.close();
    const opened = await openDevice(twin, CREDENTIAL, { onPromotion: onProgress });
    const promoted = await Desktop.take(opened, onProgress);
    try {
      const check = desktopOperations(promoted)['runtime-check'];
      assert.equal((await check({}, onProgress)).standing, 'as-put');
    } finally {
      await promoted.close();
    }
  });

  it('carries none after an altered one was taken away and the drive was full before the next was there', async () => {
    await hostHas(randomBytes(20 * MEBIBYTE));
    await putOnDevice();
    await checkpoint('letter.txt', 'Dear reader');
    const { url } = await add(twin, { sizeBytes: 140 * MEBIBYTE });
    assert.equal(warnings(await sync()), '');
    await onDevice(twin, (dir) => writeFile(join(dir, 'deskpod'), '#!/bin/sh\necho gotcha\n'));
    const { deviceDir } = await findStaging(twin);
    const fill = ({ step }: { step: string }): void => {
      if (!step.startsWith('copying the runtime')) return;
      const { bavail, bsize } = statfsSync(deviceDir);
      execFileSync('fallocate', ['-l', String(bavail * bsize - 10 * MEBIBYTE), join(deviceDir, 'noise')]);
    };
    const { seq } = desktop.pod.state;
    const asked = { home: url, depth: 'structure', isHealing: true, isGivingUp: false } as const;
    const answer = await desktopOperations(desktop).verify(asked, fill);
    assert.match(answer.warnings?.join() ?? '', /^twin:.* carries no runtime, .*no space/);
    assert.deepEqual([answer.runtime?.standing, answer.healedFaults.length], ['none', 1]);
    const types = (await desktop.pod.events(seq + 1)).map(({ event }) => event.type);
    assert.ok(types.includes('home.stripped') && !types.includes('home.equipped'), types.join());
    await onDevice(twin, (dir) => rm(join(dir, 'noise')));
    assert.equal(warnings(await sync()), '');
    assert.equal((await operate(twin, 'runtime-check', {}, SETTINGS)).standing, 'as-put');
  });

  it('keeps its runtime where the host has none, and loses it to what the pod itself needs room for', async () => {
    const image = randomBytes(60 * MEBIBYTE);
    await hostHas(image);
    await putOnDevice();
    await checkpoint('letter.txt', 'Dear reader');
    await add(twin, { sizeBytes: 140 * MEBIBYTE });
    assert.equal(warnings(await sync()), '');
    const names = () => onDevice(twin, (dir) => readdir(dir));
    assert.ok((await names()).includes('runtime.erofs'));
    await hostHas(undefined);
    await checkpoint('letter.txt', 'Dear reader,');
    assert.match(warnings(await sync()), /keeps the runtime that it has: .*ops\/setup/);
    await hostHas(image);
    // it fits only where the runtime lies, and its files would not
    await checkpoint('noise', randomBytes(65 * MEBIBYTE));
    const { seq } = desktop.pod.state;
    assert.match(
      warnings(await sync()),
      /carries no runtime, .*too little room.*too little room to be started/,
    );
    assert.ok(!(await names()).includes('runtime.erofs'));
    const types = (await desktop.pod.events(seq + 1)).map(({ event }) => event.type);
    assert.deepEqual(types, ['home.stripped', 'home.acknowledged']);
    assert.equal((await operate(twin, 'status', {}, SETTINGS)).lastCheckpoint?.number, 3);
  });

  const refusals: { what: string; code: ErrorCode; prepare: () => Promise<string> }[] = [
    { what: 'the device of the pod itself', code: 'USAGE', prepare: async () => image },
    {
      what: 'the device of another pod',
      code: 'POD_EXISTS',
      prepare: async () => {
        await bench.pod('twin.img', NEW_POD);
        return twin;
      },
    },
    {
      what: 'a file with something else in it',
      code: 'TARGET_NOT_EMPTY',
      prepare: async () => {
        await writeFile(twin, randomBytes(MEBIBYTE * 130));
        return twin;
      },
    },
    {
      what: 'a device that is mounted',
      code: 'DEVICE_IN_USE',
      prepare: async () => {
        await formatDevice({ path: twin, sizeBytes: 140 * MEBIBYTE });
        await mkdir(bench.path('elsewhere'));
        await run('mount', ['-o', 'loop', twin, bench.path('elsewhere')]);
        bench.atEnd(() => run('umount', [bench.path('elsewhere')]));
        return twin;
      },
    },
    {
      what: 'a device that is too small for what the pod has',
      code: 'DEVICE_TOO_SMALL',
      prepare: async () => {
        await checkpoint('noise', randomBytes(80 * MEBIBYTE));
        await run('truncate', ['-s', String(160 * MEBIBYTE), twin]);
        return twin;
      },
    },
    { what: 'a folder', code: 'USAGE', prepare: async () => bench.dir },
    { what: 'a file that is not there, without a size', code: 'USAGE', prepare: async () => twin },
  ];
  for (const { what, code, prepare } of refusals) {
    it(`is not made of ${what}; nothing changes`, async () => {
      const path = await prepare();
      await failureOf(code, () => add(path));
      assert.deepEqual(desktop.pod.state.homes, []);
    });
  }

  it('that was replaced by the device of another pod is refused, and is one again after it was erased for it', async () => {
    await add(twin, { sizeBytes: 140 * MEBIBYTE });
    await checkpoint('letter.txt', 'Dear reader');
    await sync();
    await bench.pod('other.img', NEW_POD);
    await rename(bench.path('other.img'), twin);
    assert.deepEqual(codes(await sync()), ['HOME_FOREIGN']);
    await failureOf('POD_EXISTS', () => add());
    await add(twin, { isForced: true });
    const [outcome] = await sync();
    assert.ok(outcome !== undefined && !('error' in outcome));
    assert.deepEqual([outcome.wentBack, outcome.notices], [false, []]);
    assert.equal((await operate(twin, 'status', {}, SETTINGS)).lastCheckpoint?.number, 1);
  });
});

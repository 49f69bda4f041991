// The runtime that a twin carries: that of the host which syncs, as long as there is room for the pod itself.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findStaging } from '../../src/session/device/device.ts';
import { desktopOperations } from '../../src/session/operation/desktop-operations.ts';
import { operate } from '../../src/session/operation/operate.ts';
import type { SyncOutcome } from '../../src/session/operation/operations.ts';
import { MEBIBYTE } from './device-bench.ts';
import { codes, onDevice, quiet, SETTINGS, TwinLab } from './twin-lab.ts';

describe('a twin on a device', () => {
  let lab: TwinLab;
  beforeEach(async () => {
    lab = await TwinLab.open();
  });
  afterEach(() => lab.close());

  /** What this host would put on devices: no program, but bytes as good as those of one for all that does not run it. */
  const hostHas = async (image: Uint8Array | undefined): Promise<void> => {
    const path = lab.bench.path('runtime.erofs');
    const former = process.env.DESKPOD_RUNTIME_IMAGE;
    process.env.DESKPOD_RUNTIME_IMAGE = path;
    lab.bench.atEnd(async () => {
      if (former === undefined) delete process.env.DESKPOD_RUNTIME_IMAGE;
      else process.env.DESKPOD_RUNTIME_IMAGE = former;
    });
    await (image === undefined ? rm(path, { force: true }) : writeFile(path, image));
  };
  const putOnDevice = () => lab.operations['runtime-put']({}, quiet);
  const warnings = (outcomes: readonly SyncOutcome[]): string =>
    outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.error.code] : outcome.warnings)).join();

  it('carries a runtime as the device does, of the host that syncs, also when it is the pod', async () => {
    const [first, second] = [randomBytes(3 * MEBIBYTE), randomBytes(3 * MEBIBYTE)];
    await hostHas(first);
    await putOnDevice();
    await lab.checkpoint('letter.txt', 'Dear reader');
    const { url } = await lab.add(lab.twin, { sizeBytes: 200 * MEBIBYTE });
    const carried = () =>
      onDevice(lab.twin, async (dir) => {
        const names = (await readdir(dir)).filter((name) => /deskpod$|runtime/.test(name));
        if (names.length === 0) return undefined;
        assert.deepEqual(names.sort(), ['deskpod', 'runtime.erofs']);
        const [entry, image] = [await stat(join(dir, 'deskpod')), join(dir, 'runtime.erofs')];
        assert.equal(entry.mode & 0o777, 0o755);
        return { bytes: await readFile(image), inode: (await stat(image)).ino };
      });
    const asked = { home: url, depth: 'structure', isGivingUp: false } as const;
    const verify = (isHealing: boolean) => lab.operations.verify({ ...asked, isHealing }, quiet);
    const made = await carried();
    assert.deepEqual(made?.bytes, first);
    await lab.sync();
    await lab.checkpoint('letter.txt', 'Dear reader,');
    assert.deepEqual(codes(await lab.sync()), [undefined]);
    assert.deepEqual(await carried(), made); // it was not copied again

    await hostHas(second);
    const { seq } = lab.desktop.pod.state;
    await lab.sync();
    assert.deepEqual((await carried())?.bytes, second);
    const types = (await lab.desktop.pod.events(seq + 1)).map(({ event }) => event.type);
    assert.ok(types.includes('home.equipped') && !types.includes('runtime.put'), types.join());

    await onDevice(lab.twin, (dir) => writeFile(join(dir, 'deskpod'), '#!/bin/sh\necho gotcha\n'));
    assert.equal((await verify(false)).runtime?.standing, 'altered');
    const healed = await verify(true);
    assert.deepEqual([healed.runtime?.standing, healed.healedFaults.length], ['as-put', 1]);

    await lab.operations['runtime-remove']({}, quiet);
    await lab.sync();
    assert.deepEqual([await carried(), (await verify(true)).runtime?.standing], [undefined, 'none']);
    await putOnDevice();
    await lab.sync();
    const { standing } = await operate(lab.twin, 'runtime-check', {}, SETTINGS);
    assert.equal(standing, 'as-put');

    await lab.desktop.close();
    await lab.promoted(async (promoted) => {
      const check = desktopOperations(promoted)['runtime-check'];
      assert.equal((await check({}, quiet)).standing, 'as-put');
    });
  });

  it('carries none after an altered one was taken away and the drive was full before the next was there', async () => {
    await hostHas(randomBytes(20 * MEBIBYTE));
    await putOnDevice();
    await lab.checkpoint('letter.txt', 'Dear reader');
    const { url } = await lab.add(lab.twin, { sizeBytes: 140 * MEBIBYTE });
    assert.equal(warnings(await lab.sync()), '');
    await onDevice(lab.twin, (dir) => writeFile(join(dir, 'deskpod'), '#!/bin/sh\necho gotcha\n'));
    const { deviceDir } = await findStaging(lab.twin);
    const fill = ({ step }: { step: string }): void => {
      if (!step.startsWith('copying the runtime')) return;
      const { bavail, bsize } = statfsSync(deviceDir);
      execFileSync('fallocate', ['-l', String(bavail * bsize - 10 * MEBIBYTE), join(deviceDir, 'noise')]);
    };
    const { seq } = lab.desktop.pod.state;
    const asked = { home: url, depth: 'structure', isHealing: true, isGivingUp: false } as const;
    const answer = await lab.operations.verify(asked, fill);
    assert.match(answer.warnings?.join() ?? '', /^twin:.* carries no runtime, .*no space/);
    assert.deepEqual([answer.runtime?.standing, answer.healedFaults.length], ['none', 1]);
    const types = (await lab.desktop.pod.events(seq + 1)).map(({ event }) => event.type);
    assert.ok(types.includes('home.stripped') && !types.includes('home.equipped'), types.join());
    await onDevice(lab.twin, (dir) => rm(join(dir, 'noise')));
    assert.equal(warnings(await lab.sync()), '');
    assert.equal((await operate(lab.twin, 'runtime-check', {}, SETTINGS)).standing, 'as-put');
  });

  it('keeps its runtime where the host has none, and loses it to what the pod itself needs room for', async () => {
    const image = randomBytes(60 * MEBIBYTE);
    await hostHas(image);
    await putOnDevice();
    await lab.checkpoint('letter.txt', 'Dear reader');
    await lab.add(lab.twin, { sizeBytes: 140 * MEBIBYTE });
    assert.equal(warnings(await lab.sync()), '');
    const names = () => onDevice(lab.twin, (dir) => readdir(dir));
    assert.ok((await names()).includes('runtime.erofs'));
    await hostHas(undefined);
    await lab.checkpoint('letter.txt', 'Dear reader,');
    assert.match(warnings(await lab.sync()), /keeps the runtime that it has: .*ops\/setup/);
    await hostHas(image);
    // it fits only where the runtime lies, and its files would not
    await lab.checkpoint('noise', randomBytes(65 * MEBIBYTE));
    const { seq } = lab.desktop.pod.state;
    assert.match(
      warnings(await lab.sync()),
      /carries no runtime, .*too little room.*too little room to be started/,
    );
    assert.ok(!(await names()).includes('runtime.erofs'));
    const types = (await lab.desktop.pod.events(seq + 1)).map(({ event }) => event.type);
    assert.deepEqual(types, ['home.stripped', 'home.acknowledged']);
    assert.equal((await operate(lab.twin, 'status', {}, SETTINGS)).lastCheckpoint?.number, 3);
  });
});

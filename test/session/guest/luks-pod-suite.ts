// A whole desktop pod on a LUKS vault: made, written into, checkpointed, synced, lost and restored.
import assert from 'node:assert/strict';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createDesktop } from '../../../src/session/pod/create-desktop.ts';
import { Desktop } from '../../../src/session/pod/desktop.ts';
import { openDevice } from '../../../src/session/pod/open-device.ts';
import { restorePod } from '../../../src/session/pod/restore-pod.ts';
import { addTwin } from '../../../src/session/twin/add-twin.ts';
import { lendHomesOf } from '../../../src/session/twin/lend-homes.ts';
import { addHome } from '../../../src/sync/pod/add-home.ts';
import { syncHomes } from '../../../src/sync/pod/replicate.ts';
import { run } from '../../../src/sync/process.ts';
import { DeviceBench, MEBIBYTE } from '../device-bench.ts';
import type { Register } from '../vault-bench.ts';

/** On the checkout's disk: an EROFS image, as every base is. */
const BASE = '/checkout/base.erofs';
const PASSPHRASE = 'a pod on a LUKS vault';
const CREDENTIAL = { passphrase: PASSPHRASE };
const DEVICE_BYTES = 192 * MEBIBYTE;
const onProgress = (): void => undefined;

/** Registers the suite. */
export function describeLuksPod(register: Register = it): void {
  describe('a pod on a LUKS vault', () => {
    register('is made, checkpointed, synced, and restored onto a LUKS vault again', () =>
      DeviceBench.use(async (bench) => {
        const [image, home] = [bench.path('pod.img'), bench.path('home')];
        await createDesktop({ ...planFor(image), sizeBytes: DEVICE_BYTES });
        const desktop = await Desktop.take(await openDevice(image, CREDENTIAL), onProgress);
        try {
          assert.equal(desktop.pod.state.vault, 'luks');
          await mkdir(join(desktop.root.layerDir, 'home/user'), { recursive: true });
          await writeFile(join(desktop.root.layerDir, 'home/user/letter.txt'), 'Dear reader');
          await symlink('letter.txt', join(desktop.root.layerDir, 'home/user/latest'));
          const { number } = await desktop.checkpoint(onProgress);
          assert.equal(number, 1);
          await addHome(desktop.pod, home);
          const outcomes = await syncHomes(desktop.pod, undefined, onProgress);
          assert.deepEqual(
            outcomes.map((outcome) => 'error' in outcome),
            [false],
          );
        } finally {
          await desktop.close();
        }

        const target = bench.path('new.img');
        const report = await restorePod({
          from: home,
          credential: CREDENTIAL,
          target,
          sizeBytes: DEVICE_BYTES,
          isForced: false,
          onProgress,
        });
        assert.deepEqual(report.warnings, []);
        const restored = await Desktop.take(await openDevice(target, CREDENTIAL), onProgress);
        try {
          const { layerDir } = restored.root;
          assert.equal(await readFile(join(layerDir, 'home/user/latest'), 'utf8').catch(codeOf), 'ELOOP');
          assert.equal(await readFile(join(layerDir, 'home/user/letter.txt'), 'utf8'), 'Dear reader');
          const { stdout } = await run('findmnt', ['-n', '-o', 'SOURCE', join(layerDir, '../..')]);
          assert.match(stdout, /^\/dev\/mapper\/deskpod-/);
        } finally {
          await restored.close();
        }
      }),
    );

    register(
      'has a twin that becomes the pod on a LUKS vault of its own, also after that was interrupted',
      () =>
        DeviceBench.use(async (bench) => {
          const [image, twin] = [bench.path('pod.img'), bench.path('twin.img')];
          await createDesktop({ ...planFor(image), sizeBytes: DEVICE_BYTES });
          const desktop = await Desktop.take(await openDevice(image, CREDENTIAL), onProgress);
          try {
            await writeFile(join(desktop.root.layerDir, 'letter.txt'), 'Dear reader');
            await desktop.checkpoint(onProgress);
            await addTwin(desktop.pod, { path: twin, sizeBytes: DEVICE_BYTES, isForced: false }, onProgress);
            const lend = lendHomesOf(desktop.pod);
            const outcomes = await syncHomes(desktop.pod, undefined, onProgress, {}, lend);
            assert.deepEqual(
              outcomes.map((outcome) => 'error' in outcome),
              [false],
            );
          } finally {
            await desktop.close();
          }

          const interrupt = ({ step }: { readonly step: string }): void => {
            if (step === 'laying out the files') throw new Error('interrupted');
          };
          await assert.rejects(openDevice(twin, CREDENTIAL, { onPromotion: interrupt }), /interrupted/);
          const opened = await openDevice(twin, CREDENTIAL, { onPromotion: onProgress });
          const promoted = await Desktop.take(opened, onProgress);
          try {
            assert.deepEqual([promoted.pod.state.epoch, promoted.pod.state.vault], [2, 'luks']);
            const letter = join(promoted.root.layerDir, 'letter.txt');
            assert.equal(await readFile(letter, 'utf8'), 'Dear reader');
          } finally {
            await promoted.close();
          }
        }),
    );
  });
}

function planFor(devicePath: string) {
  const vaultKind = 'luks' as const;
  const plan = { devicePath, name: 'desk', passphrase: PASSPHRASE, base: BASE, vaultKind, workFactor: 2 };
  return { ...plan, isForced: false, onProgress };
}

function codeOf(error: NodeJS.ErrnoException): string | undefined {
  return error.code;
}

// What only a LUKS vault has: a header that can be damaged, a mapping and a loop device that must not stay.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { open, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeskPodError } from '../../../src/core/errors.ts';
import { formatDevice, mountDevice } from '../../../src/session/device/device.ts';
import { findMapping } from '../../../src/session/device/mapping.ts';
import { findLeftovers } from '../../../src/session/host/leftovers.ts';
import { mountAt, readMounts } from '../../../src/session/host/mount-table.ts';
import { listStagings, stagingOf } from '../../../src/session/host/staging.ts';
import { releaseUnfinished } from '../../../src/session/pod/release.ts';
import { mappingName } from '../../../src/session/vault/luks-vault.ts';
import { chooseVault, preferVaultKind, probeVaultKinds } from '../../../src/session/vault/vault.ts';
import { run } from '../../../src/sync/process.ts';
import { DeviceBench, failureOf, kill, MEBIBYTE } from '../device-bench.ts';
import { KEPT, type Register, VaultTemplates } from '../vault-bench.ts';

const KIBIBYTE = 1024;
/** Where in the container each part begins. */
const [FIRST_HEADER, SECOND_HEADER] = [0, 16 * KIBIBYTE];
const [FIRST_SLOT, SECOND_SLOT] = [32 * KIBIBYTE, 284 * KIBIBYTE];
const DATA = 16 * MEBIBYTE;
const BLOCK_BYTES = 4096;
const DRIVE_MEBIBYTES = 128;
const DEADLINE_MS = 30_000;
const POLL_MS = 5;

/** Registers the suite. */
export function describeLuksVault(register: Register = it): void {
  describe('a LUKS vault', () => {
    const templates = new VaultTemplates('luks');
    after(() => templates.close());

    register(
      'is a kind that this host can open, and is chosen again for a device that replaces one',
      async () => {
        const luks = (await probeVaultKinds()).find(({ kind }) => kind === 'luks');
        assert.deepEqual(luks, { kind: 'luks', isUsable: true, missing: undefined });
        assert.equal(await preferVaultKind(), 'fscrypt');
        assert.equal(await preferVaultKind('luks'), 'luks');
      },
    );

    register('opens when one copy of its header and one of its key slots are damaged', () =>
      templates.withVault(async ({ vault, place, volumeKey }) => {
        for (const places of [
          [FIRST_HEADER, SECOND_SLOT],
          [SECOND_HEADER, FIRST_SLOT],
        ]) {
          const mend = await damage(join(place.mountDir, 'vault.luks'), places);
          await vault.unlock(volumeKey);
          assert.equal(await readFile(join(vault.dir, 'kept.txt'), 'utf8'), KEPT);
          await vault.lock();
          const { loopDevices, mapping } = await findLeftovers(stagingOf(place.stagingId));
          assert.deepEqual({ loopDevices, mapping }, { loopDevices: [], mapping: undefined });
          await mend();
        }
      }),
    );

    register('says so, and leaves nothing open, when both are damaged, or the file system in it', () =>
      templates.withVault(async ({ vault, place, volumeKey }) => {
        const cases = [
          { places: [FIRST_HEADER, SECOND_HEADER], expected: /header cannot be read/ },
          { places: [FIRST_SLOT, SECOND_SLOT], expected: /key slots are damaged/ },
          { places: [DATA], expected: /no file system of a vault/ },
        ];
        for (const { places, expected } of cases) {
          const mend = await damage(join(place.mountDir, 'vault.luks'), places);
          const failure = await failureOf('VAULT_FAILED', () => vault.unlock(volumeKey));
          assert.match(failure.message, expected);
          assert.equal(await vault.isUnlocked(), false);
          assert.equal(await findMapping(mappingName(place.stagingId)), undefined);
          await mend();
        }
      }),
    );

    register('can be made again, without force, after its making was killed', () =>
      templates.withDevice(async ({ device: { path, unmount } }) => {
        await unmount();
        await killWhileMaking(path);
        await untilFree(() => releaseUnfinished(path));
        await formatDevice({ path });
      }),
    );

    register(
      'is closed when its drive is pulled out, says that not all was written, opens when it is back',
      () =>
        DeviceBench.use(async (bench) => {
          await run('modprobe', ['sd_mod']);
          await run('modprobe', ['scsi_debug', `dev_size_mb=${DRIVE_MEBIBYTES}`, 'delay=0']);
          const drive = await findDrive();
          await formatDevice({ path: drive });
          const device = await mountDevice(drive, { isFresh: true });
          const place = { mountDir: device.mountDir, stagingId: device.staging.id };
          const vault = chooseVault('luks', place);
          const volumeKey = randomBytes(64);
          await vault.create(volumeKey);
          await writeFile(join(vault.dir, 'kept.txt'), 'kept');
          await run('sync', ['-f', vault.dir]);
          await pull(drive);
          await writeFile(join(vault.dir, 'late.txt'), 'late').catch(ignoreInputOutput);
          const failure = await failureOf('VAULT_FAILED', () => vault.lock());
          assert.match(failure.message, /not everything could be written/);
          assert.equal(await findMapping(mappingName(place.stagingId)), undefined);
          await failureOf('DEVICE_GONE', () => device.unmount());
          assert.equal(mountAt(await readMounts(), device.mountDir), undefined);

          await plugIn();
          const again = await bench.mount(await findDrive());
          const found = chooseVault('luks', { mountDir: again.mountDir, stagingId: again.staging.id });
          bench.atEnd(() => found.lock());
          await found.unlock(volumeKey);
          assert.equal(await readFile(join(found.dir, 'kept.txt'), 'utf8'), 'kept');
        }),
    );
  });
}

/** Puts noise over blocks of a container; the answer puts back what was there. */
async function damage(path: string, places: readonly number[]): Promise<() => Promise<void>> {
  const container = await open(path, 'r+');
  const blocks = places.map((place) => ({ place, bytes: Buffer.alloc(BLOCK_BYTES) }));
  try {
    for (const { place, bytes } of blocks) {
      await container.read(bytes, 0, BLOCK_BYTES, place);
      await container.write(randomBytes(BLOCK_BYTES), 0, BLOCK_BYTES, place);
    }
  } finally {
    await container.close();
  }
  return async () => {
    const mended = await open(path, 'r+');
    for (const { place, bytes } of blocks) await mended.write(bytes, 0, BLOCK_BYTES, place);
    await mended.close();
  };
}

/** Lets another process make a vault, and kills it while a program makes the file system in it. */
async function killWhileMaking(image: string): Promise<void> {
  const before = new Set((await listStagings()).map(({ id }) => id));
  const program = join(dirname(process.argv[1] ?? ''), 'make-vault.js');
  const child = spawn(process.execPath, [...process.execArgv, program, image], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const deadline = performance.now() + DEADLINE_MS;
  try {
    for (;;) {
      const staging = (await listStagings()).find(({ id }) => !before.has(id));
      if (staging !== undefined && (await findMapping(mappingName(staging.id))) !== undefined) return;
      assert.equal(child.exitCode, null, 'it ended before that');
      assert.ok(performance.now() < deadline, 'it never came to that');
      await delay(POLL_MS);
    }
  } finally {
    await kill(child);
  }
}

/** The programs that a killed process had started end by themselves. */
async function untilFree(action: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!isDeskPodError(error, 'DEVICE_IN_USE') || performance.now() > deadline) throw error;
    }
  }
}

async function findDrive(): Promise<string> {
  return `/dev/${await waitFor(async () => (await readdir('/sys/block')).find((name) => name.startsWith('sd')))}`;
}

async function pull(drive: string): Promise<void> {
  await writeFile(`/sys/block/${drive.replace('/dev/', '')}/device/delete`, '1');
  await waitFor(async () =>
    (await readdir('/sys/block')).some((name) => name.startsWith('sd')) ? undefined : true,
  );
}

async function plugIn(): Promise<void> {
  for (const host of await readdir('/sys/class/scsi_host')) {
    await writeFile(`/sys/class/scsi_host/${host}/scan`, '- - -');
  }
}

async function waitFor<T>(look: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    assert.ok(performance.now() < deadline, 'it never came');
    await delay(POLL_MS);
  }
}

/** A file system whose drive is gone refuses what it cannot keep in memory. */
function ignoreInputOutput(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EIO' && error.code !== 'EROFS') throw error;
}
